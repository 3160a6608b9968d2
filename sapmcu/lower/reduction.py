# SPDX-License-Identifier: Apache-2.0
"""Reductions over axes."""

from __future__ import annotations

import math
from dataclasses import replace

from sapmcu.ir import ops
from sapmcu.ir.cascade import RowForm, RowReads
from sapmcu.ir.factors import ratio_factor
from sapmcu.ir.graph import Op, Tensor
from sapmcu.ir.native import Call, FunctionRef, Lowered, Params
from sapmcu.lower.forms import ROWS_HEADER, image_rows, largest_form, sum_forms, with_forms
from sapmcu.lower.table import LoweringError, Operands, Results, address, lowering, need_int8, numbers, operand
from sapmcu.reference.fixed_point import quantize_multiplier
from sapmcu.reference.reduction import divide_factor

HEADER = "sapmcu/reduce.h"
MAX_LOOPS = 3
"""SAPMCU_REDUCE_MAX_LOOPS of sapmcu/reduce.h."""

Loop = tuple[int, int]
"""(count, stride)."""


def _axes(x: Tensor, operands: Operands) -> set[int]:
    return {axis % len(x.shape) for axis in numbers(operands, 1)}


def reduce_loops(shape: tuple[int, ...], axes: set[int]) -> Params:
    """The loops over the axes that stay and over those that go; neighbours of one kind are one loop."""
    loops: dict[bool, list[Loop]] = {True: [], False: []}
    last: bool | None = None
    for axis in reversed(range(len(shape))):  # from the innermost
        count, stride, is_reduced = shape[axis], math.prod(shape[axis + 1 :]), axis in axes
        if count == 1:
            continue
        if is_reduced is last:
            inner_count, inner_stride = loops[is_reduced].pop()
            count, stride = count * inner_count, inner_stride
        loops[is_reduced].append((count, stride))
        last = is_reduced
    if max(map(len, loops.values())) > MAX_LOOPS:
        raise LoweringError(f"its axes make more than {MAX_LOOPS} nested loops of a kind")
    fields = []
    for name, is_reduced in (("kept", False), ("reduced", True)):
        padded = [(1, 0)] * (MAX_LOOPS - len(loops[is_reduced])) + loops[is_reduced][::-1]
        fields.append((f"{name}_count", tuple(count for count, _ in padded)))
        fields.append((f"{name}_stride", tuple(stride for _, stride in padded)))
    return Params("sapmcu_reduce_loops", tuple(fields))


@lowering(ops.Mean, ops.Sum)
def sum_(op: Op, operands: Operands, results: Results) -> Lowered:
    """Where nothing is summed the kernel only requantizes."""
    x, (y,) = operand(operands), results
    need_int8(x, y)
    axes = _axes(x, operands)
    count = math.prod(x.shape[axis] for axis in axes)
    factor = quantize_multiplier(ratio_factor(x, y))
    multiplier, shift = divide_factor(*factor, count) if isinstance(op, ops.Mean) else factor
    params = Params(
        "sapmcu_reduce_sum_s8_params",
        (
            ("loops", reduce_loops(x.shape, axes)),
            ("bias", -count * x.zero_point),
            ("multiplier", multiplier),
            ("shift", shift),
            ("zero_point", y.zero_point),
        ),
    )
    lowered = Lowered((Call("sapmcu_reduce_sum_s8", HEADER, (params, address(x), address(y))),))
    if not _is_over_image(x, axes):
        row = _row_loops(x, axes)
        if row is None:
            return lowered
        of_row = replace(params, fields=(("loops", row), *params.fields[1:]), role="row")
        return with_forms(lowered, _row_form("sapmcu_reduce_sum_row_s8", of_row, x, y))
    finish = Params("sapmcu_mean_row_s8_params", (("channels", x.shape[3]), *params.fields[1:]), "mean")
    return with_forms(lowered, *sum_forms((FunctionRef("sapmcu_mean_row_s8", ROWS_HEADER), finish), x, y))


def _is_over_image(x: Tensor, axes: set[int]) -> bool:
    return len(x.shape) == 4 and x.shape[0] == 1 and axes - {0} == {1, 2} and not x.is_constant


def _row_loops(x: Tensor, axes: set[int]) -> Params | None:
    """Of one row; None where the axes go beyond it."""
    rank = len(x.shape)
    first = rank - 2 if rank > 3 else rank - 1
    inside = {axis - first for axis in axes if axis >= first}
    if x.is_constant or any(x.shape[axis] > 1 for axis in axes if axis < first):
        return None
    return reduce_loops(x.shape[first:], inside)


def _row_form(kernel: str, params: Params, x: Tensor, y: Tensor) -> RowForm:
    rows, row_bytes = image_rows(x)
    reads = RowReads(x.name, rows, row_bytes)
    return RowForm(y.name, rows, y.size_bytes // rows, rows, (reads,), FunctionRef(kernel, ROWS_HEADER), params)


@lowering(ops.ReduceMax, ops.ReduceMin)
def extreme(op: Op, operands: Operands, results: Results) -> Lowered:
    x, (y,) = operand(operands), results
    need_int8(x, y)
    function = "sapmcu_reduce_max_s8" if isinstance(op, ops.ReduceMax) else "sapmcu_reduce_min_s8"
    axes = _axes(x, operands)
    lowered = Lowered((Call(function, HEADER, (reduce_loops(x.shape, axes), address(x), address(y))),))
    if _is_over_image(x, axes):
        return with_forms(lowered, largest_form(x, y, -128, 127)) if isinstance(op, ops.ReduceMax) else lowered
    row = _row_loops(x, axes)
    if row is None:
        return lowered
    return with_forms(lowered, _row_form(function.replace("_s8", "_row_s8"), replace(row, role="row"), x, y))


@lowering(ops.ArgMax, ops.ArgMin)
def arg(op: Op, operands: Operands, results: Results) -> Lowered:
    x, (y,) = operand(operands), results
    need_int8(x)
    (axis,) = _axes(x, operands)
    function = "sapmcu_arg_max_s8" if isinstance(op, ops.ArgMax) else "sapmcu_arg_min_s8"
    lowered = Lowered((Call(function, HEADER, (_arg_params(x.shape, axis), address(x), address(y))),))
    first = len(x.shape) - (2 if len(x.shape) > 3 else 1)
    if x.is_constant or axis < first:
        return lowered
    row = replace(_arg_params(x.shape[first:], axis - first), role="row")
    return with_forms(lowered, _row_form(function.replace("_s8", "_row_s8"), row, x, y))


def _arg_params(shape: tuple[int, ...], axis: int) -> Params:
    outer, size, inner = math.prod(shape[:axis]), shape[axis], math.prod(shape[axis + 1 :])
    return Params("sapmcu_arg_params", (("outer", outer), ("size", size), ("inner", inner)))
