# SPDX-License-Identifier: Apache-2.0
"""Matrix products."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from sapmcu.ir import ops
from sapmcu.ir.activation import type_range
from sapmcu.ir.cascade import RowForm, RowReads
from sapmcu.ir.graph import Tensor
from sapmcu.ir.native import Call, Constant, FunctionRef, Lowered, Params
from sapmcu.ir.ops import Range
from sapmcu.lower.axes import broadcast_strides, merged_loops
from sapmcu.lower.convolution import folded_bias, need_constant
from sapmcu.lower.forms import ROWS_HEADER, vector_form, vector_rows, with_forms, with_macs
from sapmcu.lower.rows import clamp_fields
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
    optional_operand,
)
from sapmcu.reference.convolution import channel_factors

HEADER = "sapmcu/mat_mul.h"
MAX_FORMS = 16
"""Products of one op that are forms of their own; more of them run whole."""
MAX_LOOPS = 3
"""SAPMCU_MAT_MUL_MAX_LOOPS of sapmcu/mat_mul.h."""


@lowering(ops.FullyConnected)
def fully_connected(op: ops.FullyConnected, operands: Operands, results: Results) -> Lowered:
    x, filters, bias, (y,) = operand(operands), operand(operands, 1), optional_operand(operands, 2), results
    need_int8(x, filters, y)
    if not filters.is_constant:
        return _with_variable_filter(x, filters, bias, y, op.activation)
    channels, depth = filters.shape
    multipliers, shifts = channel_factors(x, filters, y)
    params = Params(
        "sapmcu_fully_connected_s8_params",
        (
            ("filter", array_constant(filters.value, "filter")),
            ("bias", array_constant(folded_bias(bias, filters.value, x), "bias", "int32_t")),
            ("multiplier", array_constant(multipliers, "multiplier", "int32_t")),
            ("shift", array_constant(shifts, "shift", "int8_t")),
            ("vectors", x.elements // depth),
            ("depth", depth),
            ("out_channels", channels),
            ("is_per_channel", int(len(multipliers) > 1)),
            *clamp_fields(y, op.activation),
        ),
    )
    call = Call("sapmcu_fully_connected_s8", "sapmcu/fully_connected.h", (params, address(x), address(y)))
    if x.is_constant or x.shape[-1] != depth:
        return Lowered((call,))
    row = replace(
        params, fields=tuple((name, 1 if name == "vectors" else one) for name, one in params.fields), role="row"
    )
    form = vector_form(FunctionRef("sapmcu_fully_connected_row_s8", ROWS_HEADER), row, x, y, is_in_place=False)
    return with_forms(Lowered((call,)), *with_macs((form,), y.elements * depth))


def _with_variable_filter(x: Tensor, filters: Tensor, bias: Tensor | None, y: Tensor, clamp: Range) -> Lowered:
    """TFLM takes such a filter as it is, without a zero point."""
    channels, depth = filters.shape
    values = None if bias is None else array_constant(need_constant(bias, "bias"), "bias", "int32_t")
    matrices = _Matrices(x.elements // depth, depth, channels, is_y_transposed=True)
    params = matrices.params(values, x, filters, 0, y, clamp)
    lowered = Lowered((Call("sapmcu_mat_mul_s8", HEADER, (params, address(x), address(filters), address(y))),))
    if x.shape[-1] != depth:
        return lowered
    return with_forms(lowered, *_forms(params, [(0, 0)], matrices, x, filters, y))


@dataclass(frozen=True, slots=True)
class _Matrices:
    """Sizes of one product [rows, depth] · [depth, columns]."""

    rows: int
    depth: int
    columns: int
    is_x_transposed: bool = False
    is_y_transposed: bool = False

    def params(self, bias: Constant | None, x: Tensor, y: Tensor, y_zero_point: int, z: Tensor, clamp: Range) -> Params:
        multipliers, shifts = channel_factors(x, y, z)
        return Params(
            "sapmcu_mat_mul_s8_params",
            (
                ("bias", bias),
                ("multiplier", int(multipliers[0])),
                ("shift", int(shifts[0])),
                ("rows", self.rows),
                ("depth", self.depth),
                ("columns", self.columns),
                ("is_x_transposed", int(self.is_x_transposed)),
                ("is_y_transposed", int(self.is_y_transposed)),
                ("x_zero_point", x.zero_point),
                ("y_zero_point", y_zero_point),
                ("z_zero_point", z.zero_point),
                ("low", int(clamp.low)),
                ("high", int(clamp.high)),
            ),
        )


@lowering(ops.BatchMatMul)
def batch_mat_mul(op: ops.BatchMatMul, operands: Operands, results: Results) -> Lowered:
    x, y, (z,) = operand(operands), operand(operands, 1), results
    need_int8(x, y, z)
    rows, columns = z.shape[-2:]
    depth = x.shape[-2] if op.adjoint_x else x.shape[-1]
    data = (address(x, "x"), address(y, "y"), address(z))
    batch = z.shape[:-2]
    x_strides, y_strides = (broadcast_strides(one.shape[:-2], batch) for one in (x, y))
    loops = merged_loops(batch, x_strides, y_strides)
    if rows == columns == 1 and loops == [(z.elements, 1, 1)]:
        return _dot_products(depth, x, y, z)
    matrices = _Matrices(rows, depth, columns, op.adjoint_x, op.adjoint_y)
    params = matrices.params(None, x, y, y.zero_point, z, type_range(z))
    forms: tuple[RowForm, ...] = ()
    if not op.adjoint_x and math.prod(batch) <= MAX_FORMS:
        indices = [
            np.broadcast_to(np.arange(math.prod(one.shape[:-2])).reshape(one.shape[:-2]), batch) for one in (x, y)
        ]
        pairs = list(zip(*(one.ravel().tolist() for one in indices), strict=True))
        forms = _forms(params, pairs, matrices, x, y, z)
    if not loops:
        return with_forms(Lowered((Call("sapmcu_mat_mul_s8", HEADER, (params, *data)),)), *forms)
    if len(loops) > MAX_LOOPS:
        raise LoweringError(f"it broadcasts in {len(loops)} nested loops; the native engine has {MAX_LOOPS}")
    padded = [(1, 0, 0)] * (MAX_LOOPS - len(loops)) + loops
    batches = Params(
        "sapmcu_mat_mul_batches",
        (
            ("count", tuple(count for count, _, _ in padded)),
            ("x_stride_bytes", tuple(stride * rows * depth for _, stride, _ in padded)),
            ("y_stride_bytes", tuple(stride * depth * columns for _, _, stride in padded)),
        ),
        "batches",
    )
    return with_forms(Lowered((Call("sapmcu_run_mat_mul", HEADER, (batches, params, *data)),)), *forms)


def _dot_products(depth: int, x: Tensor, y: Tensor, z: Tensor) -> Lowered:
    """One row by one column each. In a form, a row holds those of one index of the first axis."""
    params = _Matrices(z.elements, depth, 1).params(None, x, y, y.zero_point, z, type_range(z))
    data = (address(x, "x"), address(y, "y"), address(z))
    lowered = Lowered((Call("sapmcu_dot_products_s8", HEADER, (params, *data)),), in_place=in_place(z, x, y))
    if x.is_constant or y.is_constant:
        return lowered
    rows = z.shape[0]
    count = z.elements // rows
    reads = tuple(RowReads(one.name, rows, count * depth) for one in (x, y))
    row = _Matrices(count, depth, 1).params(None, x, y, y.zero_point, z, type_range(z))
    kernel = FunctionRef("sapmcu_dot_products_row_s8", ROWS_HEADER)
    form = RowForm(
        *(z.name, rows, count, rows, reads, kernel, replace(row, role="row")), in_place=(0, 1), macs=count * depth
    )
    return with_forms(lowered, form)


def _forms(
    params: Params, pairs: Sequence[tuple[int, int]], matrices: _Matrices, x: Tensor, y: Tensor, z: Tensor
) -> tuple[RowForm, ...]:
    """A row of z from a row of x and a whole matrix of y, a form for each product. pairs: their matrices of x and y."""
    if x.is_constant:
        return ()
    row = replace(params, fields=tuple((name, 1 if name == "rows" else one) for name, one in params.fields))
    once = Params(
        "sapmcu_mat_mul_batches", (("count", (1, 1, 1)), ("x_stride_bytes", (0, 0, 0)), ("y_stride_bytes", (0, 0, 0)))
    )
    x_rows, x_bytes = vector_rows(x)
    y_rows, y_bytes = vector_rows(y)
    z_rows, z_bytes = vector_rows(z)
    size, rows = matrices.depth * matrices.columns, matrices.rows
    forms = []
    for index, (of_x, of_y) in enumerate(pairs):
        reads = [RowReads(x.name, x_rows, x_bytes, before=-of_x * rows)]
        fixed = None
        if y.is_constant:
            fixed = array_constant(y.value.reshape(-1, size)[of_y], "y")
        else:
            reads.append(RowReads(y.name, y_rows, y_bytes, is_whole=True, offset_bytes=of_y * size))
        struct = Params(
            "sapmcu_mat_mul_row_s8_params", (("x", None), ("y", fixed), ("batches", once), ("product", row)), "row"
        )
        kernel = FunctionRef("sapmcu_mat_mul_row_s8", ROWS_HEADER)
        first = index * rows
        forms.append(RowForm(z.name, z_rows, z_bytes, rows, tuple(reads), kernel, struct, first_row=first, macs=size))
    return tuple(forms)
