# SPDX-License-Identifier: Apache-2.0
"""LIP and Gaussian pooling compute what their papers say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pooling_models import named_weights, pooling_model
from pooling_reference import window_pixels
from quiet_keras import keras, layers
from sap_reference import norm, sigmoid

from sapmcu.errors import UserError

pytestmark = pytest.mark.needs("tensorflow")

PLACES = [((12, 12), 2, 2, "valid"), ((11, 14), 4, 4, "same"), ((13, 9), 3, 2, "same"), ((13, 9), (2, 3), 2, "valid")]


def images(*shape: int) -> np.ndarray[Any, Any]:
    return np.random.default_rng(6).normal(size=(2, *shape)).astype(np.float32)


@pytest.mark.parametrize(("size", "pool", "strides", "padding"), PLACES)
@pytest.mark.parametrize(("kernel", "gain"), [(1, 12), (3, 12), (3, 2)])
def test_lip_weighs_by_exponentials_of_a_small_network(
    size: Any, pool: Any, strides: Any, padding: str, kernel: int, gain: float
) -> None:
    model = pooling_model("lip", (*size, 4), pool, strides, padding, kernel_size=kernel, gain=gain)
    weights, x = named_weights(model.get_layer("pool")), images(*size, 4)
    padded = np.pad(x, ((0, 0), *[(kernel // 2, kernel // 2)] * 2, (0, 0)))
    conv = sum(
        padded[:, i : i + size[0], j : j + size[1]] @ weights["conv/kernel"][i, j]
        for i, j in np.ndindex(kernel, kernel)
    )
    importance = np.exp(gain * sigmoid(norm(conv, weights, "norm")))
    expected = window_pixels(x, pool, strides, padding, lambda p, w: (p * w).sum(0) / w.sum(0), importance)
    np.testing.assert_allclose(model(x), expected, atol=1e-5)


@pytest.mark.parametrize(("size", "pool", "strides", "padding"), PLACES)
def test_gaussian_adds_a_learned_share_of_the_deviation(size: Any, pool: Any, strides: Any, padding: str) -> None:
    model = pooling_model("gaussian", (*size, 6), pool, strides, padding)
    weights, x = named_weights(model.get_layer("pool")), images(*size, 6)
    hidden = x.mean((1, 2)) @ weights["hidden/kernel"] + weights["hidden/bias"]
    hidden = np.maximum(norm(hidden, weights, "hidden_norm"), 0)
    mu = norm(hidden @ weights["mean/kernel"] + weights["mean/bias"], weights, "mean_norm")[:, None, None]
    mean = window_pixels(x, pool, strides, padding, lambda p: p.mean(0))
    deviation = window_pixels(x, pool, strides, padding, lambda p: np.sqrt(p.var(0) + 1e-6))
    np.testing.assert_allclose(model(x), mean + np.log1p(np.exp(mu)) * deviation, atol=1e-5)


def test_gaussian_adds_noise_only_while_training_and_only_where_asked() -> None:
    x = images(8, 8, 4)
    for stochastic in (True, False):
        layer = layers.GaussianPooling2D(2, stochastic=stochastic)
        assert np.array_equal(layer(x), layer(x))
        assert np.array_equal(layer(x, training=True), layer(x, training=True)) != stochastic


@pytest.mark.parametrize("gain", [0, -1, 33])
def test_lip_refuses_a_gain_that_overflows_or_vanishes(gain: float) -> None:
    with pytest.raises(UserError, match=f"p has gain={gain}"):
        layers.LIPPooling2D(2, gain=gain, name="p")


def test_lip_with_zero_logits_is_average_pooling() -> None:
    model = pooling_model("lip", (8, 8, 4), 4)
    norm_layer = model.get_layer("pool").norm
    for variable in (norm_layer.gamma, norm_layer.beta):
        variable.assign(np.zeros(4))
    x = images(8, 8, 4)
    np.testing.assert_allclose(model(x), keras.layers.AveragePooling2D(4)(x), atol=1e-6)
