# SPDX-License-Identifier: Apache-2.0
"""A recipe's network, untrained, and the task that it is for."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from sapmcu.errors import UserError
from sapmcu.ir.graph import Array
from sapmcu.train.backend import Backend
from sapmcu.train.data import Splits
from sapmcu.train.detection.task import Detection
from sapmcu.train.networks import is_detector, load_anchors, load_network
from sapmcu.train.recipe import Recipe
from sapmcu.train.task import CLASSIFICATION, Task

OUTPUT_NAMES = ["codes", "scores"]
"""Of a detector, whose outputs a converted model has in alphabetical order."""


def build_network(backend: Backend, recipe: Recipe, splits: Splits) -> Any:
    """The untrained model, its weights drawn from the recipe's seed.

    Raises: UserError where the network doesn't take the recipe's arguments, or the data aren't what it is for.
    """
    build = load_network(recipe.network_path)
    known = inspect.signature(build).parameters
    if unknown := [key for key in recipe.network.arguments if key not in known]:
        raise UserError(
            f"the network {recipe.network.name} takes no {', '.join(unknown)}",
            hint=f"its arguments: {', '.join(list(known)[2:]) or 'none'}",
        )
    if is_detector(recipe.network_path):
        _check_detector_recipe(recipe, splits)
    backend.keras.backend.clear_session()
    backend.keras.utils.set_random_seed(recipe.training.seed)
    shape = splits.train.images.shape[1:]
    return _call(recipe, "build", lambda: build(shape, len(splits.class_names), **recipe.network.arguments))


def task_of(recipe: Recipe, model: Any, splits: Splits, origin: Path | None = None) -> Task:
    """What `model`, a network of the recipe or one that was made of it and lies in `origin`, is trained for.

    Raises: UserError where it doesn't map these pictures to what the task needs.
    """
    classes = len(splits.class_names)
    task: Task = CLASSIFICATION
    outputs: list[tuple[int | None, ...]] = [(None, classes)]
    if is_detector(recipe.network_path):
        _check_detector_recipe(recipe, splits)
        task = Detection(_anchors(recipe, model, origin), classes)
        outputs = [(None, len(task.anchors), 4), (None, len(task.anchors), classes)]
    wanted = _mapping((None, *splits.train.images.shape[1:]), outputs)
    if (found := _mapping(model.input_shape, [one.shape for one in model.outputs])) != wanted:
        name, whose = (
            (f"the network {recipe.network.name}", "") if origin is None else (origin, f" of recipe {recipe.name}")
        )
        raise UserError(
            f"{name} maps {found}; the data{whose} need {wanted}",
            hint="its `build` gets the shape of a picture and the number of classes"
            if origin is None
            else "give the recipe by which the model was trained",
        )
    if isinstance(task, Detection) and model.output_names != OUTPUT_NAMES:
        raise UserError(
            f"the outputs of the detector {recipe.network.name} are called {', '.join(model.output_names)}",
            hint=f"call the layers that give them {' and '.join(OUTPUT_NAMES)}, as ssdlite does",
        )
    return task


def _check_detector_recipe(recipe: Recipe, splits: Splits) -> None:
    name = recipe.network.name
    if splits.train.boxes is None:
        raise UserError(
            f"{name} is a detector, and the data set {splits.name} has no boxes",
            hint="fashion-scenes has some; or choose a classifier, such as mobilenet_v2",
        )
    if recipe.training.label_smoothing:
        raise UserError(
            f"{name} is a detector, whose loss knows no label_smoothing", hint="leave it out of the recipe's [training]"
        )


def _anchors(recipe: Recipe, model: Any, origin: Path | None) -> Array:
    make = load_anchors(recipe.network_path)
    anchors = _call(recipe, "anchors", lambda: np.asarray(make(model), np.float32), is_odd_model=origin is not None)
    assert isinstance(anchors, np.ndarray)
    if anchors.ndim != 2 or anchors.shape[1] != 4 or not np.isfinite(anchors).all() or not (anchors[:, 2:] > 0).all():
        raise UserError(
            f"`anchors` of {recipe.network.name} gives no array [anchors,4] of centres, heights and widths",
            hint="sapmcu.train.detection.anchors.anchor_table makes one",
        )
    return anchors


def _call(recipe: Recipe, function: str, call: Callable[[], Any], *, is_odd_model: bool = False) -> Any:
    """Call a function of the network's file.

    Raises: UserError where it fails and either the file or the model that it is given is a user's own.
    """
    try:
        return call()
    except Exception as error:
        if isinstance(error, UserError) or not (is_odd_model or recipe.network.name.endswith(".py")):
            raise
        raise UserError(
            f"`{function}` of {recipe.network_path} fails: {type(error).__name__}: {error}",
            hint="give the recipe by which the model was trained"
            if is_odd_model
            else "call it from Python to see more",
        ) from error


def _mapping(inputs: Any, outputs: Any) -> str:
    return f"{inputs} to {', '.join(map(str, outputs))}"
