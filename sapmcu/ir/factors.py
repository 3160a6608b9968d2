# SPDX-License-Identifier: Apache-2.0
"""The real factors that TFLM turns into a multiplier and a shift: from integers of one scale to those of another.

All in float64, as the package tflite-micro 0.dev20261023 (commit 8f6596d) computes them by its machine code. The public
source up to 90b983c2 divides in float32 in SUB, DIV, RELU, ABS, LEAKY_RELU, RSQRT and HARD_SWISH, which now and then
changes a result by 1. Source: the Prepare functions in tensorflow/lite/micro/kernels.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from sapmcu.ir.graph import DType, Tensor


class SumFactors(NamedTuple):
    """Both operands are raised by `bits`, brought to a common unit by x and y, added, and brought to the result."""

    x: float
    y: float
    result: float
    bits: int


def sum_factors(x: Tensor, y: Tensor, z: Tensor) -> SumFactors:
    """ADD and SUB."""
    bits = 15 if z.dtype is DType.INT16 else 20
    unit = 2 * max(x.scale, y.scale)
    return SumFactors(x.scale / unit, y.scale / unit, unit / ((1 << bits) * z.scale), bits)


def squared_difference_factors(x: Tensor, y: Tensor, z: Tensor) -> SumFactors:
    """SQUARED_DIFFERENCE; the square doubles the bits."""
    bits = 0 if z.dtype is DType.INT16 else 7
    unit = 2 * max(x.scale, y.scale)
    return SumFactors(x.scale / unit, y.scale / unit, unit * unit / ((1 << 2 * bits) * z.scale), bits)


def product_factor(x: Tensor, y: Tensor, z: Tensor) -> float:
    """MUL, and PRELU below zero."""
    return x.scale * y.scale / z.scale


def quotient_factor(x: Tensor, y: Tensor, z: Tensor) -> float:
    """DIV."""
    return x.scale / (y.scale * z.scale)


def ratio_factor(x: Tensor, y: Tensor) -> float:
    """QUANTIZE, RELU, ABS, LEAKY_RELU and PRELU above zero."""
    return x.scale / y.scale


def leaky_factor(x: Tensor, alpha: float, y: Tensor) -> float:
    """LEAKY_RELU below zero."""
    return x.scale * alpha / y.scale


def rsqrt_factor(x: Tensor, y: Tensor) -> float:
    """RSQRT."""
    return 1 / (math.sqrt(x.scale) * y.scale)


def hard_swish_factors(x: Tensor, y: Tensor) -> tuple[float, float]:
    """HARD_SWISH: from x / 128, a float32, to y, and to the scale of its gate, 3 / 2^15."""
    fine = float(np.float32(x.scale / 128))
    return fine / y.scale, fine / (3 / 32768)
