# SPDX-License-Identifier: Apache-2.0
"""Normalisation over the last axis.

Source: tensorflow/lite/kernels/internal/reference/softmax.h.
"""

from __future__ import annotations

import math

import numpy as np

from sapmcu.ir.graph import Array
from sapmcu.ir.ops import Softmax
from sapmcu.reference.fixed_point import (
    quantize_multiplier,
    rounding_divide_by_pot,
    saturating_rounding_doubling_high_mul,
)
from sapmcu.reference.gemmlowp import exp_on_negative_values, reciprocal
from sapmcu.reference.kernel import Operands, Outputs, Results, kernel, need_int8, operand

DIFFERENCE_BITS = 5
"""Integer bits of x − max(x), scaled. Source: softmax.h, kScaledDiffIntegerBits."""
SUM_BITS = 12
"""Integer bits of the sum of exponentials. Source: softmax.h, kAccumulationIntegerBits."""


@kernel(Softmax)
def softmax(op: Softmax, operands: Operands, results: Results) -> Outputs:
    """TFLM aborts where Σ e^(x − max) ≥ 512, which only 512 and more entries reach (Softmax, TFLITE_CHECK(exponent)).

    There every probability is at most half a step of the output, and this goes on to the limit of the formula, 0.
    """
    x, (y,) = operand(operands, 0), results
    need_int8(x.tensor, y)
    differences = np.arange(-255, 1)
    exponentials = _exponentials(differences, op.beta * x.tensor.scale)
    q = x.value.astype(np.int64)
    # row by row of the 256 values that a difference has
    indices = q - q.max(axis=-1, keepdims=True) + 255
    sums = rounding_divide_by_pot(exponentials, SUM_BITS)[indices].sum(axis=-1, keepdims=True)
    scale, bits_over_unit = reciprocal(np.minimum(sums, (1 << 31) - 1), SUM_BITS)
    shares = saturating_rounding_doubling_high_mul(scale, exponentials[indices])
    quotients = rounding_divide_by_pot(shares, bits_over_unit + 31 - 8)
    return (np.clip(quotients - 128, -128, 127).astype(np.int8),)


def _exponentials(differences: Array, factor: float) -> Array:
    """e^(factor · difference) in Q0.31; 0 below the smallest difference that the scaled form holds."""
    multiplier, shift = scaled_difference_factor(factor)
    # Source: quantization_util.cc, CalculateInputRadius
    radius = math.floor((2**DIFFERENCE_BITS - 1) * 2 ** (31 - DIFFERENCE_BITS) / 2**shift)
    kept = differences >= -radius
    scaled = saturating_rounding_doubling_high_mul(np.where(kept, differences, 0) * 2**shift, multiplier)
    return np.where(kept, exp_on_negative_values(scaled, DIFFERENCE_BITS), 0)


def scaled_difference_factor(factor: float) -> tuple[int, int]:
    """(multiplier, left shift) that take differences to Q5.26. Source: PreprocessSoftmaxScaling."""
    return quantize_multiplier(min(factor * 2 ** (31 - DIFFERENCE_BITS), 2.0**31 - 1))
