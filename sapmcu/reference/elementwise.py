# SPDX-License-Identifier: Apache-2.0
"""Arithmetic of two tensors, with broadcasting.

Source: tflite-micro 90b983c2, tensorflow/lite/micro/kernels/{add,sub,mul,div,maximum_minimum,squared_difference}*.cc
and tensorflow/lite/kernels/internal/reference.
"""

from __future__ import annotations

import numpy as np

from sapmcu.ir.activation import type_range
from sapmcu.ir.factors import (
    product_factor,
    quotient_factor,
    squared_difference_factors,
    sum_factors,
)
from sapmcu.ir.graph import Array
from sapmcu.ir.ops import Add, Div, Maximum, Minimum, Mul, SquaredDifference, Sub
from sapmcu.reference.fixed_point import (
    I64,
    multiply_by_quantized_multiplier,
    quantize_multiplier,
    requantize,
    saturating_rounding_doubling_high_mul,
)
from sapmcu.reference.gemmlowp import leading_sign_bits, reciprocal
from sapmcu.reference.kernel import (
    Operand,
    Operands,
    Outputs,
    Results,
    UnsupportedError,
    kernel,
    need_int8,
    operand,
)


def _pair(operands: Operands) -> tuple[Operand, Operand]:
    """Both operands, int8."""
    x, y = operand(operands, 0), operand(operands, 1)
    need_int8(x.tensor, y.tensor)
    return x, y


def centred(x: Operand) -> Array:
    """x's integers from the zero point on, in int64."""
    return x.value.astype(I64) - x.tensor.zero_point


def _raised(x: Operand, factor: float, bits: int) -> Array:
    """x's integers with `bits` bits more, in a common unit."""
    return multiply_by_quantized_multiplier(centred(x) << bits, *quantize_multiplier(factor))


@kernel(Add)
def add(op: Add, operands: Operands, results: Results) -> Outputs:
    x, y = _pair(operands)
    factors = sum_factors(x.tensor, y.tensor, results[0])
    total = _raised(x, factors.x, factors.bits) + _raised(y, factors.y, factors.bits)
    return (requantize(total, quantize_multiplier(factors.result), results[0], op.activation),)


@kernel(Sub)
def sub(op: Sub, operands: Operands, results: Results) -> Outputs:
    x, y = _pair(operands)
    factors = sum_factors(x.tensor, y.tensor, results[0])
    difference = _raised(x, factors.x, factors.bits) - _raised(y, factors.y, factors.bits)
    return (requantize(difference, quantize_multiplier(factors.result), results[0], op.activation),)


@kernel(Mul)
def mul(op: Mul, operands: Operands, results: Results) -> Outputs:
    x, y = _pair(operands)
    factor = quantize_multiplier(product_factor(x.tensor, y.tensor, results[0]))
    return (requantize(centred(x) * centred(y), factor, results[0], op.activation),)


@kernel(Div)
def div(op: Div, operands: Operands, results: Results) -> Outputs:
    """Raises: UnsupportedError where y is 0 or TFLM shifts by more than 31 bits, which C leaves open.

    Both come from the data: TFLM gives 127 or −128 for a quotient far below the result's scale, on Arm other numbers.
    """
    x, y = _pair(operands)
    multiplier, shift = quantize_multiplier(quotient_factor(x.tensor, y.tensor, results[0]))
    dividend, divisor = np.broadcast_arrays(centred(x), centred(y))
    if not divisor.all():
        raise UnsupportedError(f"{y.tensor.name} holds its zero point {y.tensor.zero_point}: a division by 0")
    dividend, divisor = dividend * np.sign(divisor), np.abs(divisor)
    inverse, inverse_shift = reciprocal(divisor, 31)
    headroom = leading_sign_bits(dividend)
    quotient = saturating_rounding_doubling_high_mul(dividend << headroom, inverse)
    total_shift = shift - inverse_shift - headroom
    if (total_shift < -31).any():
        worst = np.unravel_index(np.argmin(total_shift), total_shift.shape)
        raise UnsupportedError(
            f"{dividend[worst]} / {divisor[worst]} in units of {x.tensor.name} and {y.tensor.name} makes TFLM's DIV "
            f"shift by {-total_shift[worst]} bits, over 31: the scale {results[0].scale:g} of {results[0].name} is too "
            "large, and TFLM's result isn't defined"
        )
    scaled = multiply_by_quantized_multiplier(quotient, multiplier, total_shift) + results[0].zero_point
    return (np.clip(scaled, int(op.activation.low), int(op.activation.high)).astype(np.int8),)


@kernel(Maximum)
def maximum(op: Maximum, operands: Operands, results: Results) -> Outputs:
    x, y = operand(operands, 0).value, operand(operands, 1).value
    return (np.where(x > y, x, y),)


@kernel(Minimum)
def minimum(op: Minimum, operands: Operands, results: Results) -> Outputs:
    x, y = operand(operands, 0).value, operand(operands, 1).value
    return (np.where(x < y, x, y),)


@kernel(SquaredDifference)
def squared_difference(op: SquaredDifference, operands: Operands, results: Results) -> Outputs:
    x, y = _pair(operands)
    factors = squared_difference_factors(x.tensor, y.tensor, results[0])
    difference = _raised(x, factors.x, factors.bits) - _raised(y, factors.y, factors.bits)
    factor = quantize_multiplier(factors.result)
    return (requantize(difference * difference, factor, results[0], type_range(results[0])),)
