# SPDX-License-Identifier: Apache-2.0
"""Ops that move data: strided copies."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np

from sapmcu.ir import ops
from sapmcu.ir.cascade import RowForm, RowReads
from sapmcu.ir.graph import Array, DType, Op, Tensor
from sapmcu.ir.native import Argument, Call, Constant, FunctionRef, Lowered, Params
from sapmcu.ir.slicing import strided_slices
from sapmcu.lower.forms import ROWS_HEADER, image_rows, with_forms
from sapmcu.lower.moves import Layout, copy_call, copy_params, moved, row_moves
from sapmcu.lower.table import (
    Operands,
    Results,
    address,
    array_constant,
    lowering,
    numbers,
    operand,
)

HEADER = "sapmcu/copy.h"


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
    return with_forms(Lowered(tuple(calls)), *_mirror_forms(x, y, paddings, skipped))


def _mirror_forms(x: Layout, y: Layout, paddings: Sequence[tuple[int, int]], skipped: int) -> tuple[RowForm, ...]:
    """Middle, sides and corners; none where there are too many of these, or one doesn't go by rows."""
    axes = []
    for size, (before, after) in zip(x.all.shape, paddings, strict=True):
        parts = [
            (slice(skipped, skipped + before), slice(0, before), -1),
            (slice(0, size), slice(before, before + size), 1),
            (slice(size - skipped - after, size - skipped), slice(before + size, before + size + after), -1),
        ]
        axes.append([one for one in parts if one[1].start < one[1].stop])
    forms: list[RowForm] = []
    if math.prod(map(len, axes)) > MAX_FORMS:
        return ()
    for at in product(*axes):
        turned = x.all[tuple(one[0] for one in at)][tuple(slice(None, None, one[2]) for one in at)]
        found = row_moves(x, turned, y, y.all[tuple(one[1] for one in at)])
        if not found:
            return ()
        forms += found
    return tuple(forms)


MAX_FORMS = 16
"""Of a padding by mirror images, as the corners of an image have."""


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
