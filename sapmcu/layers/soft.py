# SPDX-License-Identifier: Apache-2.0
"""SoftPool."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from sapmcu.layers.cost import PoolingCost, Sizes, peak, softmax_macs, softmax_steps
from sapmcu.layers.pooling import Pooling2D, softmax_pool


@keras.saving.register_keras_serializable(package="sapmcu")
class SoftPooling2D(Pooling2D):
    """Mean over each window with the softmax of the activations themselves as weights.

    Source: Stergiou, Poppe, Kalliatakis, "Refining activation downsampling with SoftPool", ICCV 2021, equation 1.
    """

    needs_size = True

    def call(self, x: Any) -> Any:
        return ops.cast(softmax_pool(x, x, self.window, x.shape[1:3]), self.compute_dtype)

    def cost(self, input_shape: Sequence[int | None]) -> PoolingCost:
        sizes = Sizes.of(self.name, self.window, input_shape)
        return PoolingCost(
            0, softmax_macs(sizes, self.window), sizes.x, sizes.y, peak(softmax_steps(sizes, self.window))
        )
