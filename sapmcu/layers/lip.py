# SPDX-License-Identifier: Apache-2.0
"""Local importance-based pooling (LIP)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from sapmcu.errors import UserError
from sapmcu.layers.cost import PoolingCost, Sizes, peak, softmax_macs, softmax_steps
from sapmcu.layers.pooling import BATCH_NORM_MOMENTUM, Pooling2D, slice_weights, weighted_mean
from sapmcu.layers.window import pair

MAX_GAIN = 32.0
"""exp(32) is 8e13: its sums over windows, and its gradients, are far from float32's limits."""


@keras.saving.register_keras_serializable(package="sapmcu")
class LIPPooling2D(Pooling2D):
    """Mean over each window with weights exp(gain · σ(G(x))); G is a convolution C -> C and a batch norm.

    The form that the authors call SimplifiedLIP, with their 3×3 convolution and gain 12.

    Source: Gao, Wang, Wu, "LIP: Local Importance-based Pooling", ICCV 2019, equations 3 and 4, and their code.
    """

    def __init__(
        self,
        pool_size: Any,
        strides: Any = None,
        padding: str = "valid",
        *,
        kernel_size: Any = 3,
        gain: float = 12.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(pool_size, strides, padding, **kwargs)
        self.kernel_size = pair(self.name, "kernel_size", kernel_size)
        if not 0 < gain <= MAX_GAIN:
            raise UserError(f"{self.name} has gain={gain:g}", hint=f"gain is above 0, and {MAX_GAIN:g} at the most")
        self.gain = float(gain)
        self.norm = keras.layers.BatchNormalization(momentum=BATCH_NORM_MOMENTUM, name="norm", dtype=self.dtype_policy)

    def build(self, input_shape: Sequence[int | None]) -> None:
        super().build(input_shape)
        self.conv = keras.layers.Conv2D(
            input_shape[3], self.kernel_size, padding="same", use_bias=False, name="conv", dtype=self.dtype_policy
        )
        self.conv.build(input_shape)
        self.norm.build(input_shape)

    def call(self, x: Any, training: bool | None = None) -> Any:
        logits = self.norm(self.conv(x), training=training)
        weights = ops.exp(self.gain * ops.sigmoid(ops.cast(logits, "float32")))
        return ops.cast(weighted_mean(x, weights, self.window), self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "kernel_size": self.kernel_size, "gain": self.gain}

    def cost(self, input_shape: Sequence[int | None]) -> PoolingCost:
        sizes = Sizes.of(self.name, self.window, input_shape)
        taps = self.kernel_size[0] * self.kernel_size[1] * sizes.channels
        steps = [(sizes.x, sizes.x, sizes.x), *softmax_steps(sizes, self.window, other=sizes.x)]
        macs = sizes.x * taps + softmax_macs(sizes, self.window)
        return PoolingCost(sizes.channels * (taps + 4), macs, sizes.x, sizes.y, peak(steps))

    def pruned(self, kept: Sequence[int]) -> tuple[dict[str, Any], list[Any]]:
        axes: dict[int, tuple[int, ...]] = {id(one): (0,) for one in self.norm.weights}
        axes[id(self.conv.kernel)] = (2, 3)
        return self.get_config(), slice_weights(self, axes, kept)
