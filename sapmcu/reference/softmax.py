# SPDX-License-Identifier: Apache-2.0
"""Normalisation over the last axis.

Source: tensorflow/lite/kernels/internal/reference/{softmax,log_softmax}.h and integer_ops/l2normalization.h.
"""

from __future__ import annotations

import math

import numpy as np

from sapmcu.ir.graph import Array
from sapmcu.ir.ops import L2Normalization, LogSoftmax, Softmax
from sapmcu.reference.fixed_point import (
    INT32_MAX,
    INT32_MIN,
    multiply_by_quantized_multiplier,
    quantize_multiplier,
    rounding_divide_by_pot,
    saturating_rounding_doubling_high_mul,
)
from sapmcu.reference.gemmlowp import exp_on_negative_values, inverse_sqrt, log_of_at_least_1, reciprocal
from sapmcu.reference.kernel import Operand, Operands, Outputs, Results, kernel, need_int8, operand

DIFFERENCE_BITS = 5
"""Integer bits of x − max(x), scaled. Source: softmax.h, kScaledDiffIntegerBits."""
LOG_OUTPUT_BITS = 4
"""Integer bits of the logarithm's range of 16. Source: log_softmax.h, kOutputIntegerBits."""
SUM_BITS = 12
"""Integer bits of the sum of exponentials. Source: softmax.h, kAccumulationIntegerBits."""


@kernel(Softmax)
def softmax(op: Softmax, operands: Operands, results: Results) -> Outputs:
    """TFLM aborts where Σ e^(x − max) ≥ 512, which only 512 and more entries reach (softmax.h, TFLITE_CHECK(exponent)).

    There every probability is at most half a step of the output, and this goes on to the limit of the formula, 0.
    """
    x, (y,) = operand(operands, 0), results
    need_int8(x.tensor, y)
    _, exponentials = scaled_differences(op.beta * x.tensor.scale)
    indices = _differences(x)
    sums = rounding_divide_by_pot(exponentials, SUM_BITS)[indices].sum(axis=-1, keepdims=True)
    scale, bits_over_unit = reciprocal(np.minimum(sums, INT32_MAX), SUM_BITS)
    shares = saturating_rounding_doubling_high_mul(scale, exponentials[indices])
    quotients = rounding_divide_by_pot(shares, bits_over_unit + 31 - 8)
    return (np.clip(quotients - 128, -128, 127).astype(np.int8),)


@kernel(LogSoftmax)
def log_softmax(op: LogSoftmax, operands: Operands, results: Results) -> Outputs:
    x, (y,) = operand(operands, 0), results
    need_int8(x.tensor, y)
    scaled, exponentials = scaled_differences(x.tensor.scale)
    indices = _differences(x)
    sums = rounding_divide_by_pot(exponentials, SUM_BITS)[indices].sum(axis=-1, keepdims=True)
    logs = log_of_at_least_1(sums, SUM_BITS, DIFFERENCE_BITS)
    quotients = rounding_divide_by_pot(scaled[indices] - logs, 31 - DIFFERENCE_BITS - LOG_OUTPUT_BITS) + 127
    # differences that would leave 32 bits once the logarithm is taken off
    multiplier, shift, radius = difference_form(x.tensor.scale)
    limit = np.maximum(
        -radius - 1,
        multiply_by_quantized_multiplier(logs + INT32_MIN, *quantize_multiplier(2 ** (31 - shift) / multiplier)),
    )
    return (np.where(indices - 255 > limit, np.clip(quotients, -128, 127), -128).astype(np.int8),)


@kernel(L2Normalization)
def l2_normalization(op: L2Normalization, operands: Operands, results: Results) -> Outputs:
    x, (y,) = operand(operands, 0), results
    need_int8(x.tensor, y)
    values = x.value.astype(np.int64) - x.tensor.zero_point
    multiplier, shift = inverse_sqrt((values * values).sum(axis=-1, keepdims=True))
    scaled = multiply_by_quantized_multiplier(values, multiplier, shift + 7)  # steps of 2^−7
    return (np.clip(scaled, -128, 127).astype(np.int8),)


def _differences(x: Operand) -> Array:
    """x − max of its row, from −255 to 0, as indices of the 256 rows of a table."""
    q = x.value.astype(np.int64)
    differences: Array = q - q.max(axis=-1, keepdims=True)
    return differences + 255


def scaled_differences(factor: float) -> tuple[Array, Array]:
    """(factor · d in Q5.26, e^(factor · d) in Q0.31) for d from −255 to 0; 0 for a d that Q5.26 doesn't hold."""
    multiplier, shift, radius = difference_form(factor)
    differences = np.arange(-255, 1)
    kept = differences >= -radius
    scaled = saturating_rounding_doubling_high_mul(np.where(kept, differences, 0) * 2**shift, multiplier)
    return scaled, np.where(kept, exp_on_negative_values(scaled, DIFFERENCE_BITS), 0)


def difference_form(factor: float) -> tuple[int, int, int]:
    """(multiplier, left shift) that take differences to Q5.26, and the largest difference that it holds.

    Source: quantization_util.cc, PreprocessSoftmaxScaling and CalculateInputRadius.
    """
    multiplier, shift = quantize_multiplier(min(factor * 2 ** (31 - DIFFERENCE_BITS), 2.0**31 - 1))
    return multiplier, shift, math.floor((2**DIFFERENCE_BITS - 1) * 2 ** (31 - DIFFERENCE_BITS) / 2**shift)
