# SPDX-License-Identifier: Apache-2.0
"""`sapmcu train`: a recipe in; the trained network, its history, card and samples out, in a directory."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sapmcu.errors import UserError
from sapmcu.frontends.source import load_source
from sapmcu.ir.cost import graph_macs
from sapmcu.ir.graph import Array
from sapmcu.isolated import Progress
from sapmcu.train.backend import Backend, load_backend
from sapmcu.train.card import Card, card_json, load_card, render_card, versions
from sapmcu.train.checkpoint import load_checkpoint, write_aside, write_text_aside
from sapmcu.train.data import Split, Splits
from sapmcu.train.fit import Job, Row, accuracy, best_row, compile_predict, evaluate, fit, is_stopped
from sapmcu.train.networks import load_network
from sapmcu.train.recipe import Recipe

MODEL, HISTORY, CARD, PAGE, SAMPLES, CHECKPOINT = (
    "model.keras",
    "history.json",
    "card.json",
    "card.md",
    "model.samples.npz",
    "checkpoint.npz",
)
CALIBRATION_SAMPLES = 200


def train(recipe: Recipe, out: Path, progress: Progress, *, threads: int = 0, splits: Splits | None = None) -> Card:
    """Train by the recipe, or go on where an interruption left it; a finished training is only read.

    out: gets model.keras, history.json, card.json, card.md and model.samples.npz, with which `sapmcu convert` finds
    ranges; checkpoint.npz until it is finished. splits: the recipe's data, where they are loaded already.
    Raises: UserError, ToolError. An interrupt passes through; the last epoch's checkpoint stays.
    """
    if (card := finished_card(recipe, out)) is not None:
        progress(f"{out} is finished already")
        return card
    splits = splits or recipe.load_data()
    backend = load_backend(threads)
    model = build_network(backend, recipe, splits)
    make_directory(out)
    job = Job(splits.train, splits.validation, recipe.training, recipe.augmentation, out / CHECKPOINT, recipe.facts)
    progress(
        f"{model.count_params():,} parameters; {splits.origin}, "
        f"{len(splits.train):,} pictures to train with, {len(splits.validation):,} to validate"
    )
    try:
        history = fit(backend, model, job, progress)
    except KeyboardInterrupt:
        kept = len(load_checkpoint(out / CHECKPOINT).history) if (out / CHECKPOINT).exists() else 0
        progress(f"{kept} of {recipe.training.epochs} epochs are kept in {out}; the same command goes on from there")
        raise
    write_aside(out / MODEL, lambda file: _save_model(model, file))
    write_samples(out / SAMPLES, splits.validation, recipe.training.seed)
    write_text_aside(out / HISTORY, json.dumps(history, indent=1) + "\n")
    progress(f"testing with {len(splits.test):,} pictures")
    classes, _ = evaluate(compile_predict(backend, model), splits.test)
    test_accuracy = accuracy(classes, splits.test)
    card = make_card(recipe, splits, model, history, count_macs(out / MODEL, progress), test_accuracy)
    write_text_aside(out / PAGE, render_card(card))
    write_text_aside(out / CARD, card_json(card))
    (out / CHECKPOINT).unlink(missing_ok=True)
    return card


def finished_card(recipe: Recipe, out: Path) -> Card | None:
    """The card of `out`, None where no training has finished there.

    Raises: UserError where `out` holds a training by another recipe, or something else.
    """
    if (out / CARD).is_file():
        card = load_card(out / CARD)
        _check_same(card.facts, recipe, out)
        return card
    if (out / CHECKPOINT).is_file():
        _check_same(load_checkpoint(out / CHECKPOINT).facts, recipe, out)
    elif out.is_dir() and any(entry.name[:1] != "." for entry in out.iterdir()):
        raise UserError(
            f"{out} is not empty and holds no training (no {CARD}, no {CHECKPOINT})", hint="choose another with -o"
        )
    return None


def _check_same(facts: Mapping[str, Any], recipe: Recipe, out: Path) -> None:
    wanted = recipe.facts
    if facts == wanted:
        return
    details = []
    for section, values in wanted.items():
        assert isinstance(values, dict)
        there = facts.get(section, {})
        for key in dict.fromkeys([*there, *values]):
            if there.get(key) != values.get(key):
                details.append(f"{section}.{key} was {there.get(key)}, is {values.get(key)}")
    raise UserError(
        f"{out} holds a training by another recipe", hint="choose another with -o, or remove it", details=details
    )


def build_network(backend: Backend, recipe: Recipe, splits: Splits) -> Any:
    """The untrained model, its weights drawn from the recipe's seed.

    Raises: UserError where the network doesn't take the recipe's arguments, or isn't a classifier of these pictures.
    """
    build = load_network(recipe.network_path)
    known = inspect.signature(build).parameters
    if unknown := [key for key in recipe.network.arguments if key not in known]:
        raise UserError(
            f"the network {recipe.network.name} takes no {', '.join(unknown)}",
            hint=f"its arguments: {', '.join(list(known)[2:]) or 'none'}",
        )
    backend.keras.backend.clear_session()
    backend.keras.utils.set_random_seed(recipe.training.seed)
    shape = splits.train.images.shape[1:]
    try:
        model = build(shape, len(splits.class_names), **recipe.network.arguments)
    except Exception as error:
        if isinstance(error, UserError) or not recipe.network.name.endswith(".py"):
            raise
        raise UserError(
            f"`build` of {recipe.network_path} fails: {type(error).__name__}: {error}",
            hint="call it from Python to see more",
        ) from error
    wanted = f"{(None, *shape)} to {(None, len(splits.class_names))}"
    if (found := f"{model.input_shape} to {model.output_shape}") != wanted:
        raise UserError(
            f"the network {recipe.network.name} maps {found}; the data need {wanted}",
            hint="its `build` gets the shape of a picture and the number of classes",
        )
    return model


def make_card(
    recipe: Recipe, splits: Splits, model: Any, history: Sequence[Row], macs: int | None, test_accuracy: float
) -> Card:
    best = best_row(history)
    return Card(
        recipe=recipe.name,
        facts=recipe.facts,
        data_set=splits.origin,
        class_names=list(splits.class_names),
        input_shape=list(model.input_shape[1:]),
        train_pictures=len(splits.train),
        validation_pictures=len(splits.validation),
        test_pictures=len(splits.test),
        parameters=model.count_params(),
        macs=macs,
        epochs=len(history),
        best_epoch=best["epoch"],
        is_stopped_early=len(history) < recipe.training.epochs and is_stopped(history, recipe.training),
        validation_accuracy=best["validation_accuracy"],
        test_accuracy=test_accuracy,
        seed=recipe.training.seed,
        seconds=round(sum(row["seconds"] for row in history), 1),
        versions=versions(),
    )


def count_macs(path: Path, progress: Progress) -> int | None:
    """Of one inference, by the ops that convert makes of the network; None where it can't."""
    try:
        return graph_macs(load_source(path).graph)
    except UserError as error:
        progress(f"note: MACs are unknown: {error.message}")
        return None


def calibration_samples(split: Split, seed: int) -> tuple[Array, Array]:
    """Up to 200 pictures of the validation part and their classes, as many of each class."""
    rng = np.random.default_rng(seed)
    classes = np.unique(split.labels)
    each = max(1, CALIBRATION_SAMPLES // len(classes))
    chosen = np.sort(np.concatenate([rng.permutation(np.flatnonzero(split.labels == k))[:each] for k in classes]))
    return split.images[chosen], split.labels[chosen]


def write_samples(path: Path, split: Split, seed: int) -> None:
    """Pixels as uint8; `normalize` says how they become inputs."""
    images, labels = calibration_samples(split, seed)
    write_aside(
        path, lambda file: np.savez_compressed(file, x=images, y=labels.astype(np.uint16), normalize=np.array("0..1"))
    )


def make_directory(out: Path) -> None:
    """Raises: UserError where it can't be made."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{out} can't be made: {error.strerror}", hint="choose another with -o") from error


def load_model(backend: Backend, path: Path) -> Any:
    """Raises: UserError where it has layers that only its author has."""
    try:
        return backend.keras.models.load_model(path, compile=False)
    except (ValueError, TypeError) as error:
        raise UserError(
            f"{path} can't be loaded again",
            hint="register layers of your own: @keras.saving.register_keras_serializable()",
            details=str(error).splitlines()[:3],
        ) from error


def _save_model(model: Any, file: Any) -> None:
    """Keras saves to a path that ends in .keras, and no other."""
    path = Path(file.name)
    kept = path.with_name(f"{path.name}.keras")
    try:
        model.save(kept)
        file.write(kept.read_bytes())
    finally:
        kept.unlink(missing_ok=True)
