# SPDX-License-Identifier: Apache-2.0
"""Resizing of images.

Source: tflite-micro 90b983c2, tensorflow/lite/kernels/internal/reference/{resize_bilinear,resize_nearest_neighbor}.h.
"""

from __future__ import annotations

import numpy as np

from sapmcu.ir.graph import Array
from sapmcu.ir.ops import ResizeBilinear, ResizeNearest
from sapmcu.ir.resampling import FRACTION_BITS, bilinear_positions, nearest_pixels
from sapmcu.reference.kernel import Operands, Outputs, Results, kernel, need_int8, operand


@kernel(ResizeNearest)
def resize_nearest(op: ResizeNearest, operands: Operands, results: Results) -> Outputs:
    x = operand(operands, 0).value
    rows, columns = (
        nearest_pixels(x.shape[axis], results[0].shape[axis], op.align_corners, op.half_pixel_centers)
        for axis in (1, 2)
    )
    return (x[:, rows[:, None], columns],)


@kernel(ResizeBilinear)
def resize_bilinear(op: ResizeBilinear, operands: Operands, results: Results) -> Outputs:
    """Weights in 1/1024, their products in 2^-20, rounded once, ties away from zero."""
    x, y = operand(operands, 0), results[0]
    need_int8(x.tensor, y)
    value = x.value.astype(np.int64)
    for axis in (1, 2):
        value = _interpolated(value, axis, y.shape[axis], op)
    half = 1 << (2 * FRACTION_BITS - 1)
    rounded = np.sign(value) * ((np.abs(value) + half) >> (2 * FRACTION_BITS))
    return (rounded.astype(np.int8),)


def _interpolated(value: Array, axis: int, result_size: int, op: ResizeBilinear) -> Array:
    """value · 1024 along one axis, exact."""
    size = value.shape[axis]
    positions = bilinear_positions(size, result_size, op.align_corners, op.half_pixel_centers)
    lower = np.maximum(positions, 0) >> FRACTION_BITS
    upper = np.minimum((positions + (1 << FRACTION_BITS) - 1) >> FRACTION_BITS, size - 1)
    ones = (1,) * (value.ndim - axis - 1)
    weights = (positions - (lower << FRACTION_BITS)).reshape(-1, *ones)
    before, after = np.take(value, lower, axis), np.take(value, upper, axis)
    result: Array = before * ((1 << FRACTION_BITS) - weights) + after * weights
    return result
