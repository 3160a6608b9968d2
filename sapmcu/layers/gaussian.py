# SPDX-License-Identifier: Apache-2.0
"""Gaussian-based pooling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from sapmcu.errors import UserError
from sapmcu.layers.cost import PoolingCost, Sizes, peak
from sapmcu.layers.pooling import BATCH_NORM_MOMENTUM, Pooling2D, average, slice_weights

EPSILON = 1e-6
"""Added to the variance: the square root has no gradient at 0. Source: the author's code."""

SOFTPLUS_KNOTS = 17
"""The inference form has softplus in this many straight pieces and one before them, from -4 to 4."""


@keras.saving.register_keras_serializable(package="sapmcu")
class GaussianPooling2D(Pooling2D):
    """Mean of each window plus softplus(μ) times its standard deviation; μ comes from the image's global average.

    A network of two layers, C -> C/2 -> C, makes μ and, while training, the deviation of the noise that is added to μ
    (stochastic=False: without noise).

    Source: Kobayashi, "Gaussian-Based Pooling for Convolutional Neural Networks", NeurIPS 2019, equations 10 and 12
    (iSP-Gaussian), and the author's code. There the padding counts as zeros; here it doesn't count.
    """

    def __init__(
        self,
        pool_size: Any,
        strides: Any = None,
        padding: str = "valid",
        *,
        hidden_units: int | None = None,
        stochastic: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(pool_size, strides, padding, **kwargs)
        if hidden_units is not None and (not isinstance(hidden_units, int) or hidden_units < 1):
            raise UserError(
                f"{self.name} has hidden_units={hidden_units!r}", hint="hidden_units is a whole number above 0"
            )
        self.hidden_units = hidden_units
        self.stochastic = stochastic
        self.noise = keras.random.SeedGenerator()
        self.hidden_norm, self.mean_norm, self.deviation_norm = (
            keras.layers.BatchNormalization(momentum=BATCH_NORM_MOMENTUM, name=name, dtype=self.dtype_policy)
            for name in ("hidden_norm", "mean_norm", "deviation_norm")
        )

    def build(self, input_shape: Sequence[int | None]) -> None:
        super().build(input_shape)
        channels = input_shape[3] or 0
        self.hidden_units = hidden = self.hidden_units or max(channels // 2, 1)
        self.hidden = keras.layers.Dense(hidden, name="hidden", dtype=self.dtype_policy)
        self.mean, self.deviation = (
            keras.layers.Dense(channels, name=name, dtype=self.dtype_policy) for name in ("mean", "deviation")
        )
        self.hidden.build((None, channels))
        self.hidden_norm.build((None, hidden))
        parts = ((self.mean, self.mean_norm), (self.deviation, self.deviation_norm))
        for dense, norm in parts if self.stochastic else parts[:1]:
            dense.build((None, hidden))
            norm.build((None, channels))

    def call(self, x: Any, training: bool | None = None) -> Any:
        share = ops.softplus(ops.cast(self.location(x, training), "float32"))
        mean, deviation = self.moments(ops.cast(x, "float32"))
        return ops.cast(mean + share * deviation, self.compute_dtype)

    def moments(self, x: Any) -> tuple[Any, Any]:
        """Mean and standard deviation of each window."""
        mean = average(x, self.window)
        variance = ops.relu(average(x * x, self.window) - mean * mean)
        return mean, ops.sqrt(variance + EPSILON)

    def location(self, x: Any, training: bool | None = None) -> Any:
        """μ [N,1,1,C], while training with noise of its own for each output [N,H',W',C]."""
        hidden = self.hidden(ops.mean(x, axis=(1, 2)))
        hidden = ops.relu(self.hidden_norm(hidden, training=training))
        mean = self.mean_norm(self.mean(hidden), training=training)[:, None, None]
        if not (self.stochastic and training):
            return mean
        deviation = ops.sigmoid(self.deviation_norm(self.deviation(hidden), training=training))[:, None, None]
        noise = keras.random.normal(self.compute_output_shape(ops.shape(x)), dtype=mean.dtype, seed=self.noise)
        return mean + deviation * noise

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "hidden_units": self.hidden_units, "stochastic": self.stochastic}

    def cost(self, input_shape: Sequence[int | None]) -> PoolingCost:
        sizes = Sizes.of(self.name, self.window, input_shape)
        channels, hidden = sizes.channels, self.hidden_units or max(sizes.channels // 2, 1)
        outs = 2 if self.stochastic else 1
        parameters = hidden * (channels + 5) + outs * channels * (hidden + 5)
        macs = 2 * channels * hidden + channels * SOFTPLUS_KNOTS
        if not any(sum(self.window.pads(sizes.size), ())):
            macs += sizes.spread * self.window.pixels  # the mean is subtracted by a product with a matrix
        steps = [(sizes.x, sizes.spread), (sizes.y, sizes.spread, sizes.spread, sizes.spread)]
        return PoolingCost(parameters, macs, sizes.x, sizes.y, peak(steps))

    def pruned(self, kept: Sequence[int]) -> tuple[dict[str, Any], list[Any]]:
        axes: dict[int, tuple[int, ...]] = {id(self.hidden.kernel): (0,)}
        for part in (self.mean, self.deviation):
            axes |= {id(one): (one.ndim - 1,) for one in part.weights}
        axes |= {id(one): (0,) for norm in (self.mean_norm, self.deviation_norm) for one in norm.weights}
        return self.get_config(), slice_weights(self, axes, kept)
