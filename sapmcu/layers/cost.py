# SPDX-License-Identifier: Apache-2.0
"""What a pooling costs: parameters, MACs, and bytes of its int8 form."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sapmcu.errors import UserError
from sapmcu.layers.window import Window


@dataclass(frozen=True, slots=True)
class PoolingCost:
    """Of one image.

    parameters: all of them, moving averages of batch norms included. macs: as sapmcu.ir.cost counts them: products of
    convolutions and matrices; a pool, a product of two maps and a softmax have none. input_bytes, output_bytes: the
    maps, int8. peak_bytes: the most bytes of activations that live at once when the ops of the int8 form run one
    after another, input and output included.
    """

    parameters: int
    macs: int
    input_bytes: int
    output_bytes: int
    peak_bytes: int


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


def window_cost(
    what: str, window: Window, input_shape: Sequence[int | None], *, parameters: int = 0, macs_per_output: int = 0
) -> PoolingCost:
    """The cost of one op that reads the input and writes the result."""
    height, width, channels = image_shape(what, input_shape)
    rows, columns = window.output_size((height, width))
    outputs = (rows or 0) * (columns or 0) * channels
    inputs = height * width * channels
    return PoolingCost(parameters, outputs * macs_per_output, inputs, outputs, inputs + outputs)


def pooling_cost(layer: Any, input_shape: Sequence[int | None]) -> PoolingCost:
    """The cost of one of our layers, or of a pool of Keras's. Raises: UserError for another layer."""
    if hasattr(layer, "cost"):
        cost: PoolingCost = layer.cost(input_shape)
        return cost
    if not hasattr(layer, "pool_size"):
        raise UserError(f"{layer.name} is no pooling layer", hint="sapmcu.layers.POOLINGS names them")
    return window_cost(layer.name, Window(layer.pool_size, layer.strides, layer.padding), input_shape)
