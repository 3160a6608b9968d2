# SPDX-License-Identifier: Apache-2.0
"""Train a model that was changed further, by the section [fine_tune] of a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sapmcu.frontends.keras_3 import load_keras_3
from sapmcu.ir.measure import MEASURE_TITLES
from sapmcu.ir.pruning import FineTuning
from sapmcu.isolated import Progress
from sapmcu.train.backend import load_backend
from sapmcu.train.building import task_of
from sapmcu.train.data import Splits
from sapmcu.train.fit import Job, best_row, compile_predict, evaluate, fit, score_key
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
    task = task_of(recipe, original, splits, whole)
    validation = splits.validation

    def score(model: Any) -> float:
        found, _ = evaluate(task, compile_predict(backend, model), validation)
        return task.score(found, validation)

    model = backend.keras.models.load_model(changed, compile=False)
    before, pruned = score(original), score(model)
    progress(f"validation {MEASURE_TITLES[task.measure]} {pruned:.2%}; {before:.2%} before pruning")
    job = Job(splits.train, validation, recipe.fine_tuning(), recipe.augmentation, None, {}, task)
    history = fit(backend, model, job, progress)
    model.save(changed)
    tuned = best_row(history, task)[score_key(task)]
    return FineTuning(recipe.name, len(history), before, pruned, tuned, task.measure)
