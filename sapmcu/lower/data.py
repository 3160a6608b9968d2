# SPDX-License-Identifier: Apache-2.0
"""Ops that move data: strided copies.

What moves where is told by numpy: a view of an array of the operand's shape has the strides that the copy needs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from sapmcu.ir import ops
from sapmcu.ir.cascade import RowForm, RowReads
from sapmcu.ir.graph import Array, DType, Op, Tensor
from sapmcu.ir.native import Argument, Call, Constant, FunctionRef, Lowered, Params
from sapmcu.ir.slicing import strided_slices
from sapmcu.lower.axes import Loop, merged_loops
from sapmcu.lower.forms import ROWS_HEADER, image_rows, with_forms
from sapmcu.lower.table import (
    LoweringError,
    Operands,
    Results,
    address,
    array_constant,
    lowering,
    numbers,
    operand,
)

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
    return with_forms(Lowered((copy_call(x, source, y, target),)), *move_form(x, source, y, target))


def move_form(x: Layout, source: Array, y: Layout, target: Array) -> tuple[RowForm, ...]:
    """Copies row by row; none where a row of the one view isn't a part of one row of the other's tensor."""
    axis = source.ndim - (3 if source.ndim > 3 else 2)
    if x.tensor.is_constant or axis < 0 or math.prod(source.shape[:axis]) != 1 or source.size == 0:
        return ()
    (x_rows, x_bytes), (y_rows, y_bytes) = image_rows(x.tensor), image_rows(y.tensor)
    row, x_offset = divmod(x.offset_bytes(source), x_bytes)
    first_row, y_offset = divmod(y.offset_bytes(target), y_bytes)
    steps = source.shape[axis]
    stride, rest = divmod(source.strides[axis], x_bytes) if steps > 1 else (1, 0)
    x_row, y_row = (one[(0,) * (axis + 1)] for one in (source, target))
    is_regular = rest == 0 and stride > 0 and (steps == 1 or target.strides[axis] == y_bytes)
    if not is_regular or x_offset + _extent(x_row) > x_bytes or y_offset + _extent(y_row) > y_bytes:
        return ()
    copy = ("copy", copy_params(x_row, y_row, 0, 0))
    params = Params("sapmcu_copy_rows_params", (copy, ("rows", 1), ("y_step_bytes", 0)), "row")
    reads = RowReads(x.tensor.name, x_rows, x_bytes, stride=stride, before=-row, offset_bytes=x_offset)
    return (
        RowForm(
            *(y.tensor.name, y_rows, y_bytes, steps, (reads,), FunctionRef("sapmcu_copy_rows", ROWS_HEADER), params),
            first_row=first_row,
            offset_bytes=y_offset,
        ),
    )


def _extent(view: Array) -> int:
    """Bytes from the first element to behind the last; more than any row where elements lie before the first."""
    if any(step < 0 for step, count in zip(view.strides, view.shape, strict=True) if count > 1):
        return 1 << 32
    return view.itemsize + sum(step * (count - 1) for step, count in zip(view.strides, view.shape, strict=True))


def _layouts(operands: Operands, results: Results, index: int = 0) -> tuple[Layout, Layout]:
    return Layout(operand(operands, index)), Layout(results[0])


@lowering(ops.Reshape, ops.Squeeze, ops.ExpandDims)
def same_bytes(op: Op, operands: Operands, results: Results) -> Lowered:
    x, y = _layouts(operands, results)
    return moved(x, x.all.reshape(-1), y, y.all.reshape(-1))


@lowering(ops.Transpose)
def transpose(op: ops.Transpose, operands: Operands, results: Results) -> Lowered:
    x, y = _layouts(operands, results)
    axes = numbers(operands, 1)
    lowered = moved(x, x.all.transpose(axes), y, y.all)
    if lowered.forms or not lowered.calls or axes[0] != 0 or y.all.shape[0] < 2 or x.tensor.is_constant:
        return lowered
    return with_forms(lowered, _matrix_form(x, axes, y))


def _matrix_form(x: Layout, axes: Sequence[int], y: Layout) -> RowForm:
    """All of one index of the first axis, which stays, as a row."""
    rows = y.all.shape[0]
    row_bytes = y.tensor.size_bytes // rows
    copy = ("copy", copy_params(x.all.transpose(axes)[0], y.all[0], 0, 0))
    params = Params("sapmcu_copy_rows_params", (copy, ("rows", 1), ("y_step_bytes", 0)), "row")
    reads = RowReads(x.tensor.name, rows, row_bytes)
    kernel = FunctionRef("sapmcu_copy_rows", ROWS_HEADER)
    return RowForm(y.tensor.name, rows, row_bytes, rows, (reads,), kernel, params)


@lowering(ops.BroadcastTo)
def broadcast_to(op: ops.BroadcastTo, operands: Operands, results: Results) -> Lowered:
    x, y = _layouts(operands, results)
    return moved(x, np.broadcast_to(x.all, y.all.shape), y, y.all)


@lowering(ops.Reverse)
def reverse(op: ops.Reverse, operands: Operands, results: Results) -> Lowered:
    x, y = _layouts(operands, results)
    return moved(x, np.flip(x.all, numbers(operands, 1)), y, y.all)


@lowering(ops.StridedSlice)
def strided_slice(op: ops.StridedSlice, operands: Operands, results: Results) -> Lowered:
    x, y = _layouts(operands, results)
    taken = strided_slices(op, *(numbers(operands, index) for index in (1, 2, 3)))
    source = x.all[tuple(one if isinstance(one, slice) else _entry(one) for one in taken)]
    return moved(x, source, y, y.all.reshape(source.shape))


def _entry(index: int) -> slice:
    """One index of an axis, which stays, with the length 1."""
    return slice(index, index + 1 or None)


@lowering(ops.Slice)
def slice_(op: ops.Slice, operands: Operands, results: Results) -> Lowered:
    x, y = _layouts(operands, results)
    taken = (slice(first, first + size) for first, size in zip(numbers(operands, 1), y.all.shape, strict=True))
    return moved(x, x.all[tuple(taken)], y, y.all)


@lowering(ops.Split)
def split(op: ops.Split, operands: Operands, results: Results) -> Lowered:
    return _parts(operand(operands, 1), numbers(operands, 0)[0], results)


@lowering(ops.SplitV)
def split_v(op: ops.SplitV, operands: Operands, results: Results) -> Lowered:
    return _parts(operand(operands), numbers(operands, 2)[0], results)


def _parts(tensor: Tensor, axis: int, results: Results) -> Lowered:
    x = Layout(tensor)
    ends = np.cumsum([result.shape[axis] for result in results])
    parts = np.split(x.all, ends[:-1], axis)
    return _joined(moved(x, part, y, y.all) for part, y in zip(parts, map(Layout, results), strict=True))


def _joined(parts: Iterator[Lowered]) -> Lowered:
    """Several moves of one op."""
    lowered = list(parts)
    has_forms = all(one.forms for one in lowered)
    return Lowered(
        tuple(call for one in lowered for call in one.calls),
        tuple(alias for one in lowered for alias in one.aliases),
        forms=tuple(form for one in lowered for form in one.forms) if has_forms else (),
    )


@lowering(ops.Unpack)
def unpack(op: ops.Unpack, operands: Operands, results: Results) -> Lowered:
    x = Layout(operand(operands))
    entries = np.moveaxis(x.all, op.axis, 0)
    return _joined(
        moved(x, entries[_entry(index)], y, y.all[np.newaxis]) for index, y in enumerate(map(Layout, results))
    )


@lowering(ops.Concatenation)
def concatenation(op: ops.Concatenation, operands: Operands, results: Results) -> Lowered:
    y, xs = Layout(results[0]), [Layout(operand(operands, index)) for index in range(len(operands))]
    ends = np.cumsum([x.all.shape[op.axis] for x in xs])
    parts = np.split(y.all, ends[:-1], op.axis)
    return _joined(moved(x, x.all, y, part) for x, part in zip(xs, parts, strict=True))


@lowering(ops.Pack)
def pack(op: ops.Pack, operands: Operands, results: Results) -> Lowered:
    y, xs = Layout(results[0]), [Layout(operand(operands, index)) for index in range(len(operands))]
    entries = np.moveaxis(y.all, op.axis, 0)
    return _joined(moved(x, x.all[np.newaxis], y, entries[_entry(index)]) for index, x in enumerate(xs))


@lowering(ops.SpaceToDepth)
def space_to_depth(op: ops.SpaceToDepth, operands: Operands, results: Results) -> Lowered:
    x, y = _layouts(operands, results)
    batches, height, width, channels = y.all.shape
    block = op.block_size
    shape = (batches, height, block, width, block, channels // (block * block))
    source = x.all.reshape(shape).transpose(0, 1, 3, 2, 4, 5)
    lowered = moved(x, source, y, y.all.reshape(source.shape))
    if not lowered.calls or batches != 1 or x.tensor.is_constant:
        return lowered
    return with_forms(lowered, _block_form(x, y, block))


def _block_form(x: Layout, y: Layout, block: int) -> RowForm:
    """A row of y from `block` rows of x."""
    (x_rows, x_bytes), (y_rows, y_bytes) = image_rows(x.tensor), image_rows(y.tensor)
    width = y.all.shape[2]
    row = x.all[0, 0].reshape(width, -1)
    target = y.all[0, 0].reshape(width, block, -1)[:, 0]
    copy = ("copy", copy_params(row, target, 0, 0))
    step_bytes = x_bytes // width
    params = Params("sapmcu_copy_rows_params", (copy, ("rows", block), ("y_step_bytes", step_bytes)), "row")
    reads = RowReads(x.tensor.name, x_rows, x_bytes, window=block, stride=block)
    kernel = FunctionRef("sapmcu_copy_rows", ROWS_HEADER)
    return RowForm(y.tensor.name, y_rows, y_bytes, y_rows, (reads,), kernel, params)


@lowering(ops.DepthToSpace)
def depth_to_space(op: ops.DepthToSpace, operands: Operands, results: Results) -> Lowered:
    x, y = _layouts(operands, results)
    batches, height, width, channels = x.all.shape
    block = op.block_size
    shape = (batches, height, width, block, block, channels // (block * block))
    source = x.all.reshape(shape).transpose(0, 1, 3, 2, 4, 5)
    return moved(x, source, y, y.all.reshape(source.shape))


@lowering(ops.Pad, ops.PadV2)
def pad(op: Op, operands: Operands, results: Results) -> Lowered:
    """Fill y, then copy x into its middle."""
    x, y = _layouts(operands, results)
    interior = _interior(y.all, _paddings(operands))
    if interior.shape == y.all.shape:
        return moved(x, x.all, y, y.all)
    element: Array
    if len(operands) == 3:
        element = operand(operands, 2).value.reshape(1)
    else:
        zero = y.tensor.zero_point if y.tensor.dtype is DType.INT8 else 0
        element = np.array([zero], y.tensor.dtype.numpy)
    size = y.tensor.dtype.size_bytes
    fill: tuple[Argument, ...] = (array_constant(element, "value"), size, y.address, y.tensor.elements)
    lowered = Lowered((Call("sapmcu_fill", HEADER, fill), copy_call(x, x.all, y, interior)))
    return with_forms(lowered, *_pad_form(x, y, interior, fill))


def _pad_form(x: Layout, y: Layout, interior: Array, fill: tuple[Argument, ...]) -> tuple[RowForm, ...]:
    """Rows of one image; those above and below have no row of x."""
    if x.tensor.is_constant or interior.ndim != 4 or y.all.shape[0] != 1:
        return ()
    (x_rows, x_bytes), (y_rows, y_bytes) = image_rows(x.tensor), image_rows(y.tensor)
    before, offset = divmod(y.offset_bytes(interior), y_bytes)
    element, element_bytes, *_ = fill
    assert isinstance(element, Constant) and isinstance(element_bytes, int)
    params = Params(
        "sapmcu_pad_row_params",
        (
            ("element", element),
            ("element_bytes", element_bytes),
            ("count", y_bytes // element_bytes),
            ("copy", copy_params(x.all[0, 0], interior[0, 0], 0, offset)),
        ),
        "row",
    )
    reads = RowReads(x.tensor.name, x_rows, x_bytes, before=before)
    return (
        RowForm(y.tensor.name, y_rows, y_bytes, y_rows, (reads,), FunctionRef("sapmcu_pad_row", ROWS_HEADER), params),
    )


def _paddings(operands: Operands) -> list[tuple[int, int]]:
    """(before, after) of each axis."""
    flat = numbers(operands, 1)
    return list(zip(flat[::2], flat[1::2], strict=True))


def _interior(y: Array, paddings: Sequence[tuple[int, int]]) -> Array:
    inside: Array = y[
        tuple(slice(before, size - after) for size, (before, after) in zip(y.shape, paddings, strict=True))
    ]
    return inside


@lowering(ops.MirrorPad)
def mirror_pad(op: ops.MirrorPad, operands: Operands, results: Results) -> Lowered:
    """Copy x into y's middle, then axis by axis y's border from what y holds already."""
    x, y = _layouts(operands, results)
    paddings = _paddings(operands)
    skipped = 1 if op.mode is ops.MirrorMode.REFLECT else 0  # the border pixel isn't repeated
    calls = [copy_call(x, x.all, y, _interior(y.all, paddings))]
    for axis, (before, after) in enumerate(paddings):
        # whole along the axes before, the middle along those behind
        known = _interior(y.all, [(0, 0)] * (axis + 1) + paddings[axis + 1 :])
        lines = np.moveaxis(known, axis, 0)
        end = len(lines) - after
        if before:
            mirrored = lines[before + skipped : 2 * before + skipped][::-1]
            calls.append(copy_call(y, mirrored, y, lines[:before]))
        if after:
            mirrored = lines[end - skipped - after : end - skipped][::-1]
            calls.append(copy_call(y, mirrored, y, lines[end:]))
    return Lowered(tuple(calls))


@lowering(ops.Gather)
def gather(op: ops.Gather, operands: Operands, results: Results) -> Lowered:
    x, positions, (y,) = operand(operands), operand(operands, 1), results
    axis = op.axis % len(x.shape)
    batch_axes = op.batch_dims + len(positions.shape) if op.batch_dims < 0 else op.batch_dims
    params = Params(
        "sapmcu_gather_params",
        (
            ("batches", math.prod(x.shape[:batch_axes])),
            ("outer", math.prod(x.shape[batch_axes:axis])),
            ("size", x.shape[axis]),
            ("positions", math.prod(positions.shape[batch_axes:])),
            ("entry_bytes", math.prod(x.shape[axis + 1 :]) * x.dtype.size_bytes),
        ),
    )
    arguments: tuple[Argument, ...] = (params, address(x), address(positions, "positions"), address(y))
    return Lowered((Call("sapmcu_gather", "sapmcu/gather.h", arguments),))
