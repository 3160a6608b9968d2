# SPDX-License-Identifier: Apache-2.0
"""Train a model that was changed further, by the section [fine_tune] of a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sapmcu.errors import UserError
from sapmcu.frontends.keras_3 import load_keras_3
from sapmcu.ir.pruning import FineTuning
from sapmcu.isolated import Progress
from sapmcu.train.backend import load_backend
from sapmcu.train.data import Splits
from sapmcu.train.fit import Job, accuracy, best_row, compile_predict, evaluate, fit
from sapmcu.train.recipe import Recipe


def fine_tune(
    whole: Path, changed: Path, recipe: Recipe, progress: Progress, *, threads: int = 0, splits: Splits | None = None
) -> FineTuning:
    """Train the file `changed` further and write it again; `whole` is what it was made of, for comparison.

    The test set is not read. splits: the recipe's data, where they are loaded already. Raises: UserError where the
    data are not those of the model.
    """
    splits = splits or recipe.load_data()
    backend = load_backend(threads)
    backend.keras.utils.set_random_seed(recipe.training.seed)
    original = load_keras_3(whole)
    _check_shapes(original, whole, splits, recipe)
    validation = splits.validation

    def share_right(model: Any) -> float:
        classes, _ = evaluate(compile_predict(backend, model), validation)
        return accuracy(classes, validation)

    model = backend.keras.models.load_model(changed, compile=False)
    before, pruned = share_right(original), share_right(model)
    progress(f"validation {pruned:.2%} right; {before:.2%} before pruning")
    job = Job(splits.train, validation, recipe.fine_tuning(), recipe.augmentation, None, {})
    history = fit(backend, model, job, progress)
    model.save(changed)
    return FineTuning(recipe.name, len(history), before, pruned, best_row(history)["validation_accuracy"])


def _check_shapes(model: Any, path: Path, splits: Splits, recipe: Recipe) -> None:
    wanted = f"{(None, *splits.train.images.shape[1:])} to {(None, len(splits.class_names))}"
    if (found := f"{model.input_shape} to {model.output_shape}") != wanted:
        raise UserError(
            f"{path} maps {found}; the data of recipe {recipe.name} need {wanted}",
            hint="give the recipe by which the model was trained",
        )
