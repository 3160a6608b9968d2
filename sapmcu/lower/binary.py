# SPDX-License-Identifier: Apache-2.0
"""Arithmetic of two tensors. With a constant number as one of them it is a function of the other: a table."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from sapmcu.ir import ops
from sapmcu.ir.activation import type_range
from sapmcu.ir.cascade import Columns, RowForm, RowReads
from sapmcu.ir.factors import SumFactors, product_factor, quotient_factor, squared_difference_factors, sum_factors
from sapmcu.ir.graph import Op, Tensor
from sapmcu.ir.native import Call, Constant, FunctionRef, Lowered, Params, Pointer, Value
from sapmcu.ir.ops import Range
from sapmcu.lower.axes import broadcast_strides, merged_loops
from sapmcu.lower.forms import ROWS_HEADER, image_rows, with_forms
from sapmcu.lower.lut import lut_call, results_of_all
from sapmcu.lower.table import (
    LoweringError,
    Operands,
    Results,
    address,
    array_constant,
    in_place,
    lowering,
    need_int8,
    operand,
)
from sapmcu.reference.fixed_point import quantize_multiplier
from sapmcu.reference.kernel import UnsupportedError

HEADER = "sapmcu/binary.h"
Shape = tuple[int, ...]

MAX_LOOPS = 5
"""SAPMCU_BROADCAST_MAX_LOOPS of sapmcu/binary.h."""


def _fields(x: Tensor, y: Tensor, z: Tensor, clamp: Range) -> tuple[tuple[str, Value], ...]:
    return (
        ("x_zero_point", x.zero_point),
        ("y_zero_point", y.zero_point),
        ("z_zero_point", z.zero_point),
        ("low", int(clamp.low)),
        ("high", int(clamp.high)),
    )


def _sum_params(factors: SumFactors, x: Tensor, y: Tensor, z: Tensor, clamp: Range) -> Params:
    forms = [quantize_multiplier(one) for one in (factors.x, factors.y, factors.result)]
    multipliers = tuple((f"{name}_multiplier", form[0]) for name, form in zip("xyz", forms, strict=True))
    shifts = tuple((f"{name}_shift", form[1]) for name, form in zip("xyz", forms, strict=True))
    return Params("sapmcu_sum_s8_params", (*multipliers, *shifts, *_fields(x, y, z, clamp)))


def _product_params(factor: float, x: Tensor, y: Tensor, z: Tensor, clamp: Range) -> Params:
    multiplier, shift = quantize_multiplier(factor)
    form: tuple[tuple[str, Value], ...] = (("multiplier", multiplier), ("shift", shift))
    return Params("sapmcu_product_s8_params", (*form, *_fields(x, y, z, clamp)))


def _run(kernel: str, params: Params | None, x: Tensor, y: Tensor, z: Tensor) -> Lowered:
    """The kernel over all axes."""
    geometry = _geometry(z.shape, x.shape, y.shape)
    arguments = (geometry, FunctionRef(kernel, HEADER), params, address(x, "x"), address(y, "y"), address(z))
    # an operand as large as z is not repeated
    lowered = Lowered((Call("sapmcu_run_binary", HEADER, arguments),), in_place=in_place(z, x, y))
    return with_forms(lowered, *_forms(kernel, params, x, y, z))


def _geometry(z: Shape, x: Shape, y: Shape) -> Params:
    loops = merged_loops(z, broadcast_strides(x, z), broadcast_strides(y, z))
    *outer, (count, x_step, y_step) = loops or [(1, 1, 1)]
    if len(outer) > MAX_LOOPS:
        raise LoweringError(f"it broadcasts in {len(outer)} nested loops; the native engine has {MAX_LOOPS}")
    return Params(
        "sapmcu_broadcast",
        (
            ("loops", Constant("sapmcu_broadcast_loop", tuple(outer), "loops") if outer else None),
            ("loop_count", len(outer)),
            ("run", Params("sapmcu_binary_run", (("count", count), ("x_step", x_step), ("y_step", y_step)))),
        ),
        "geometry",
    )


def _forms(kernel: str, params: Params | None, x: Tensor, y: Tensor, z: Tensor) -> tuple[RowForm, ...]:
    """A row of z from a row of each operand, its own or one that it shares with others."""
    rows, row_bytes = image_rows(z)
    row_rank = 2 if len(z.shape) > 3 else 1
    reads: list[RowReads] = []
    constants: list[Constant | None] = []
    step_bytes = 0
    for one in (x, y):
        its_rows = _rows_of(one, z.shape, row_rank)
        if one.is_constant:
            values = one.value.reshape(max(its_rows) + 1, -1)
            is_repeated = len(values) == 1
            constants.append(array_constant(values if is_repeated else values[its_rows], "operand"))
            step_bytes = step_bytes if is_repeated else values.shape[1]
        else:
            reads.append(_reads(one, its_rows))
            constants.append(None)
    shapes = [one.shape[-row_rank:] for one in (x, y)]
    fields: tuple[tuple[str, Value], ...] = (
        ("geometry", _geometry(z.shape[-row_rank:], *shapes)),
        ("kernel", FunctionRef(kernel, HEADER)),
        ("params", None if params is None else Pointer(params)),
        ("x", constants[0]),
        ("y", constants[1]),
        ("step_bytes", step_bytes),
    )
    row = Params("sapmcu_binary_row_s8_params", fields, "row")
    in_place = tuple(index for index, one in enumerate(reads) if (one.rows, one.row_bytes) == (rows, row_bytes))
    adapter = FunctionRef("sapmcu_binary_row_s8", ROWS_HEADER)
    is_alike = all(shape == z.shape[-row_rank:] for shape in shapes) and len(z.shape) > 3
    columns = Columns(z.shape[-2], (z.shape[-2],) * len(reads)) if is_alike and len(reads) == 2 else None
    form = RowForm(z.name, rows, row_bytes, rows, tuple(reads), adapter, row, in_place=in_place, columns=columns)
    return (replace(form, is_numbered=step_bytes > 0),)


def _rows_of(one: Tensor, shape: Shape, row_rank: int) -> list[int]:
    """For each row of the result the row of an operand."""
    outer = (1,) * (len(shape) - len(one.shape)) + one.shape
    numbers = np.arange(math.prod(outer[:-row_rank])).reshape(outer[:-row_rank])
    return [int(row) for row in np.broadcast_to(numbers, shape[:-row_rank]).flat]


def _reads(one: Tensor, its_rows: list[int]) -> RowReads:
    rows = max(its_rows) + 1
    reads = RowReads(one.name, rows, one.size_bytes // rows)
    if rows == 1:
        return replace(reads, stride=0)
    if its_rows == list(range(rows)):
        return reads
    return replace(reads, first_rows=Constant("uint16_t", tuple(its_rows), "first_rows"))


def _by_table(op: Op, operands: Operands, z: Tensor) -> Lowered | None:
    """None where both vary, or where the reference leaves a result open."""
    for varied, fixed in ((0, 1), (1, 0)):
        x, number = operand(operands, varied), operand(operands, fixed)
        if number.is_constant and number.elements == 1 and not x.is_constant and x.elements == z.elements:
            try:
                return lut_call(results_of_all(op, operands, z, varied), x, z)
            except UnsupportedError:
                return None
    return None


@lowering(ops.Add, ops.Sub, ops.SquaredDifference)
def sums(op: Op, operands: Operands, results: Results) -> Lowered:
    x, y, (z,) = operand(operands), operand(operands, 1), results
    need_int8(x, y, z)
    if (by_table := _by_table(op, operands, z)) is not None:
        return by_table
    if isinstance(op, ops.Add | ops.Sub):
        kernel = "sapmcu_add_s8" if isinstance(op, ops.Add) else "sapmcu_sub_s8"
        return _run(kernel, _sum_params(sum_factors(x, y, z), x, y, z, op.activation), x, y, z)
    factors = squared_difference_factors(x, y, z)
    return _run("sapmcu_squared_difference_s8", _sum_params(factors, x, y, z, type_range(z)), x, y, z)


@lowering(ops.Mul)
def mul(op: ops.Mul, operands: Operands, results: Results) -> Lowered:
    x, y, (z,) = operand(operands), operand(operands, 1), results
    need_int8(x, y, z)
    params = _product_params(product_factor(x, y, z), x, y, z, op.activation)
    return _by_table(op, operands, z) or _run("sapmcu_mul_s8", params, x, y, z)


@lowering(ops.Div)
def div(op: ops.Div, operands: Operands, results: Results) -> Lowered:
    x, y, (z,) = operand(operands), operand(operands, 1), results
    need_int8(x, y, z)
    params = _product_params(quotient_factor(x, y, z), x, y, z, op.activation)
    return _by_table(op, operands, z) or _run("sapmcu_div_s8", params, x, y, z)


@lowering(ops.Maximum, ops.Minimum)
def extreme(op: Op, operands: Operands, results: Results) -> Lowered:
    x, y, (z,) = operand(operands), operand(operands, 1), results
    need_int8(x, y, z)
    kernel = "sapmcu_maximum_s8" if isinstance(op, ops.Maximum) else "sapmcu_minimum_s8"
    return _by_table(op, operands, z) or _run(kernel, None, x, y, z)
