# SPDX-License-Identifier: Apache-2.0
"""A trained model -> the same model with its poolings in inference form, ready to be quantized."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, partial
from typing import Any

import keras
import tensorflow as tf

from sapmcu.errors import UserError
from sapmcu.layers.inference.forms import FORMS, inference_form
from sapmcu.layers.pooling import Pooling2D
from sapmcu.layers.rewriting import check_rewritable


class FoldedPooling2D(keras.layers.Layer):  # type: ignore[misc]
    """A trained pooling as the function that is left when all its weights are constants."""

    def __init__(self, trained: Pooling2D, exact: bool) -> None:
        super().__init__(name=trained.name, trainable=False, dtype="float32")
        self.compute_output_shape = trained.compute_output_shape
        self._form = cache(partial(inference_form, trained, exact=exact))

    def build(self, input_shape: Sequence[int | None]) -> None:
        self._form(size=tuple(input_shape[1:3]))  # now, with the weights as they are

    def call(self, x: Any) -> Any:
        return self._form(size=tuple(x.shape[1:3]))(tf.convert_to_tensor(x))  # a shared layer may see several sizes

    def get_config(self) -> dict[str, Any]:
        raise UserError(
            f"{self.name} is folded for inference and can't be saved",
            hint="save the trained model; sapmcu convert folds it",
        )


def fold_poolings(model: Any, *, exact: bool = True) -> Any:
    """The model with each of our poolings that has an inference form replaced by it; the other layers are shared.

    exact: outputs equal the trained model's to 1e-5 where a form exists that is exact (with `normalize=False` none
    does: weights are off by 0.06 %); else each pooling takes the form that loses least in int8.

    Raises: UserError where a pooling lies in a layer or model that is program code.
    """
    if not any(type(layer) in FORMS for layer in model._flatten_layers()):
        return model
    check_rewritable(model)
    folded = keras.models.clone_model(model, clone_function=lambda layer: _folded(layer, exact))
    left = [layer.name for layer in folded._flatten_layers() if type(layer) in FORMS]
    if left:
        raise UserError(
            f"{left[0]} lies within another layer and can't be replaced by its inference form",
            hint="use it as a layer of the model itself",
        )
    return folded


def _folded(layer: Any, exact: bool) -> Any:
    if type(layer) in FORMS:
        return FoldedPooling2D(layer, exact)
    return fold_poolings(layer, exact=exact) if isinstance(layer, keras.Model) else layer
