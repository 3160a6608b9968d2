# SPDX-License-Identifier: Apache-2.0
"""Copies between parts of tensors, whole and row by row.

What moves where is told by numpy: a view of an array of the operand's shape has the strides that the copy needs.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise, product

import numpy as np

from sapmcu.ir.cascade import RowForm, RowReads
from sapmcu.ir.graph import Array, Tensor
from sapmcu.ir.native import Call, Constant, FunctionRef, Lowered, Params, Value
from sapmcu.lower.axes import Loop, merged_loops
from sapmcu.lower.forms import ROWS_HEADER, image_rows, with_forms
from sapmcu.lower.table import UINT16_MAX, LoweringError, address

HEADER = "sapmcu/copy.h"
MAX_LOOPS = 6
"""SAPMCU_COPY_MAX_LOOPS of sapmcu/copy.h."""


class Layout:
    """A tensor's memory: `all` is an array of its shape, and views of it stand for parts."""

    def __init__(self, tensor: Tensor, role: str = "data") -> None:
        self.tensor = tensor
        self.all = np.empty(tensor.shape, f"V{tensor.dtype.size_bytes}")
        self.address = address(tensor, role)

    def offset_bytes(self, view: Array) -> int:
        """Of a view's first element."""
        return int(view.ctypes.data - self.all.ctypes.data)


def copy_params(source: Array, target: Array, x_offset_bytes: int, y_offset_bytes: int, role: str = "") -> Params:
    loops, run_bytes = copy_loops(source, target)
    if len(loops) > MAX_LOOPS:
        raise LoweringError(f"it copies in {len(loops)} nested loops; the native engine has {MAX_LOOPS}")
    return Params(
        "sapmcu_copy_params",
        (
            ("loops", Constant("sapmcu_copy_loop", loops, "loops") if loops else None),
            ("loop_count", len(loops)),
            ("run_bytes", run_bytes),
            ("x_offset_bytes", x_offset_bytes),
            ("y_offset_bytes", y_offset_bytes),
        ),
        role,
    )


def copy_call(x: Layout, source: Array, y: Layout, target: Array) -> Call:
    """Copy the view `source` of x to the view `target` of y."""
    assert source.shape == target.shape, (source.shape, target.shape)
    params = copy_params(source, target, x.offset_bytes(source), y.offset_bytes(target))
    return Call("sapmcu_copy", HEADER, (params, x.address, y.address))


def copy_loops(source: Array, target: Array) -> tuple[tuple[Loop, ...], int]:
    """(loops from the outermost on, bytes of a run): the innermost axis is the run where it lies together in both."""
    loops = merged_loops(source.shape, source.strides, target.strides)
    if loops and loops[-1][1:] == (source.itemsize, source.itemsize):
        return tuple(loops[:-1]), source.itemsize * loops[-1][0]
    return tuple(loops), source.itemsize


def moved(x: Layout, source: Array, y: Layout, target: Array) -> Lowered:
    """One copy, or nothing where all of an activation keeps its order: then y is x."""
    is_whole = copy_loops(source, target) == ((), y.tensor.size_bytes) and y.tensor.size_bytes == x.tensor.size_bytes
    if is_whole and not x.tensor.is_constant:
        return Lowered((), aliases=((y.tensor.name, x.tensor.name),))
    return with_forms(Lowered((copy_call(x, source, y, target),)), *row_moves(x, source, y, target))


def row_moves(x: Layout, source: Array, y: Layout, target: Array) -> tuple[RowForm, ...]:
    """The copy a row of y at a time, each from a row of x, whichever it is.

    None where a row of y needs several of x, or the rows of y don't follow each other.
    """
    (x_rows, x_bytes), (y_rows, y_bytes) = image_rows(x.tensor), image_rows(y.tensor)
    if x.tensor.is_constant or source.size == 0 or max(x_rows, y_rows) > UINT16_MAX:
        return ()
    outer = _row_axes(target, y_bytes)
    if outer is None:
        return ()
    first_row, y_offset = divmod(y.offset_bytes(target), y_bytes)
    inner = [axis for axis in range(target.ndim) if axis not in outer]
    x_row, y_row = (one.transpose([*outer, *inner])[(0,) * len(outer)] for one in (source, target))
    before, behind = _extent(x_row)
    steps = product(*(range(source.shape[axis]) for axis in outer))
    start = x.offset_bytes(source) - before
    starts = [start + sum(source.strides[axis] * n for axis, n in zip(outer, at, strict=True)) for at in steps]
    rows, offsets = zip(*(divmod(one, x_bytes) for one in starts), strict=True)
    if max(offsets) + before + behind > x_bytes or y_offset + _extent(y_row)[1] > y_bytes:
        return ()
    copy = ("copy", copy_params(x_row, y_row, before, 0))
    form = RowForm(y.tensor.name, y_rows, y_bytes, len(rows), first_row=first_row, offset_bytes=y_offset)
    reads = _reads(RowReads(x.tensor.name, x_rows, x_bytes), rows)
    if len(set(offsets)) == 1:
        alike: tuple[tuple[str, Value], ...] = (copy, ("rows", 1), ("y_step_bytes", 0))
        reads = replace(reads, offset_bytes=offsets[0])
        kernel, params = "sapmcu_copy_rows", Params("sapmcu_copy_rows_params", alike, "row")
    else:
        parts = (copy, ("offsets", Constant("uint32_t", offsets, "offsets")))
        kernel, params = "sapmcu_copy_part_row", Params("sapmcu_copy_part_row_params", parts, "row")
        form = replace(form, is_numbered=True)
    return (replace(form, reads=(reads,), kernel=FunctionRef(kernel, ROWS_HEADER), params=params),)


def _row_axes(target: Array, row_bytes: int) -> list[int] | None:
    """The axes that count rows, from the outermost on; None where their rows don't follow each other."""
    longer = [axis for axis, count in enumerate(target.shape) if count > 1 and target.strides[axis] >= row_bytes]
    outer = sorted(longer, key=lambda axis: -target.strides[axis])
    steps = [(target.strides[axis], target.shape[axis]) for axis in outer]
    is_dense = all(step == its_step * count for (step, _), (its_step, count) in pairwise(steps))
    return outer if is_dense and (not steps or steps[-1][0] == row_bytes) else None


def _reads(reads: RowReads, rows: tuple[int, ...]) -> RowReads:
    """That step o reads row rows[o]."""
    step = rows[1] - rows[0] if len(rows) > 1 else 1
    if step >= 0 and rows == tuple(rows[0] + step * index for index in range(len(rows))):
        return replace(reads, stride=step, before=-rows[0])
    return replace(reads, first_rows=Constant("uint16_t", rows, "first_rows"))


def _extent(view: Array) -> tuple[int, int]:
    """Bytes before the first element, and from it to behind the last."""
    ways = [step * (count - 1) for step, count in zip(view.strides, view.shape, strict=True)]
    return -sum(one for one in ways if one < 0), view.itemsize + sum(one for one in ways if one > 0)
