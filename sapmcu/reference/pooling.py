# SPDX-License-Identifier: Apache-2.0
"""Pooling over windows. A window ends at the border of the image: padding is not counted.

Source: tensorflow/lite/kernels/internal/reference/integer_ops/pooling.h.
"""

from __future__ import annotations

import numpy as np

from sapmcu.ir.graph import Array
from sapmcu.ir.ops import AveragePool2D, MaxPool2D, Pair
from sapmcu.reference.kernel import Operands, Outputs, Results, kernel, need_int8, operand


@kernel(AveragePool2D)
def average_pool_2d(op: AveragePool2D, operands: Operands, results: Results) -> Outputs:
    x, (y,) = operand(operands, 0), results
    need_int8(x.tensor, y)
    sums, count = x.value.astype(np.int64), np.ones((1, 1, 1, 1), np.int64)
    for axis in (1, 2):
        starts, ends = _window_bounds(op, axis, x.tensor.shape[axis], y.shape[axis])
        running = np.cumsum(sums, axis)
        running = np.concatenate([np.zeros_like(running.take([0], axis)), running], axis)
        sums = running.take(ends, axis) - running.take(starts, axis)
        count = count * np.expand_dims(ends - starts, tuple({0, 1, 2, 3} - {axis}))
    # C's division towards zero of a sum that was moved half a window away from zero
    means = np.where(sums > 0, (sums + count // 2) // count, -((count // 2 - sums) // count))
    return (_clamp(op, means),)


@kernel(MaxPool2D)
def max_pool_2d(op: MaxPool2D, operands: Operands, results: Results) -> Outputs:
    x, (y,) = operand(operands, 0), results
    need_int8(x.tensor, y)
    largest = x.value
    for axis in (1, 2):
        starts, ends = _window_bounds(op, axis, x.tensor.shape[axis], y.shape[axis])
        windows = [
            largest.take(range(start, end), axis).max(axis, keepdims=True)
            for start, end in zip(starts.tolist(), ends.tolist(), strict=True)
        ]
        largest = np.concatenate(windows, axis)
    return (_clamp(op, largest),)


def _window_bounds(op: AveragePool2D | MaxPool2D, axis: int, size: int, outputs: int) -> tuple[Array, Array]:
    """(first, behind last) pixel of each window along an axis."""
    stride: int = op.stride[axis - 1]
    padding: Pair = op.padding[axis - 1]
    origins = np.arange(outputs, dtype=np.int64) * stride - padding[0]
    return np.maximum(origins, 0), np.minimum(origins + op.window[axis - 1], size)


def _clamp(op: AveragePool2D | MaxPool2D, values: Array) -> Array:
    return np.clip(values, int(op.activation.low), int(op.activation.high)).astype(np.int8)
