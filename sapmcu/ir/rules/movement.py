# SPDX-License-Identifier: Apache-2.0
"""Rules of ops that only move data: joining, splitting, new shapes. Slices, padding and resizing: see sampling.py.

Limits on types, axes and operands are those of TFLM. Source: tflite-micro 90b983c2, the Prepare and Eval functions in
tensorflow/lite/micro/kernels.
"""

from __future__ import annotations

from sapmcu.ir.activation import type_range
from sapmcu.ir.graph import DType, Tensor
from sapmcu.ir.ops import (
    BroadcastTo,
    Concatenation,
    DepthToSpace,
    ExpandDims,
    Pack,
    Reshape,
    SpaceToDepth,
    Split,
    SplitV,
    Squeeze,
    Transpose,
    Unpack,
)
from sapmcu.ir.rules.elementwise import broadcast
from sapmcu.ir.rules.rule import (
    Operands,
    Results,
    axis,
    constant,
    need,
    need_max_rank,
    need_one_type,
    need_quantized,
    need_rank,
    need_same_quantization,
    need_shape,
    need_symmetric_int16,
    need_type,
    optional,
    rule,
    single,
    take,
)

INT8, UINT8, INT16, INT32, INT64 = DType.INT8, DType.UINT8, DType.INT16, DType.INT32, DType.INT64
BOOL, FLOAT32 = DType.BOOL, DType.FLOAT32

MAX_JOINED = 10
"""Operands of CONCATENATION. Source: concatenation.cc, kMaxInputNum."""

MAX_PLAIN_RANK = 8
"""Axes of tensors that are copied as bytes. Source: squeeze.cc, max_squeeze_dims."""


def need_moved(x: Tensor, *parts: Tensor) -> None:
    """Numbers keep their type and meaning."""
    need_one_type(x, *parts)
    need_same_quantization(x, *parts)


def one_number(tensor: Tensor, *dtypes: DType) -> int:
    """The value of a constant with one number."""
    values = constant(tensor, *(dtypes or (INT32,)))
    need(len(values) == 1, f"{tensor.name} holds {len(values)} numbers where one belongs")
    return values[0]


@rule(Reshape)
def reshape(op: Reshape, operands: Operands, results: Results) -> None:
    """y's shape decides. TFLM reads no value of the second operand, and converters leave stale or computed ones."""
    (x,) = take(operands, 1, optional=1)
    y, shape = single(results), optional(operands, 1)
    if shape is not None:
        need_type(shape, INT32)
    need_max_rank(x, y, rank=MAX_PLAIN_RANK)
    need_moved(x, y)
    need(
        x.elements == y.elements,
        f"{x.name} {list(x.shape)} has {x.elements:,} numbers, {y.name} {list(y.shape)} {y.elements:,}",
    )


@rule(Squeeze)
def squeeze(op: Squeeze, operands: Operands, results: Results) -> None:
    (x,) = take(operands, 1)
    y = single(results)
    need_max_rank(x, rank=MAX_PLAIN_RANK)
    need_moved(x, y)
    axes = {axis(index, len(x.shape)) for index in op.axes}
    for index in sorted(axes):
        need(x.shape[index] == 1, f"axis {index} of {x.name} {list(x.shape)} isn't of length 1")
    if not op.axes:
        axes = {index for index, size in enumerate(x.shape) if size == 1}
    need_shape(y, tuple(size for index, size in enumerate(x.shape) if index not in axes))


@rule(ExpandDims)
def expand_dims(op: ExpandDims, operands: Operands, results: Results) -> None:
    x, where = take(operands, 2)
    y = single(results)
    need_max_rank(x, y)
    need_type(x, INT8, INT16, FLOAT32)
    need_max_rank(where, rank=1)
    index = axis(one_number(where), len(x.shape) + 1)
    need_moved(x, y)
    need_shape(y, (*x.shape[:index], 1, *x.shape[index:]))


@rule(Transpose)
def transpose(op: Transpose, operands: Operands, results: Results) -> None:
    x, order = take(operands, 2)
    y = single(results)
    rank = len(x.shape)
    need_max_rank(x, rank=5)
    need_type(x, INT8, INT16, FLOAT32)
    need_rank(order, 1)
    perm = constant(order, INT32)
    need(sorted(perm) == list(range(rank)), f"{order.name} {list(perm)} doesn't name each of {rank} axes once")
    need_moved(x, y)
    need_shape(y, tuple(x.shape[index] for index in perm))


@rule(BroadcastTo)
def broadcast_to(op: BroadcastTo, operands: Operands, results: Results) -> None:
    x, wanted = take(operands, 2)
    y = single(results)
    need_max_rank(x, y, rank=5)
    need_type(x, INT8, UINT8, INT16, INT32, INT64, FLOAT32, BOOL)
    need_rank(wanted, 1)
    shape = constant(wanted)
    need_moved(x, y)
    need_shape(y, shape)
    need(broadcast(x.shape, shape) == shape, f"{x.name} {list(x.shape)} doesn't broadcast to {list(shape)}")


@rule(Concatenation)
def concatenation(op: Concatenation, operands: Operands, results: Results) -> None:
    xs = take(operands, max(len(operands), 1))
    y = single(results)
    need(len(xs) <= MAX_JOINED, f"it joins {len(xs)} tensors; TFLM takes up to {MAX_JOINED}")
    need_max_rank(*xs)
    need_type(y, INT8, INT16, INT32, INT64, FLOAT32, BOOL)
    need_moved(y, *xs)
    quantized = [tensor for tensor in (*xs, y) if tensor.quantization is not None]
    need_quantized(*((*xs, y) if y.dtype is INT8 and quantized else quantized))
    need_symmetric_int16(*quantized)
    need(op.activation == type_range(y), "it has a fused activation, which TFLM doesn't take here")
    index = axis(op.axis, len(y.shape))
    for x in xs:
        rest = x.shape[:index] + x.shape[index + 1 :]
        need(
            len(x.shape) == len(y.shape) and rest == y.shape[:index] + y.shape[index + 1 :],
            f"{x.name} {list(x.shape)} and {y.name} {list(y.shape)} differ in more than axis {index}",
        )
    total = sum(x.shape[index] for x in xs)
    need(total == y.shape[index], f"the operands have {total} along axis {index}, {y.name} has {y.shape[index]}")


SPLITTABLE = (INT8, INT16, INT32, FLOAT32)


@rule(Split)
def split(op: Split, operands: Operands, results: Results) -> None:
    where, x = take(operands, 2)
    index = axis(one_number(where), len(x.shape))
    size, count = x.shape[index], len(results)
    need(size % count == 0, f"axis {index} of {x.name} {list(x.shape)} doesn't split into {count} equal parts")
    _need_parts(x, index, (size // count,) * count, results)


@rule(SplitV)
def split_v(op: SplitV, operands: Operands, results: Results) -> None:
    x, wanted, where = take(operands, 3)
    index = axis(one_number(where), len(x.shape))
    sizes = constant(wanted)
    need(len(sizes) == len(results), f"{wanted.name} has {len(sizes)} sizes for {len(results)} parts")
    need(sizes.count(-1) <= 1, f"{wanted.name} {list(sizes)} leaves more than one size open")
    rest = x.shape[index] - sum(size for size in sizes if size != -1)
    sizes = tuple(rest if size == -1 else size for size in sizes)
    need(
        min(sizes) >= 1 and sum(sizes) == x.shape[index],
        f"{wanted.name} {list(sizes)} doesn't split the {x.shape[index]} of axis {index} of {x.name}",
    )
    _need_parts(x, index, sizes, results)


def _need_parts(x: Tensor, index: int, sizes: tuple[int, ...], parts: Results) -> None:
    need_max_rank(x)
    need_type(x, *SPLITTABLE)
    need_moved(x, *parts)
    for size, part in zip(sizes, parts, strict=True):
        need_shape(part, (*x.shape[:index], size, *x.shape[index + 1 :]))


@rule(Pack)
def pack(op: Pack, operands: Operands, results: Results) -> None:
    xs = take(operands, max(len(operands), 1))
    y = single(results)
    need_max_rank(y)
    need_type(y, INT8, INT16, INT32, INT64, FLOAT32)
    need_moved(y, *xs)
    index = axis(op.axis, len(xs[0].shape) + 1)
    for x in xs[1:]:
        need_shape(x, xs[0].shape)
    need_shape(y, (*xs[0].shape[:index], len(xs), *xs[0].shape[index:]))


@rule(Unpack)
def unpack(op: Unpack, operands: Operands, results: Results) -> None:
    (x,) = take(operands, 1)
    need_max_rank(x)
    need_type(x, INT8, INT16, INT32, FLOAT32)
    need_moved(x, *results)
    index = axis(op.axis, len(x.shape))
    need(
        x.shape[index] == len(results),
        f"axis {index} of {x.name} {list(x.shape)} has {x.shape[index]} entries for {len(results)} results",
    )
    for result in results:
        need_shape(result, (*x.shape[:index], *x.shape[index + 1 :]))


def _need_image(x: Tensor, y: Tensor, block_size: int) -> None:
    need_rank(x, 4)
    need_type(x, INT8, FLOAT32)
    need_moved(x, y)
    need(block_size >= 1, f"its block size is {block_size}")


@rule(SpaceToDepth)
def space_to_depth(op: SpaceToDepth, operands: Operands, results: Results) -> None:
    (x,) = take(operands, 1)
    y, block = single(results), op.block_size
    _need_image(x, y, block)
    batches, height, width, channels = x.shape
    need(
        height % block == 0 and width % block == 0,
        f"{x.name} {list(x.shape)} doesn't divide into blocks of {block} by {block}",
    )
    need_shape(y, (batches, height // block, width // block, channels * block * block))


@rule(DepthToSpace)
def depth_to_space(op: DepthToSpace, operands: Operands, results: Results) -> None:
    (x,) = take(operands, 1)
    y, block = single(results), op.block_size
    _need_image(x, y, block)
    batches, height, width, channels = x.shape
    need(
        channels % (block * block) == 0,
        f"the {channels} channels of {x.name} don't make blocks of {block} by {block}",
    )
    need_shape(y, (batches, height * block, width * block, channels // (block * block)))
