# SPDX-License-Identifier: Apache-2.0
"""Functions of one int8 number, computed once for each of its 256 values.

Source: tflite-micro 90b983c2, tensorflow/lite/micro/kernels/{activations,elementwise,logistic,tanh,leaky_relu,prelu,
hard_swish}*.cc and tensorflow/lite/kernels/internal/reference.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from sapmcu.ir.activation import quantize_limit, type_range
from sapmcu.ir.factors import (
    hard_swish_factors,
    leaky_factor,
    product_factor,
    ratio_factor,
    rsqrt_factor,
)
from sapmcu.ir.graph import Array, Tensor
from sapmcu.ir.ops import Abs, HardSwish, LeakyRelu, Logistic, PRelu, Range, Relu, Relu6, Rsqrt, Tanh
from sapmcu.reference.fixed_point import (
    I64,
    multiply_by_quantized_multiplier,
    quantize_multiplier,
    requantize,
    rounding_divide_by_pot,
    wrap_int32,
)
from sapmcu.reference.gemmlowp import inverse_sqrt, logistic, tanh
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

VALUES = np.arange(-128, 128, dtype=I64)


def _tensors(operands: Operands, results: Results) -> tuple[Tensor, Tensor]:
    """Operand and result, both int8."""
    x, y = operand(operands, 0).tensor, results[0]
    need_int8(x, y)
    return x, y


def _by_table(operands: Operands, function: Callable[[Array], Array]) -> Outputs:
    """function takes int64 numbers from the zero point on, and gives numbers that int8 holds."""
    x = operand(operands, 0)
    table = function(VALUES - x.tensor.zero_point).astype(np.int8)
    return (table[x.value.astype(np.int16) + 128],)


@kernel(Relu)
def relu(op: Relu, operands: Operands, results: Results) -> Outputs:
    x, y = _tensors(operands, results)
    factor = quantize_multiplier(ratio_factor(x, y))
    return _by_table(operands, lambda q: requantize(q, factor, y, Range(y.zero_point, 127)))


@kernel(Relu6)
def relu6(op: Relu6, operands: Operands, results: Results) -> Outputs:
    """TFLM clamps x's integers and ignores y's quantization: right only where both have one. See passes/relu6.py."""
    x, _ = _tensors(operands, results)
    six = min(quantize_limit(6.0, x), 127)
    return _by_table(operands, lambda q: np.clip(q + x.zero_point, x.zero_point, six))


@kernel(LeakyRelu)
def leaky_relu(op: LeakyRelu, operands: Operands, results: Results) -> Outputs:
    x, y = _tensors(operands, results)
    above = quantize_multiplier(ratio_factor(x, y))
    below = leaky_factor(x, op.alpha, y)
    multiplier, shift = quantize_multiplier(abs(below))
    sign = int(math.copysign(1, below))

    def function(q: Array) -> Array:
        scaled = np.where(
            q >= 0,
            multiply_by_quantized_multiplier(q, *above),
            sign * multiply_by_quantized_multiplier(q, multiplier, shift),
        )
        return _to_int8(scaled, y)

    return _by_table(operands, function)


def _to_int8(scaled: Array, y: Tensor) -> Array:
    """Numbers in y's scale, from its zero point on, in y's integers."""
    return np.clip(wrap_int32(scaled + y.zero_point), -128, 127).astype(np.int8)


@kernel(PRelu)
def prelu(op: PRelu, operands: Operands, results: Results) -> Outputs:
    x, alpha = operand(operands, 0), operand(operands, 1)
    y = results[0]
    need_int8(x.tensor, alpha.tensor, y)
    above = quantize_multiplier(ratio_factor(x.tensor, y))
    below = quantize_multiplier(product_factor(x.tensor, alpha.tensor, y))
    q = _centred(x)
    scaled = np.where(
        q >= 0,
        multiply_by_quantized_multiplier(q, *above),
        multiply_by_quantized_multiplier(q * _centred(alpha), *below),
    )
    return (_to_int8(scaled, y),)


def _centred(x: Operand) -> Array:
    return x.value.astype(I64) - x.tensor.zero_point


SIGMOID_BITS = 4
"""Integer bits of the operand of LOGISTIC and TANH. Source: logistic_common.cc, kInputIntegerBits."""


def _sigmoid(
    x: Tensor, function: Callable[[Array, int], Array], bits: int, zero_point: int
) -> Callable[[Array], Array]:
    """A sigmoid of x's integers, in int8 with `bits` fraction bits; −128 or 127 where x is beyond ±15.

    Source: integer_ops/{logistic,tanh}.h; quantization_util.cc, CalculateInputRadius.
    """
    multiplier, shift = quantize_multiplier(x.scale * 2 ** (31 - SIGMOID_BITS))
    radius = math.floor((2**SIGMOID_BITS - 1) * 2 ** (31 - SIGMOID_BITS) / 2**shift)

    def of(q: Array) -> Array:
        inside = np.where(np.abs(q) < radius, q, 0)
        result = function(multiply_by_quantized_multiplier(inside, multiplier, shift), SIGMOID_BITS)
        rounded = np.clip(rounding_divide_by_pot(result, 31 - bits) + zero_point, -128, 127)
        return np.where(q <= -radius, -128, np.where(q >= radius, 127, rounded))

    return of


@kernel(Logistic)
def logistic_kernel(op: Logistic, operands: Operands, results: Results) -> Outputs:
    return _by_table(operands, _sigmoid(_tensors(operands, results)[0], logistic, 8, -128))


@kernel(Tanh)
def tanh_kernel(op: Tanh, operands: Operands, results: Results) -> Outputs:
    return _by_table(operands, _sigmoid(_tensors(operands, results)[0], tanh, 7, 0))


@kernel(Abs)
def absolute(op: Abs, operands: Operands, results: Results) -> Outputs:
    x, y = _tensors(operands, results)
    if x.scale == y.scale:
        return _by_table(operands, lambda q: _to_int8(np.abs(q), y))
    factor = quantize_multiplier(ratio_factor(x, y))
    return _by_table(operands, lambda q: requantize(np.abs(q), factor, y, type_range(y)))


RSQRT_BITS = 20
"""Fraction bits of 1 / √q. Source: elementwise.cc, kShift."""


@kernel(Rsqrt)
def rsqrt(op: Rsqrt, operands: Operands, results: Results) -> Outputs:
    """127 at 0. Raises: UnsupportedError for numbers below 0, for which TFLM fails."""
    x, y = _tensors(operands, results)
    if (operand(operands, 0).value < x.zero_point).any():
        raise UnsupportedError(f"{x.name} holds numbers below 0, which have no root")
    multiplier, shift = quantize_multiplier(rsqrt_factor(x, y))

    def function(q: Array) -> Array:
        root, root_shift = inverse_sqrt(np.maximum(q, 0))
        fine = multiply_by_quantized_multiplier(np.ones_like(q), root, root_shift + RSQRT_BITS)
        return np.where(
            q == 0, 127, _to_int8(multiply_by_quantized_multiplier(fine, multiplier, shift - RSQRT_BITS), y)
        )

    return _by_table(operands, function)


@kernel(HardSwish)
def hard_swish(op: HardSwish, operands: Operands, results: Results) -> Outputs:
    """x · gate in 16 bits: gate = (x / 3 + 1) / 2, saturated to 0..1. Source: reference/hard_swish.h."""
    x, y = _tensors(operands, results)
    (result_multiplier, result_shift), (gate_multiplier, gate_shift) = map(_int16_form, hard_swish_factors(x, y))

    def function(q: Array) -> Array:
        fine = q << 7
        gate = _shift_left_saturating(fine, max(gate_shift - 1, 0))
        gate = _rounding_high_mul(gate, gate_multiplier)
        gate = _shift_left_saturating(gate, min(max(gate_shift, 0), 1))
        gate = _rounding_shift_right(gate, max(-gate_shift, 0))
        gate = (gate + (1 << 15)) >> 1
        high = _high_half(gate * _rounding_high_mul(fine, result_multiplier))
        scaled = _rounding_shift_right(high, -result_shift) + y.zero_point
        return np.clip(scaled, -128, 127)

    return _by_table(operands, function)


def _int16_form(factor: float) -> tuple[int, int]:
    """A multiplier of 15 bits, and a shift. Source: common.h, DownScaleInt32ToInt16Multiplier."""
    multiplier, shift = quantize_multiplier(factor)
    return min((multiplier + (1 << 15)) >> 16, (1 << 15) - 1), shift


def _shift_left_saturating(x: Array, bits: int) -> Array:
    return np.clip(x << bits, -(1 << 15), (1 << 15) - 1)


def _high_half(product: Array) -> Array:
    """product / 2^15, towards zero as C divides."""
    return np.where(product < 0, -(-product >> 15), product >> 15)


def _rounding_high_mul(a: Array, b: int) -> Array:
    """High 16 bits of 2ab to nearest, ties up; b is never −2^15."""
    product = a * b
    return _high_half(product + np.where(product < 0, 1 - (1 << 14), 1 << 14))


def _rounding_shift_right(x: Array, bits: int) -> Array:
    """x / 2^bits to nearest, ties away from zero, in 16 bits.

    From 16 bits on gemmlowp's mask is −1 and its result 1 for x ≥ 0 and −1 for x < 0, where 0 would be right.
    """
    if bits > 15:
        return np.where(x >= 0, 1, -1)
    return rounding_divide_by_pot(x, bits)
