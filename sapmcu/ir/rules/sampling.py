# SPDX-License-Identifier: Apache-2.0
"""Rules of ops that take some numbers of a tensor, or put some around it: slices, gather, padding, resizing.

Limits on types, axes and operands are those of TFLM. Source: tflite-micro 90b983c2, the Prepare and Eval functions in
tensorflow/lite/micro/kernels.
"""

from __future__ import annotations

from collections.abc import Sequence

from sapmcu.ir.graph import DType, Tensor
from sapmcu.ir.ops import (
    Gather,
    MirrorMode,
    MirrorPad,
    Pad,
    PadV2,
    Pair,
    ResizeBilinear,
    ResizeNearest,
    Reverse,
    Slice,
    StridedSlice,
)
from sapmcu.ir.resampling import FRACTION_BITS, bilinear_positions
from sapmcu.ir.rules.movement import need_moved
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
    need_shape,
    need_symmetric_int16,
    need_type,
    rule,
    single,
    take,
)
from sapmcu.ir.slicing import strided_slices

INT8, UINT8, INT16, INT32, INT64 = DType.INT8, DType.UINT8, DType.INT16, DType.INT32, DType.INT64
BOOL, FLOAT32 = DType.BOOL, DType.FLOAT32

MAX_STRIDE = 2**30
"""TFLM counts positions in 32 bits."""

MAX_PIXELS = 2**21
"""Height and width from which a position in 1/1024 pixels leaves 32 bits."""


@rule(StridedSlice)
def strided_slice(op: StridedSlice, operands: Operands, results: Results) -> None:
    x, begin, end, strides = take(operands, 4)
    y = single(results)
    need_max_rank(x, rank=4)
    need_type(x, INT8, INT16, INT32, FLOAT32, BOOL)
    need_moved(x, y)
    steps = constant(strides, INT32)
    for tensor in (begin, end, strides):
        need(tensor.shape == (len(x.shape),), f"{tensor.name} has {tensor.elements} numbers for {len(x.shape)} axes")
    for step in steps:
        need(step != 0 and abs(step) < MAX_STRIDE, f"{strides.name} {list(steps)} holds the stride {step}")
    shape = []
    for index, taken in enumerate(strided_slices(op, constant(begin, INT32), constant(end, INT32), steps)):
        size = x.shape[index]
        if isinstance(taken, int):
            need(-size <= taken < size, f"index {taken} is outside axis {index} of {x.name} {list(x.shape)}")
            need(steps[index] > 0, f"axis {index} is indexed with the stride {steps[index]}")
        else:
            shape.append(len(range(*taken.indices(size))))
    need(0 not in shape, f"nothing is left of {x.name} {list(x.shape)}: {shape}")
    need_shape(y, tuple(shape))


@rule(Slice)
def slice_(op: Slice, operands: Operands, results: Results) -> None:
    x, begin, size = take(operands, 3)
    y = single(results)
    need_max_rank(x, rank=5)
    need_type(x, INT8, INT16, INT32, FLOAT32, BOOL)
    need_moved(x, y)
    need_one_type(begin, size)
    firsts, counts = constant(begin), constant(size)
    for tensor in (begin, size):
        need(tensor.shape == (len(x.shape),), f"{tensor.name} has {tensor.elements} numbers for {len(x.shape)} axes")
    shape = []
    for index, (first, count) in enumerate(zip(firsts, counts, strict=True)):
        taken = x.shape[index] - first if count == -1 else count
        need(
            first >= 0 and taken >= 1 and first + taken <= x.shape[index],
            f"{count} from {first} on is outside axis {index} of {x.name} {list(x.shape)}",
        )
        shape.append(taken)
    need_shape(y, tuple(shape))


@rule(Reverse)
def reverse(op: Reverse, operands: Operands, results: Results) -> None:
    x, where = take(operands, 2)
    y = single(results)
    need_max_rank(x)
    need_type(x, INT8, UINT8, INT16, INT32, INT64, FLOAT32, BOOL)
    need_moved(x, y)
    need_rank(where, 1)
    axes = sorted(axis(index, len(x.shape)) for index in constant(where, INT32))
    need(
        axes == list(range(axes[0], axes[0] + len(axes))),
        f"{where.name} names the axes {axes}; TFLM reverses neighbouring axes only, each once",
    )
    need_shape(y, x.shape)


@rule(Gather)
def gather(op: Gather, operands: Operands, results: Results) -> None:
    """positions may be an activation."""
    x, positions = take(operands, 2)
    y = single(results)
    need_max_rank(x, positions, y)
    need_type(x, INT8, FLOAT32)
    need_type(positions, INT32)
    need_moved(x, y)
    index = axis(op.axis, len(x.shape))
    batches = op.batch_dims + len(positions.shape) if op.batch_dims < 0 else op.batch_dims
    need(
        0 <= batches <= min(index, len(positions.shape)) and x.shape[:batches] == positions.shape[:batches],
        f"{x.name} {list(x.shape)} and {positions.name} {list(positions.shape)} don't share {op.batch_dims} batch axes "
        f"before axis {index}",
    )
    if positions.is_constant:
        outside = [number for number in constant(positions, INT32) if not 0 <= number < x.shape[index]]
        need(not outside, f"position {outside[:1]} is outside axis {index} of {x.name} {list(x.shape)}")
    need_shape(y, (*x.shape[:index], *positions.shape[batches:], *x.shape[index + 1 :]))


def _paddings(x: Tensor, tensor: Tensor, *dtypes: DType) -> tuple[Pair, ...]:
    """(before, after) for each axis of x."""
    flat = constant(tensor, *dtypes)
    need_shape(tensor, (len(x.shape), 2))
    need(min(flat, default=0) >= 0, f"{tensor.name} {list(flat)} holds a padding below 0")
    return tuple(zip(flat[::2], flat[1::2], strict=True))


def _need_padded(x: Tensor, y: Tensor, paddings: Sequence[Pair]) -> None:
    need_shape(y, tuple(size + before + after for size, (before, after) in zip(x.shape, paddings, strict=True)))


@rule(Pad)
def pad(op: Pad, operands: Operands, results: Results) -> None:
    x, paddings = take(operands, 2)
    y = single(results)
    need_max_rank(x, rank=5)
    need_type(x, INT8, INT16, INT32, FLOAT32)
    need_moved(x, y)
    need_quantized(x, y)
    need_symmetric_int16(y)  # it pads with 0
    _need_padded(x, y, _paddings(x, paddings, INT32))


@rule(PadV2)
def pad_v2(op: PadV2, operands: Operands, results: Results) -> None:
    x, paddings, value = take(operands, 3)
    y = single(results)
    need_max_rank(x, rank=5)
    need_type(x, INT8, INT16, INT32, FLOAT32)
    need_moved(x, y, value)
    need_quantized(x, y, value)
    need(value.is_constant, f"{value.name} must be a constant")
    need(value.elements == 1, f"{value.name} {list(value.shape)} holds {value.elements} numbers where one belongs")
    need_max_rank(value)
    _need_padded(x, y, _paddings(x, paddings, INT32))


@rule(MirrorPad)
def mirror_pad(op: MirrorPad, operands: Operands, results: Results) -> None:
    x, paddings = take(operands, 2)
    y = single(results)
    need_max_rank(x)
    need_type(x, INT8, FLOAT32)
    need_moved(x, y)
    pads = _paddings(x, paddings)
    for index, (size, pair) in enumerate(zip(x.shape, pads, strict=True)):
        limit = size - 1 if op.mode is MirrorMode.REFLECT else size
        need(
            max(pair) <= limit,
            f"axis {index} of {x.name} {list(x.shape)} has {limit} numbers to mirror, not {max(pair)}",
        )
    _need_padded(x, y, pads)


def _need_resized(operands: Operands, results: Results, *dtypes: DType) -> tuple[Tensor, Tensor]:
    x, size = take(operands, 2)
    y = single(results)
    need_rank(x, 4)
    need_type(x, *dtypes)
    need_moved(x, y)
    need_rank(size, 1)
    sizes = constant(size, INT32)
    need(
        len(sizes) == 2 and min(sizes) >= 1,
        f"{size.name} is {list(sizes)}; it must be a height and a width from 1 on",
    )
    need_shape(y, (x.shape[0], *sizes, x.shape[3]))
    need(max(*x.shape[1:3], *sizes) < MAX_PIXELS, f"{max(*x.shape[1:3], *sizes):,} pixels are over {MAX_PIXELS:,}")
    return x, y


@rule(ResizeNearest)
def resize_nearest(op: ResizeNearest, operands: Operands, results: Results) -> None:
    _need_resized(operands, results, INT8, INT16, FLOAT32)


@rule(ResizeBilinear)
def resize_bilinear(op: ResizeBilinear, operands: Operands, results: Results) -> None:
    x, y = _need_resized(operands, results, INT8, FLOAT32)
    need(not (op.align_corners and op.half_pixel_centers), "it has both aligned corners and half-pixel centres")
    for size, result in zip(x.shape[1:3], y.shape[1:3], strict=True):
        last = int(bilinear_positions(size, result, op.align_corners, op.half_pixel_centers)[-1]) >> FRACTION_BITS
        need(
            last < size,
            f"resizing {size} pixels to {result} in steps of 1/1024 pixels, as TFLM does, reads pixel {last} of {size}",
        )
