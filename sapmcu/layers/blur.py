# SPDX-License-Identifier: Apache-2.0
"""BlurPool."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from sapmcu.errors import UserError
from sapmcu.layers.cost import PoolingCost, image_shape, peak, window_cost
from sapmcu.layers.pooling import Pooling2D


@keras.saving.register_keras_serializable(package="sapmcu")
class BlurPooling2D(Pooling2D):
    """A fixed low-pass filter, then the stride.

    The filter is a box as wide as the window, convolved with itself `order` times: for a window of 2 the paper's
    Rect-2, Tri-3 and Bin-5 are orders 1, 2 and 4; order 2 is a triangle for any window. The image is mirrored at its
    borders. max_first: take the maximum of each window at stride 1 first, the paper's form of a max pool (MaxBlurPool).

    Source: Zhang, "Making Convolutional Networks Shift-Invariant Again", ICML 2019, sections 3.2 and 4. The paper has
    windows of 2; wider filters for wider windows are ours.
    """

    needs_size = True

    def __init__(
        self,
        pool_size: Any,
        strides: Any = None,
        padding: str = "valid",
        *,
        order: int = 2,
        max_first: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(pool_size, strides, padding, **kwargs)
        if not isinstance(order, int) or not 1 <= order <= 8:
            raise UserError(f"{self.name} has order={order!r}", hint="order is a whole number from 1 to 8")
        self.order = order
        self.max_first = max_first

    def build(self, input_shape: Sequence[int | None]) -> None:
        super().build(input_shape)
        height, width = (length or 0 for length in input_shape[1:3])
        for length, pads in zip((height, width), self.margins((height, width)), strict=True):
            if max(pads) >= length:
                raise UserError(
                    f"{self.name} mirrors {max(pads)} pixels of an input of {height}×{width}",
                    hint="take a lower order or a smaller pool_size",
                )

    def margins(self, size: tuple[int, int]) -> tuple[tuple[int, int], tuple[int, int]]:
        """Pixels to mirror at ((top, bottom), (left, right)): the filter's centre lies on the window's."""
        extra = [(self.order - 1) * (length - 1) for length in self.pool_size]
        rows, columns = (
            (before + more // 2, after + more - more // 2)
            for (before, after), more in zip(self.window.pads(size), extra, strict=True)
        )
        return rows, columns

    def filter(self) -> np.ndarray[Any, Any]:
        """[height, width], its sum is 1."""
        column, row = (_boxes(length, self.order) for length in self.pool_size)
        return np.outer(column, row)

    def call(self, x: Any) -> Any:
        size = x.shape[1:3]
        if self.max_first:
            x = ops.max_pool(x, self.pool_size, 1, "same", "channels_last")
        if any(sum(self.margins(size), ())):
            x = ops.pad(x, ((0, 0), *self.margins(size), (0, 0)), mode="reflect")
        kernel = np.repeat(self.filter()[:, :, None, None], x.shape[3], axis=2)
        kernel = ops.convert_to_tensor(kernel, dtype=x.dtype)
        down, right = self.strides
        if down == right:
            return ops.depthwise_conv(x, kernel, down, "valid", "channels_last")
        # TensorFlow has no depthwise convolution with two strides.
        return ops.depthwise_conv(x, kernel, 1, "valid", "channels_last")[:, ::down, ::right]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "order": self.order, "max_first": self.max_first}

    def cost(self, input_shape: Sequence[int | None]) -> PoolingCost:
        height, width, channels = image_shape(self.name, input_shape)
        plain = window_cost(self.name, self.window, input_shape, macs_per_output=self.filter().size)
        (top, bottom), (left, right) = self.margins((height, width))
        padded = (height + top + bottom) * (width + left + right) * channels
        x = plain.input_bytes
        steps = [(padded, plain.output_bytes)]
        steps += [(x, padded)] if padded > x else []
        steps += [(x, x)] if self.max_first else []
        return PoolingCost(0, plain.macs, x, plain.output_bytes, peak(steps))


def _boxes(length: int, order: int) -> np.ndarray[Any, Any]:
    """A box of `length`, convolved with itself."""
    box = np.full(length, 1 / length)
    result = box
    for _ in range(order - 1):
        result = np.convolve(result, box)
    return result
