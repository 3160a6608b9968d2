# SPDX-License-Identifier: Apache-2.0
"""The real factors that TFLM turns into a multiplier and a shift, in the precision in which TFLM computes them.

A factor takes integers of one scale to integers of another. Scales are float32; some kernels divide them in float32,
some in float64, and the last bit of a result depends on it. Factors that overflow come out infinite.
Source: tflite-micro 90b983c2, the Prepare functions in tensorflow/lite/micro/kernels.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sapmcu.ir.graph import DType, Tensor

F32 = np.float32


class SumFactors(NamedTuple):
    """Both operands are raised by `bits`, brought to a common unit by x and y, added, and brought to the result."""

    x: float
    y: float
    result: float
    bits: int


def sum_factors(x: Tensor, y: Tensor, z: Tensor) -> SumFactors:
    """ADD, in float64."""
    bits = 15 if z.dtype is DType.INT16 else 20
    unit = 2 * max(x.scale, y.scale)
    return SumFactors(x.scale / unit, y.scale / unit, unit / ((1 << bits) * z.scale), bits)


def difference_factors(x: Tensor, y: Tensor, z: Tensor) -> SumFactors:
    """SUB: ADD's, but in float32."""
    bits = 15 if z.dtype is DType.INT16 else 20
    with np.errstate(over="ignore", under="ignore"):
        unit = F32(2) * F32(max(x.scale, y.scale))
        result = unit / (F32(1 << bits) * F32(z.scale))
        return SumFactors(float(F32(x.scale) / unit), float(F32(y.scale) / unit), float(result), bits)


def squared_difference_factors(x: Tensor, y: Tensor, z: Tensor) -> SumFactors:
    """SQUARED_DIFFERENCE, in float64; the square doubles the bits."""
    bits = 0 if z.dtype is DType.INT16 else 7
    unit = 2 * max(x.scale, y.scale)
    return SumFactors(x.scale / unit, y.scale / unit, unit * unit / ((1 << 2 * bits) * z.scale), bits)


def product_factor(x: Tensor, y: Tensor, z: Tensor) -> float:
    """MUL, and PRELU below zero, in float64."""
    return x.scale * y.scale / z.scale


def quotient_factor(x: Tensor, y: Tensor, z: Tensor) -> float:
    """DIV, in float32."""
    with np.errstate(all="ignore"):
        return float(F32(x.scale) / (F32(y.scale) * F32(z.scale)))


def requantize_factor(x: Tensor, y: Tensor) -> float:
    """QUANTIZE, and PRELU above zero, in float64."""
    return x.scale / y.scale


def ratio_factor(x: Tensor, y: Tensor) -> float:
    """RELU, ABS, and LEAKY_RELU above zero, in float32."""
    with np.errstate(over="ignore", under="ignore"):
        return float(F32(x.scale) / F32(y.scale))


def leaky_factor(x: Tensor, alpha: float, y: Tensor) -> float:
    """LEAKY_RELU below zero, in float32."""
    with np.errstate(all="ignore"):
        return float(F32(x.scale) * F32(alpha) / F32(y.scale))


def rsqrt_factor(x: Tensor, y: Tensor) -> float:
    """RSQRT: the product in float32, its inverse in float64."""
    with np.errstate(all="ignore"):
        product = float(np.sqrt(F32(x.scale)) * F32(y.scale))
    return 1 / product if product else float("inf")


def hard_swish_factors(x: Tensor, y: Tensor) -> tuple[float, float]:
    """HARD_SWISH in float32: from x / 128 to y, and to the scale of its gate, 3 / 2^15."""
    with np.errstate(over="ignore", under="ignore"):
        fine = F32(1 / 128) * F32(x.scale)
        return float(fine / F32(y.scale)), float(fine / F32(3 / 32768))
