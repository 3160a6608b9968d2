# SPDX-License-Identifier: Apache-2.0
"""Random graphs of one op that moves data or works element by element."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st
from single_op import constant, graph_of, tensor
from strategies_data import (
    any_data,
    assume_valid,
    broadcast_shapes,
    generators,
    indices,
    int8_tensors,
    int32,
    moved,
    scales,
    shapes,
    zero_points,
)

from sapmcu.ir import ops
from sapmcu.ir.activation import activation_range, type_range
from sapmcu.ir.graph import Graph, Quantization, Tensor
from sapmcu.ir.slicing import strided_slices

ALL = ("int8", "int8", "int16", "float32", "int32", "int64", "bool")
"""int8 more often: its copies go byte by byte."""
MOST = ALL[:5]
dtypes, most_dtypes = st.sampled_from(ALL), st.sampled_from(MOST)
pairs = st.tuples(scales(-14, 8), zero_points)


@st.composite
def same_bytes_graphs(draw: st.DrawFn) -> Graph:
    dtype, shape = draw(dtypes), draw(shapes(1, 6, 3))
    x, y = moved("x", shape, dtype), moved("y", draw(st.permutations(shape)), dtype)
    return assume_valid(graph_of(ops.Reshape(("x",), ("y",)), x, y))


@st.composite
def transpose_graphs(draw: st.DrawFn) -> Graph:
    dtype, shape = draw(st.sampled_from(("int8", "int16", "float32"))), draw(shapes(1, 5, 5))
    perm = draw(st.permutations(range(len(shape))))
    y = moved("y", [shape[index] for index in perm], dtype)
    return assume_valid(graph_of(ops.Transpose(("x", "p"), ("y",)), moved("x", shape, dtype), int32("p", perm), y))


@st.composite
def broadcast_to_graphs(draw: st.DrawFn) -> Graph:
    dtype, shape = draw(dtypes), draw(shapes(1, 5, 4))
    kept = shape[draw(st.integers(0, len(shape))) :]
    x = moved("x", [size if draw(st.booleans()) else 1 for size in kept], dtype)
    return assume_valid(graph_of(ops.BroadcastTo(("x", "s"), ("y",)), x, int32("s", shape), moved("y", shape, dtype)))


@st.composite
def reverse_graphs(draw: st.DrawFn) -> Graph:
    dtype, shape = draw(dtypes), draw(shapes(1, 6, 4))
    first = draw(st.integers(0, len(shape) - 1))
    axes = list(range(first, draw(st.integers(first + 1, len(shape)))))
    tensors = moved("x", shape, dtype), int32("a", axes), moved("y", shape, dtype)
    return assume_valid(graph_of(ops.Reverse(("x", "a"), ("y",)), *tensors))


@st.composite
def concatenation_graphs(draw: st.DrawFn) -> Graph:
    """One of the operands may be a constant."""
    dtype, shape, generator = draw(st.sampled_from(("int8", "int8", "float32", "int64"))), draw(shapes(1, 6, 3)), None
    generator, axis, xs = draw(generators), draw(indices(len(shape))), []
    for number in range(draw(st.integers(1, 4))):
        size = list(shape)
        size[axis] = draw(st.integers(1, 4))
        x = moved(f"x{number}", size, dtype)
        is_constant = number > 0 and draw(st.booleans())
        xs.append(constant(x.name, any_data(x, generator), x.quantization) if is_constant else x)
    whole = list(shape)
    whole[axis] = sum(x.shape[axis] for x in xs)
    y = moved("y", whole, dtype)
    op = ops.Concatenation(tuple(x.name for x in xs), ("y",), axis, type_range(y))
    return assume_valid(graph_of(op, *xs, y))


@st.composite
def split_graphs(draw: st.DrawFn) -> Graph:
    dtype, shape = draw(most_dtypes), draw(shapes(1, 6, 3))
    axis, count, is_equal = draw(indices(len(shape))), draw(st.integers(1, 4)), draw(st.booleans())
    sizes = [shape[axis] if is_equal else draw(st.integers(1, 4)) for _ in range(count)]
    parts, whole = [], list(shape)
    for number, size in enumerate(sizes):
        one = list(shape)
        one[axis] = size
        parts.append(moved(f"y{number}", one, dtype))
    whole[axis] = sum(sizes)
    x, names = moved("x", whole, dtype), tuple(part.name for part in parts)
    if is_equal:
        return assume_valid(graph_of(ops.Split(("a", "x"), names), int32("a", [axis]), x, *parts))
    op = ops.SplitV(("x", "s", "a"), names)
    return assume_valid(graph_of(op, x, int32("s", sizes), int32("a", [axis]), *parts))


@st.composite
def pack_graphs(draw: st.DrawFn) -> Graph:
    """And unpack."""
    dtype, shape, count = draw(most_dtypes), draw(shapes(0, 5, 3)), draw(st.integers(1, 4))
    axis = draw(indices(len(shape) + 1))
    entries = [moved(f"e{number}", shape, dtype) for number in range(count)]
    names = tuple(entry.name for entry in entries)
    whole = moved("w", np.stack([np.zeros(shape)] * count, axis).shape, dtype)
    if draw(st.booleans()):
        return assume_valid(graph_of(ops.Pack(names, ("w",), axis), *entries, whole))
    return assume_valid(graph_of(ops.Unpack(("w",), names, axis), whole, *entries))


@st.composite
def block_graphs(draw: st.DrawFn) -> Graph:
    """Space to depth and back."""
    batch, height, width, channels, block = (draw(st.integers(1, 4)) for _ in range(5))
    dtype = draw(st.sampled_from(("int8", "float32")))
    space = moved("s", (batch, height * block, width * block, channels), dtype)
    depth = moved("d", (batch, height, width, block * block * channels), dtype)
    if draw(st.booleans()):
        return assume_valid(graph_of(ops.SpaceToDepth(("s",), ("d",), block), space, depth))
    return assume_valid(graph_of(ops.DepthToSpace(("d",), ("s",), block), depth, space))


@st.composite
def strided_slice_graphs(draw: st.DrawFn) -> Graph:
    dtype, shape = draw(st.sampled_from(MOST)), draw(shapes(1, 4, 6))
    begin = [draw(st.integers(-size - 1, size + 1)) for size in shape]
    end = [draw(st.integers(-size - 1, size + 1)) for size in shape]
    strides = [draw(st.sampled_from((1, 1, 2, 3, -1, -2, 2**30 - 1))) for _ in shape]
    op = ops.StridedSlice(("x", "b", "e", "s"), ("y",), *(draw(st.integers(0, 15)) for _ in range(3)))
    try:
        result = np.zeros(shape)[strided_slices(op, begin, end, strides)].shape
    except IndexError:
        assume(False)
    tensors = moved("x", shape, dtype), int32("b", begin), int32("e", end), int32("s", strides)
    return assume_valid(graph_of(op, *tensors, moved("y", result, dtype)))


@st.composite
def slice_graphs(draw: st.DrawFn) -> Graph:
    dtype, shape = draw(st.sampled_from(MOST)), draw(shapes(1, 5, 5))
    begin = [draw(st.integers(0, size - 1)) for size in shape]
    taken = [draw(st.integers(1, size - first)) for size, first in zip(shape, begin, strict=True)]
    tensors = moved("x", shape, dtype), int32("b", begin), int32("s", taken), moved("y", taken, dtype)
    return assume_valid(graph_of(ops.Slice(("x", "b", "s"), ("y",)), *tensors))


@st.composite
def gather_graphs(draw: st.DrawFn) -> Graph:
    """Constant positions; for computed ones see the tests."""
    dtype, shape, tail = draw(st.sampled_from(("int8", "float32"))), draw(shapes(1, 4, 4)), draw(shapes(0, 2, 3))
    axis = draw(st.integers(0, len(shape) - 1))
    batch_axes = draw(st.integers(0, axis))
    where = shape[:batch_axes] + tail
    positions = draw(generators).integers(0, shape[axis], where).astype(np.int32)
    x, y = moved("x", shape, dtype), moved("y", (*shape[:axis], *tail, *shape[axis + 1 :]), dtype)
    op = ops.Gather(("x", "p"), ("y",), axis, batch_axes)
    return assume_valid(graph_of(op, x, constant("p", positions), y))


def _padded(shape: Sequence[int], paddings: Sequence[Sequence[int]]) -> list[int]:
    return [size + sum(pair) for size, pair in zip(shape, paddings, strict=True)]


@st.composite
def pad_graphs(draw: st.DrawFn) -> Graph:
    dtype, shape = draw(most_dtypes), draw(shapes(1, 5, 4))
    paddings = [[draw(st.integers(0, 2)), draw(st.integers(0, 2))] for _ in shape]
    tensors = [moved("x", shape, dtype), int32("p", paddings), moved("y", _padded(shape, paddings), dtype)]
    if draw(st.booleans()):
        return assume_valid(graph_of(ops.Pad(("x", "p"), ("y",)), *tensors))
    like = moved("v", (1,), dtype)
    value = constant("v", any_data(like, draw(generators)), like.quantization)
    return assume_valid(graph_of(ops.PadV2(("x", "p", "v"), ("y",)), *tensors, value))


@st.composite
def mirror_pad_graphs(draw: st.DrawFn) -> Graph:
    dtype, shape = draw(st.sampled_from(("int8", "float32"))), draw(shapes(1, 5, 4))
    mode = draw(st.sampled_from(ops.MirrorMode))
    limits = [size - 1 if mode is ops.MirrorMode.REFLECT else size for size in shape]
    paddings = [[draw(st.integers(0, limit)), draw(st.integers(0, limit))] for limit in limits]
    tensors = moved("x", shape, dtype), int32("p", paddings), moved("y", _padded(shape, paddings), dtype)
    return assume_valid(graph_of(ops.MirrorPad(("x", "p"), ("y",), mode), *tensors))


@st.composite
def resize_graphs(draw: st.DrawFn) -> Graph:
    kind: Any = draw(st.sampled_from([ops.ResizeNearest, ops.ResizeBilinear]))
    size, result = draw(st.tuples(*[st.integers(1, 9)] * 2)), draw(st.tuples(*[st.integers(1, 20)] * 2))
    batches, channels = draw(st.integers(1, 2)), draw(st.integers(1, 3))
    dtype = draw(st.sampled_from(MOST[:4])) if kind is ops.ResizeNearest else "int8"
    x, y = (moved(name, (batches, *one, channels), dtype) for name, one in (("x", size), ("y", result)))
    op = kind(("x", "s"), ("y",), align_corners=draw(st.booleans()), half_pixel_centers=draw(st.booleans()))
    return assume_valid(graph_of(op, x, int32("s", result), y))


@st.composite
def unary_graphs(draw: st.DrawFn) -> Graph:
    """All 256 numbers at once."""
    kinds: list[Any] = [
        ops.Relu,
        ops.Relu6,
        ops.Abs,
        ops.HardSwish,
        ops.Logistic,
        ops.Tanh,
        ops.LeakyRelu,
        ops.Quantize,
    ]
    kind, x, y = draw(st.sampled_from(kinds)), draw(pairs), draw(pairs)
    y = {ops.Logistic: (1 / 256, -128), ops.Tanh: (1 / 128, 0)}.get(kind, y)
    op = kind(("x",), ("y",), *([draw(st.floats(-8, 8, width=32))] if kind is ops.LeakyRelu else []))
    return assume_valid(graph_of(op, tensor("x", (256,), "int8", *x), tensor("y", (256,), "int8", *y)))


@st.composite
def prelu_graphs(draw: st.DrawFn) -> Graph:
    shape = draw(shapes(1, 4, 4))
    slopes = [size if draw(st.booleans()) else 1 for size in shape[draw(st.integers(0, len(shape) - 1)) :]]
    x, y, alpha = draw(int8_tensors("x", shape, scales(-14, 8))), draw(pairs), draw(pairs)
    values = draw(generators).integers(-128, 128, slopes).astype(np.int8)
    quantization = Quantization((float(np.float32(alpha[0])),), (alpha[1],))
    tensors = x, constant("alpha", values, quantization), tensor("y", shape, "int8", *y)
    return assume_valid(graph_of(ops.PRelu(("x", "alpha"), ("y",)), *tensors))


@st.composite
def conversion_graphs(draw: st.DrawFn) -> Graph:
    """Changes of type; float32 data around 0 and integers of all sizes come from any_data."""
    kinds = [("int8", "float32"), ("float32", "int8"), ("int16", "int8"), ("int32", "int8"), ("int8", "int16")]
    x_type, y_type = draw(st.sampled_from([*kinds, ("int8", "int32")]))

    def one(name: str, dtype: str) -> Tensor:
        if dtype == "float32":
            return tensor(name, (64,), dtype, None)
        zero_point = draw(zero_points) if dtype in ("int8", "int32") else 0
        return tensor(name, (64,), dtype, draw(scales(-10, 10)), zero_point)

    kind: Any = ops.Dequantize if y_type == "float32" else ops.Quantize
    return assume_valid(graph_of(kind(("x",), ("y",)), one("x", x_type), one("y", y_type)))


@st.composite
def binary_graphs(draw: st.DrawFn) -> Graph:
    """One operand may be a constant, of one number now and then."""
    kinds: list[Any] = [ops.Add, ops.Sub, ops.Mul, ops.SquaredDifference, ops.Maximum, ops.Minimum, ops.Div]
    kind, shape_pair = draw(st.sampled_from(kinds)), draw(broadcast_shapes())
    result = np.broadcast_shapes(*shape_pair)
    is_like, is_quotient = kind in (ops.Maximum, ops.Minimum), kind is ops.Div
    x = draw(int8_tensors("x", shape_pair[0], scales()))
    y = draw(int8_tensors("y", shape_pair[1], scales(-6, 0) if is_quotient else scales()))
    z = draw(int8_tensors("z", result, scales(-14, -6) if is_quotient else scales()))
    if is_like:
        y, z = (tensor(one.name, one.shape, "int8", x.scale, x.zero_point) for one in (y, z))
    fixed = draw(st.sampled_from(("", "", "x", "y")))
    generator = draw(generators)
    made = [constant(t.name, any_data(t, generator), t.quantization) if t.name == fixed else t for t in (x, y)]
    clamp = activation_range(draw(st.sampled_from(("NONE", "RELU", "RELU6", "RELU_N1_TO_1"))), z)
    op = kind(("x", "y"), ("z",), *([] if is_like or kind is ops.SquaredDifference else [clamp]))
    return assume_valid(graph_of(op, *made, z))
