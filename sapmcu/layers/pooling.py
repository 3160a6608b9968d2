# SPDX-License-Identifier: Apache-2.0
"""What all pooling layers share: Keras's contract of shapes, checks, windows as tensors, weighted means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from sapmcu.errors import UserError
from sapmcu.layers.cost import PoolingCost
from sapmcu.layers.window import Window, make_window

NO_WEIGHT = -1e9
"""A logit whose exponential is 0 in float32, without the NaN that -inf gives in gradients."""
BATCH_NORM_MOMENTUM = 0.9
"""PyTorch's default (there called 0.1), with which the papers' networks were trained; Keras's is 0.99."""


class Pooling2D(keras.layers.Layer):  # type: ignore[misc]
    """A layer [N,H,W,C] -> [N,H',W',C] with the shapes of Keras's MaxPooling2D, channels last.

    needs_size: whether height and width must be known when the layer is built.
    """

    needs_size = False

    def __init__(self, pool_size: Any, strides: Any = None, padding: str = "valid", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.window = make_window(self.name, pool_size, strides, padding)
        self.input_spec = keras.layers.InputSpec(ndim=4)

    @property
    def pool_size(self) -> tuple[int, int]:
        return self.window.size

    @property
    def strides(self) -> tuple[int, int]:
        return self.window.strides

    @property
    def padding(self) -> str:
        return self.window.padding

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Raises: UserError where the input has no window of this size, or is open where it must be known."""
        self.check_input(input_shape)

    def check_input(self, input_shape: Sequence[int | None]) -> None:
        if len(input_shape) != 4 or input_shape[3] is None:
            raise UserError(
                f"{self.name} pools images [N,H,W,C]; its input is {tuple(input_shape)}",
                hint="give channels last, and their count: keras.Input((height, width, channels))",
            )
        if self.needs_size and None in input_shape[1:3]:
            raise UserError(
                f"{self.name} needs an input of known height and width, not {tuple(input_shape)}",
                hint="give all three: keras.Input((96, 96, 3))",
            )
        for name, length, size in zip(("high", "wide"), input_shape[1:3], self.pool_size, strict=True):
            if self.padding == "valid" and length is not None and length < size:
                raise UserError(
                    f"{self.name} has a window of {size} pixels on an input that is {length} {name}",
                    hint="take a smaller pool_size, or padding='same'",
                )

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        height, width = self.window.output_size((input_shape[1], input_shape[2]))
        return (input_shape[0], height, width, input_shape[3])

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "pool_size": self.pool_size,
            "strides": self.strides,
            "padding": self.padding,
        }

    def cost(self, input_shape: Sequence[int | None]) -> PoolingCost:
        """Parameters, MACs and bytes for inputs of this shape, [N,H,W,C] or [H,W,C]."""
        raise NotImplementedError

    def pruned(self, kept: Sequence[int]) -> tuple[dict[str, Any], list[Any]]:
        """The configuration and weights (as get_weights() orders them) of this layer on the input channels `kept`."""
        del kept  # a layer without weights treats each channel alike
        assert not self.weights
        return self.get_config(), []


def average(x: Any, window: Window) -> Any:
    """Mean over each window; padding doesn't count."""
    return ops.average_pool(x, window.size, window.strides, window.padding, "channels_last")


def windows(x: Any, window: Window, size: tuple[int, int], fill: float = 0.0) -> Any:
    """[N,H,W,C] -> [N,H',W',k,C]: the k pixels of each window, `fill` where it sticks out of the image."""
    if any(sum(window.pads(size), ())):
        x = ops.pad(x, ((0, 0), *window.pads(size), (0, 0)), constant_values=fill)
    rows, columns = (length or 0 for length in window.output_size(size))
    (tall, wide), (down, right) = window.size, window.strides
    if window.strides == window.size:
        x = x[:, : rows * tall, : columns * wide]
        x = ops.reshape(x, (-1, rows, tall, columns, wide, x.shape[3]))
        return ops.reshape(ops.transpose(x, (0, 1, 3, 2, 4, 5)), (-1, rows, columns, tall * wide, x.shape[5]))
    parts = [
        x[:, row : row + (rows - 1) * down + 1 : down, column : column + (columns - 1) * right + 1 : right]
        for row in range(tall)
        for column in range(wide)
    ]
    return ops.stack(parts, axis=3)


def softmax_pool(x: Any, logits: Any, window: Window, size: tuple[int, int]) -> Any:
    """Σ w·x over each window, w the softmax of the logits over the window; in float32, for logits of any size."""
    weights = ops.softmax(windows(ops.cast(logits, "float32"), window, size, NO_WEIGHT), axis=3)
    return ops.sum(weights * windows(ops.cast(x, "float32"), window, size), axis=3)


def weighted_mean(x: Any, weights: Any, window: Window) -> Any:
    """Σ w·x / Σ w over each window, for weights that neither overflow nor vanish; in float32.

    The padding of "same" counts in neither sum, so that the quotient of two average pools is exact at borders, too.
    """
    return average(ops.cast(x, "float32") * weights, window) / average(weights, window)


def slice_weights(layer: Any, axes: Mapping[int, Sequence[int]], kept: Sequence[int]) -> list[Any]:
    """The layer's weights, in the order of get_weights(), with the channels `kept`.

    axes: id of a variable -> its axes that run over the channels.
    """
    arrays = []
    for variable, array in zip(layer.weights, layer.get_weights(), strict=True):
        for axis in axes.get(id(variable), ()):
            array = np.take(array, kept, axis=axis)
        arrays.append(array)
    return arrays
