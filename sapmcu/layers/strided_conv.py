# SPDX-License-Identifier: Apache-2.0
"""A strided convolution as a pooling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from sapmcu.errors import UserError
from sapmcu.layers.cost import PoolingCost, window_cost
from sapmcu.layers.pooling import Pooling2D
from sapmcu.layers.window import pair


@keras.saving.register_keras_serializable(package="sapmcu")
class StridedConvPooling2D(Pooling2D):
    """A convolution C -> C with the strides of a pooling, and a bias.

    kernel_size: the window unless said; another one with padding "same" only, where the shapes stay. depthwise: each
    channel for itself, as in MobileNets.
    """

    def __init__(
        self,
        pool_size: Any,
        strides: Any = None,
        padding: str = "valid",
        *,
        kernel_size: Any = None,
        depthwise: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(pool_size, strides, padding, **kwargs)
        self.kernel_size = self.pool_size if kernel_size is None else pair(self.name, "kernel_size", kernel_size)
        if padding == "valid" and self.kernel_size != self.pool_size:
            raise UserError(
                f"{self.name} has kernel_size {self.kernel_size}, pool_size {self.pool_size} and padding 'valid'",
                hint="a kernel_size of its own needs padding='same'",
            )
        self.depthwise = depthwise
        if depthwise and self.strides[0] != self.strides[1]:
            raise UserError(
                f"{self.name} is depthwise with strides {self.strides}",
                hint="TensorFlow needs both strides to be equal",
            )
        if depthwise:
            self.conv = keras.layers.DepthwiseConv2D(
                self.kernel_size, self.strides, padding, dtype=self.dtype_policy, name="conv"
            )

    def build(self, input_shape: Sequence[int | None]) -> None:
        super().build(input_shape)
        if not self.depthwise:
            self.conv = keras.layers.Conv2D(
                input_shape[3], self.kernel_size, self.strides, self.padding, dtype=self.dtype_policy, name="conv"
            )
        self.conv.build(input_shape)

    def call(self, x: Any) -> Any:
        return self.conv(x)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "kernel_size": self.kernel_size, "depthwise": self.depthwise}

    def cost(self, input_shape: Sequence[int | None]) -> PoolingCost:
        channels = input_shape[-1] or 0
        macs = self.kernel_size[0] * self.kernel_size[1] * (1 if self.depthwise else channels)
        parameters = channels * (macs + 1)
        return window_cost(self.name, self.window, input_shape, parameters=parameters, macs_per_output=macs)

    def pruned(self, kept: Sequence[int]) -> tuple[dict[str, Any], list[Any]]:
        kernel, bias = self.get_weights()
        kernel = np.take(kernel, kept, axis=2)
        return self.get_config(), [kernel if self.depthwise else np.take(kernel, kept, axis=3), bias[list(kept)]]
