# SPDX-License-Identifier: Apache-2.0
"""`sapmcu train`: a recipe in; the trained network, its history, card and samples out, in a directory."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sapmcu.errors import UserError
from sapmcu.ir.cost import graph_macs
from sapmcu.ir.graph import Array
from sapmcu.ir.measure import ACCURACY
from sapmcu.isolated import Progress
from sapmcu.train.backend import Backend, load_backend
from sapmcu.train.building import build_network, task_of
from sapmcu.train.card import Card, card_json, load_card, render_card, versions
from sapmcu.train.checkpoint import load_checkpoint, write_aside, write_text_aside
from sapmcu.train.data import Split, Splits
from sapmcu.train.fit import Job, Predict, Row, best_row, compile_predict, evaluate, fit, is_stopped, score_key
from sapmcu.train.recipe import Recipe
from sapmcu.train.task import Task
from sapmcu.train.trained import load_trained

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

    out: gets model.keras, history.json, card.json, card.md, model.samples.npz, with which `sapmcu convert` finds
    ranges, and a detector's anchors.npy; checkpoint.npz until it is finished. splits: the recipe's data, where they
    are loaded already.
    Raises: UserError, ToolError. An interrupt passes through; the last epoch's checkpoint stays.
    """
    if (card := finished_card(recipe, out)) is not None:
        progress(f"{out} is finished already")
        return card
    splits = splits or recipe.load_data()
    backend = load_backend(threads)
    model = build_network(backend, recipe, splits)
    task = task_of(recipe, model, splits)
    make_directory(out)
    checkpoint = out / CHECKPOINT
    job = Job(splits.train, splits.validation, recipe.training, recipe.augmentation, checkpoint, recipe.facts, task)
    progress(
        f"{model.count_params():,} parameters; {splits.origin}, "
        f"{len(splits.train):,} pictures to train with, {len(splits.validation):,} to validate"
    )
    try:
        history = fit(backend, model, job, progress)
    except KeyboardInterrupt:
        kept = len(load_checkpoint(checkpoint).history) if checkpoint.exists() else 0
        progress(f"{kept} of {recipe.training.epochs} epochs are kept in {out}; the same command goes on from there")
        raise
    outcome = Outcome(task, history, compile_predict(backend, model))
    card = write_results(out, recipe, splits, model, outcome, progress)
    checkpoint.unlink(missing_ok=True)
    return card


@dataclass(frozen=True)
class Outcome:
    """What a training came to: a row an epoch, and what the trained network gives."""

    task: Task
    history: Sequence[Row]
    predict: Predict


def write_results(out: Path, recipe: Recipe, splits: Splits, model: Any, outcome: Outcome, progress: Progress) -> Card:
    """All files of a training that has ended; the card, last, says so. The test set is read here."""
    task = outcome.task
    write_aside(out / MODEL, lambda file: _save_model(model, file))
    write_samples(out / SAMPLES, splits.validation, recipe.training.seed, has_labels=task.measure == ACCURACY)
    for name, array in task.files().items():
        write_array(out / name, array)
    write_text_aside(out / HISTORY, json.dumps(outcome.history, indent=1) + "\n")
    progress(f"testing with {len(splits.test):,} pictures")
    found, _ = evaluate(task, outcome.predict, splits.test)
    test_score = task.score(found, splits.test)
    card = make_card(recipe, splits, model, outcome, macs=count_macs(out / MODEL, progress), test_score=test_score)
    write_text_aside(out / PAGE, render_card(card))
    write_text_aside(out / CARD, card_json(card))
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


def make_card(
    recipe: Recipe, splits: Splits, model: Any, outcome: Outcome, *, macs: int | None, test_score: float
) -> Card:
    history, task = outcome.history, outcome.task
    best = best_row(history, task)
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
        is_stopped_early=len(history) < recipe.training.epochs and is_stopped(history, recipe.training, task),
        validation_accuracy=best[score_key(task)],
        test_accuracy=test_score,
        seed=recipe.training.seed,
        seconds=round(sum(row["seconds"] for row in history), 1),
        versions=versions(),
        measure=task.measure,
    )


def count_macs(path: Path, progress: Progress) -> int | None:
    """Of one inference, by the ops that convert makes of the network; None where it can't."""
    try:
        return graph_macs(load_trained(path).graph)
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


def write_samples(path: Path, split: Split, seed: int, *, has_labels: bool) -> None:
    """Pixels as uint8; `normalize` says how they become inputs. has_labels: whether the network gives classes."""
    images, labels = calibration_samples(split, seed)
    arrays = {"x": images, **({"y": labels.astype(np.uint16)} if has_labels else {}), "normalize": np.array("0..1")}
    write_aside(path, lambda file: np.savez_compressed(file, **arrays))


def write_array(path: Path, array: Array) -> None:
    write_aside(path, lambda file: np.save(file, array))


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
