# SPDX-License-Identifier: Apache-2.0
"""Ops that move data, of any type."""

from __future__ import annotations

import math

import numpy as np

from sapmcu.ir.graph import Array, DType, Op
from sapmcu.ir.ops import (
    BroadcastTo,
    Concatenation,
    DepthToSpace,
    ExpandDims,
    Gather,
    MirrorMode,
    MirrorPad,
    Pack,
    Pad,
    PadV2,
    Reshape,
    Reverse,
    Slice,
    SpaceToDepth,
    Split,
    SplitV,
    Squeeze,
    StridedSlice,
    Transpose,
    Unpack,
)
from sapmcu.ir.slicing import strided_slices
from sapmcu.reference.kernel import Operands, Outputs, Results, UnsupportedError, kernel, operand


def _value(operands: Operands, index: int = 0) -> Array:
    return operand(operands, index).value


def _numbers(operands: Operands, index: int) -> list[int]:
    """The flat values of an integer operand."""
    return [int(number) for number in _value(operands, index).ravel()]


@kernel(Reshape, Squeeze, ExpandDims)
def same_bytes(op: Op, operands: Operands, results: Results) -> Outputs:
    return (_value(operands).reshape(results[0].shape),)


@kernel(Transpose)
def transpose(op: Transpose, operands: Operands, results: Results) -> Outputs:
    return (np.ascontiguousarray(_value(operands).transpose(_numbers(operands, 1))),)


@kernel(BroadcastTo)
def broadcast_to(op: BroadcastTo, operands: Operands, results: Results) -> Outputs:
    return (np.ascontiguousarray(np.broadcast_to(_value(operands), results[0].shape)),)


@kernel(Concatenation)
def concatenation(op: Concatenation, operands: Operands, results: Results) -> Outputs:
    return (np.concatenate([_value(operands, index) for index in range(len(operands))], op.axis),)


@kernel(Pack)
def pack(op: Pack, operands: Operands, results: Results) -> Outputs:
    return (np.stack([_value(operands, index) for index in range(len(operands))], op.axis),)


@kernel(Unpack)
def unpack(op: Unpack, operands: Operands, results: Results) -> Outputs:
    along = np.moveaxis(_value(operands), op.axis, 0)
    return tuple(np.array(entry) for entry in along)


@kernel(Split)
def split(op: Split, operands: Operands, results: Results) -> Outputs:
    return _parts(_value(operands, 1), _numbers(operands, 0)[0], results)


@kernel(SplitV)
def split_v(op: SplitV, operands: Operands, results: Results) -> Outputs:
    return _parts(_value(operands), _numbers(operands, 2)[0], results)


def _parts(x: Array, axis: int, results: Results) -> Outputs:
    ends = np.cumsum([result.shape[axis] for result in results])
    return tuple(np.ascontiguousarray(part) for part in np.split(x, ends[:-1], axis))


@kernel(StridedSlice)
def strided_slice(op: StridedSlice, operands: Operands, results: Results) -> Outputs:
    begin, end, strides = (_numbers(operands, index) for index in (1, 2, 3))
    return (np.array(_value(operands)[strided_slices(op, begin, end, strides)]),)


@kernel(Slice)
def slice_(op: Slice, operands: Operands, results: Results) -> Outputs:
    firsts = _numbers(operands, 1)
    taken = tuple(slice(first, first + size) for first, size in zip(firsts, results[0].shape, strict=True))
    return (np.array(_value(operands)[taken]),)


@kernel(Reverse)
def reverse(op: Reverse, operands: Operands, results: Results) -> Outputs:
    return (np.ascontiguousarray(np.flip(_value(operands), _numbers(operands, 1))),)


@kernel(Gather)
def gather(op: Gather, operands: Operands, results: Results) -> Outputs:
    """Raises: UnsupportedError for positions outside x, where TFLM reads foreign memory."""
    x, positions = _value(operands), _value(operands, 1)
    axis = op.axis % x.ndim
    batch_axes = op.batch_dims % positions.ndim if op.batch_dims < 0 else op.batch_dims
    size = x.shape[axis]
    if positions.min() < 0 or positions.max() >= size:
        raise UnsupportedError(f"positions {positions.min()} to {positions.max()} leave the {size} of the axis")
    batches, outer = math.prod(x.shape[:batch_axes]), math.prod(x.shape[batch_axes:axis])
    rows = x.reshape(batches, outer, size, -1)
    taken = rows[np.arange(batches)[:, None], :, positions.reshape(batches, -1)]  # [batch, position, outer, inner]
    return (taken.transpose(0, 2, 1, 3).reshape(results[0].shape),)


@kernel(Pad, PadV2)
def pad(op: Op, operands: Operands, results: Results) -> Outputs:
    if len(operands) == 3:
        value = _value(operands, 2).ravel()[0]
    else:
        value = results[0].zero_point if results[0].dtype is DType.INT8 else 0
    paddings = _value(operands, 1).astype(np.int64)
    return (np.pad(_value(operands), paddings, constant_values=value),)


@kernel(MirrorPad)
def mirror_pad(op: MirrorPad, operands: Operands, results: Results) -> Outputs:
    paddings = _value(operands, 1).astype(np.int64)
    if op.mode is MirrorMode.REFLECT:
        return (np.pad(_value(operands), paddings, mode="reflect"),)
    return (np.pad(_value(operands), paddings, mode="symmetric"),)


@kernel(SpaceToDepth)
def space_to_depth(op: SpaceToDepth, operands: Operands, results: Results) -> Outputs:
    x, block = _value(operands), op.block_size
    batches, height, width, channels = results[0].shape
    blocks = x.reshape(batches, height, block, width, block, channels // (block * block))
    return (blocks.transpose(0, 1, 3, 2, 4, 5).reshape(results[0].shape),)


@kernel(DepthToSpace)
def depth_to_space(op: DepthToSpace, operands: Operands, results: Results) -> Outputs:
    x, block = _value(operands), op.block_size
    batches, height, width, channels = x.shape
    blocks = x.reshape(batches, height, width, block, block, channels // (block * block))
    return (blocks.transpose(0, 1, 3, 2, 4, 5).reshape(results[0].shape),)
