# SPDX-License-Identifier: Apache-2.0
"""Reductions over axes.

Source: tensorflow/lite/kernels/internal/reference/{reduce,arg_min_max}.h.
"""

from __future__ import annotations

import math

import numpy as np

from sapmcu.ir.activation import type_range
from sapmcu.ir.graph import Array, Tensor
from sapmcu.ir.ops import ArgMax, ArgMin, Mean, ReduceMax, ReduceMin, Sum
from sapmcu.reference.fixed_point import quantize_multiplier, requantize
from sapmcu.reference.kernel import Operand, Operands, Outputs, Results, kernel, need_int8, operand


@kernel(Mean)
def mean(op: Mean, operands: Operands, results: Results) -> Outputs:
    x, (y,) = operand(operands, 0), results
    need_int8(x.tensor, y)
    sums, count = _sum(x, _axes(operands))
    multiplier, shift = quantize_multiplier(x.tensor.scale / y.scale)
    return (_requantize(sums, divide_factor(multiplier, shift, count), y),)


def divide_factor(multiplier: int, shift: int, count: int) -> tuple[int, int]:
    """(multiplier, shift) of the factor over count, shifted so far that few bits are lost; shift stays over −32."""
    extra = min(count.bit_length() - 1, 32, 31 + shift)
    return (multiplier << extra) // count, shift - extra


@kernel(Sum)
def sum_(op: Sum, operands: Operands, results: Results) -> Outputs:
    x, (y,) = operand(operands, 0), results
    need_int8(x.tensor, y)
    sums, _ = _sum(x, _axes(operands))
    return (_requantize(sums, quantize_multiplier(x.tensor.scale / y.scale), y),)


def _axes(operands: Operands) -> tuple[int, ...]:
    rank = len(operand(operands, 0).tensor.shape)
    return tuple(sorted({int(axis) % rank for axis in operand(operands, 1).value.ravel()}))


def _sum(x: Operand, axes: tuple[int, ...]) -> tuple[Array, int]:
    """(sums of x without its zero point, how many each is of)."""
    count = math.prod(x.tensor.shape[axis] for axis in axes)
    return x.value.sum(axis=axes, dtype=np.int64) - count * x.tensor.zero_point, count


def _requantize(sums: Array, factor: tuple[int, int], y: Tensor) -> Array:
    return requantize(sums, factor, y, type_range(y)).reshape(y.shape)


@kernel(ReduceMax)
def reduce_max(op: ReduceMax, operands: Operands, results: Results) -> Outputs:
    x, (y,) = operand(operands, 0), results
    need_int8(x.tensor, y)
    return (np.asarray(x.value.max(axis=_axes(operands))).reshape(y.shape),)


@kernel(ReduceMin)
def reduce_min(op: ReduceMin, operands: Operands, results: Results) -> Outputs:
    x, (y,) = operand(operands, 0), results
    need_int8(x.tensor, y)
    return (np.asarray(x.value.min(axis=_axes(operands))).reshape(y.shape),)


@kernel(ArgMax)
def arg_max(op: ArgMax, operands: Operands, results: Results) -> Outputs:
    x = operand(operands, 0)
    need_int8(x.tensor)
    (axis,) = _axes(operands)
    return (np.asarray(x.value.argmax(axis=axis), np.int32),)


@kernel(ArgMin)
def arg_min(op: ArgMin, operands: Operands, results: Results) -> Outputs:
    x = operand(operands, 0)
    need_int8(x.tensor)
    (axis,) = _axes(operands)
    return (np.asarray(x.value.argmin(axis=axis), np.int32),)
