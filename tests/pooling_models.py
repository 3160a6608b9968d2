# SPDX-License-Identifier: Apache-2.0
"""Pooling layers with random weights, for tests."""

from __future__ import annotations

from typing import Any

import numpy as np
from quiet_keras import keras, layers

PAPER = {"attention": "weights", "local": "pointwise", "residual": False}
"""Self-attentive pooling as in the paper, with a local term that keeps its weights from being equal."""


def pooling_model(kind: str, shape: tuple[int, ...], pool_size: Any, *where: Any, seed: int = 0, **options: Any) -> Any:
    """A model of one pooling, called pool, its weights and moving averages random. where: strides, padding."""
    inputs = keras.Input(shape, name="image")
    layer = layers.make_pooling(kind, pool_size, *where, name="pool", **options)
    model = keras.Model(inputs, layer(inputs))
    shake(layer, seed)
    return model


def shake(layer: Any, seed: int = 0) -> None:
    random = np.random.default_rng(seed)
    for variable in layer.weights:
        value = 0.4 * random.normal(size=variable.shape)
        is_positive = any(word in variable.path for word in ("gamma", "variance"))
        variable.assign(abs(value) + 0.5 if is_positive else value)


def named_weights(layer: Any) -> dict[str, np.ndarray[Any, Any]]:
    """`part/variable`, or `variable` of the layer itself -> float64; `residual` where SAP has it."""
    weights = {one.path.removeprefix(f"{layer.name}/"): np.asarray(one, np.float64) for one in layer.weights}
    return {**weights, "residual": np.ones(())} if getattr(layer, "residual", False) else weights
