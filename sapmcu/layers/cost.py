# SPDX-License-Identifier: Apache-2.0
"""What a pooling costs: parameters, MACs, and bytes of its int8 form."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sapmcu.errors import UserError
from sapmcu.layers.window import Window


@dataclass(frozen=True, slots=True)
class PoolingCost:
    """Of one image.

    parameters: all of them, moving averages of batch norms included. macs: of the form that convert gives the layer,
    as sapmcu.ir.cost counts them: products of convolutions and matrices; a pool, a product of two maps and a softmax
    have none. input_bytes, output_bytes: the maps, int8. peak_bytes: the most bytes of activations that live at once
    when the ops of that form run one after another, none earlier than it must, input and output included. TensorFlow's
    converter orders some earlier: up to a third more; `sapmcu memory` says what a model really takes.
    """

    parameters: int
    macs: int
    input_bytes: int
    output_bytes: int
    peak_bytes: int


@dataclass(frozen=True, slots=True)
class Sizes:
    """Elements, which are bytes in int8. x, y: the maps. spread: the pixels of all windows, side by side."""

    size: tuple[int, int]
    channels: int
    x: int
    y: int
    spread: int

    @staticmethod
    def of(what: str, window: Window, input_shape: Sequence[int | None]) -> Sizes:
        """Raises: UserError where the shape is open."""
        height, width, channels = image_shape(what, input_shape)
        rows, columns = (length or 0 for length in window.output_size((height, width)))
        y = rows * columns * channels
        return Sizes((height, width), channels, height * width * channels, y, y * window.pixels)


def image_shape(what: str, input_shape: Sequence[int | None]) -> tuple[int, int, int]:
    """Height, width, channels of [N,H,W,C] or [H,W,C]. Raises: UserError where one of them is open."""
    shape = tuple(input_shape)[-3:]
    if len(shape) != 3 or len(input_shape) > 4 or not all(isinstance(one, int) and one > 0 for one in shape):
        raise UserError(f"the cost of {what} needs a whole shape, not {tuple(input_shape)}", hint="give (H, W, C)")
    height, width, channels = (int(one or 0) for one in shape)
    return height, width, channels


def peak(steps: Iterable[Iterable[int]]) -> int:
    """The largest sum of a step; a step lists the bytes of the tensors that live while one op runs."""
    return max(sum(step) for step in steps)


CENTRED_PIXELS = 32
"""Windows of so many pixels and more are weighted around their mean by inference/windows.py. On random maps that is
+1 to +3 dB from 6×6 on, 0 to +1 at 4×4, -1 to -2 at 2×2, where rounding the mean costs more than it saves."""


def softmax_macs(sizes: Sizes, window: Window) -> int:
    """Of weighting windows by a softmax: one for each pixel, one more for a mean that is a convolution."""
    has_mean = window.pixels >= CENTRED_PIXELS and window.strides[0] == window.strides[1]
    return sizes.spread * (2 if has_mean else 1)


def softmax_steps(sizes: Sizes, window: Window, other: int = 0) -> Iterator[Sequence[int]]:
    """The tensors that live while windows are laid side by side, weighted by a softmax and summed.

    other: the bytes of the input where its windows are laid out after those of the logits; 0 where it is the logits.
    """
    yield (other, sizes.x, sizes.spread)
    yield (other, sizes.spread, sizes.spread)
    mean = sizes.y if window.pixels >= CENTRED_PIXELS else 0
    is_shared = not other and window.pads(sizes.size) == ((0, 0), (0, 0))
    if mean or not is_shared:
        yield (sizes.spread, sizes.spread, sizes.spread, mean)
    yield (sizes.spread, sizes.spread, sizes.y, mean)


def window_cost(
    what: str, window: Window, input_shape: Sequence[int | None], *, parameters: int = 0, macs_per_output: int = 0
) -> PoolingCost:
    """The cost of one op that reads the input and writes the result."""
    sizes = Sizes.of(what, window, input_shape)
    return PoolingCost(parameters, sizes.y * macs_per_output, sizes.x, sizes.y, sizes.x + sizes.y)


def pooling_cost(layer: Any, input_shape: Sequence[int | None]) -> PoolingCost:
    """The cost of one of our layers, or of a pool of Keras's. Raises: UserError for another layer."""
    if hasattr(layer, "cost"):
        cost: PoolingCost = layer.cost(input_shape)
        return cost
    if not hasattr(layer, "pool_size"):
        raise UserError(f"{layer.name} is no pooling layer", hint="sapmcu.layers.POOLINGS names them")
    return window_cost(layer.name, Window(layer.pool_size, layer.strides, layer.padding), input_shape)
