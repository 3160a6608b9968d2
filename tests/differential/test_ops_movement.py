# SPDX-License-Identifier: Apache-2.0
"""Ops that move data, random instances of every type that TFLM takes: numpy gives TFLM's bytes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from single_op import assert_equals_tflm, constant, graph_of, tensor
from strategies_data import REPEATABLE, any_data, assume_valid, generators, shapes

from sapmcu.errors import UserError
from sapmcu.ir import ops
from sapmcu.ir.graph import Array, Graph, Op, Quantization, Tensor
from sapmcu.ir.ops import Range
from sapmcu.reference import run_graph

pytestmark = pytest.mark.needs("tflite_micro")

SMALL = ("int8", "int16", "float32")
MOST = (*SMALL, "int32")
ALL = (*MOST, "int64", "bool")


def moved(name: str, shape: Sequence[int], dtype: str) -> Tensor:
    """A tensor of any type, with one quantization for all int8 and one for all int16."""
    quantization = {"int8": (0.5, -3), "int16": (0.25, 0), "uint8": (0.5, 9)}.get(dtype, (None, 0))
    return tensor(name, shape, dtype, *quantization)


def int32(name: str, values: Sequence[int] | Array) -> Tensor:
    return constant(name, np.array(values, np.int32))


def assert_moves_as_tflm(op: Op, tensors: Sequence[Tensor], generator: np.random.Generator) -> None:
    graph = assume_valid(graph_of(op, *tensors))
    assert_equals_tflm(graph, [[any_data(graph.tensors[name], generator) for name in graph.inputs]])


def indices(rank: int) -> st.SearchStrategy[int]:
    """Axes counted from either end."""
    return st.integers(-rank, rank - 1)


@given(shape=shapes(1, 8, 3), dtype=st.sampled_from((*ALL, "uint8")), data=st.data(), generator=generators)
@REPEATABLE
def test_reshape_equals_tflm(
    shape: tuple[int, ...], dtype: str, data: st.DataObject, generator: np.random.Generator
) -> None:
    y = moved("y", data.draw(st.permutations(shape)), dtype)
    tensors = [moved("x", shape, dtype), y]
    if data.draw(st.booleans()):
        wanted = int32("shape", [*y.shape[:-1], -1])
        assert_moves_as_tflm(ops.Reshape(("x", "shape"), ("y",)), [*tensors, wanted], generator)
    else:
        assert_moves_as_tflm(ops.Reshape(("x",), ("y",)), tensors, generator)


@given(shape=shapes(1, 6, 2), dtype=st.sampled_from(ALL), is_named=st.booleans(), data=st.data(), generator=generators)
@REPEATABLE
def test_squeeze_equals_tflm(
    shape: tuple[int, ...], dtype: str, is_named: bool, data: st.DataObject, generator: np.random.Generator
) -> None:
    ones = [index for index, size in enumerate(shape) if size == 1]
    gone = data.draw(st.lists(st.sampled_from(ones), unique=True)) if is_named and ones else []
    axes = tuple(index - len(shape) if data.draw(st.booleans()) else index for index in gone)
    rest = [size for index, size in enumerate(shape) if index not in (gone or ones)]
    tensors = [moved("x", shape, dtype), moved("y", rest, dtype)]
    assert_moves_as_tflm(ops.Squeeze(("x",), ("y",), axes), tensors, generator)


@given(shape=shapes(1, 5), dtype=st.sampled_from(SMALL), data=st.data(), generator=generators)
@REPEATABLE
def test_expand_dims_equals_tflm(
    shape: tuple[int, ...], dtype: str, data: st.DataObject, generator: np.random.Generator
) -> None:
    axis = data.draw(indices(len(shape) + 1))
    where = constant("axis", np.array(axis, np.int32)) if data.draw(st.booleans()) else int32("axis", [axis])
    y = moved("y", np.expand_dims(np.zeros(shape), axis).shape, dtype)
    assert_moves_as_tflm(ops.ExpandDims(("x", "axis"), ("y",)), [moved("x", shape, dtype), where, y], generator)


@given(shape=shapes(1, 5), dtype=st.sampled_from(SMALL), data=st.data(), generator=generators)
@REPEATABLE
def test_transpose_equals_tflm(
    shape: tuple[int, ...], dtype: str, data: st.DataObject, generator: np.random.Generator
) -> None:
    perm = data.draw(st.permutations(range(len(shape))))
    y = moved("y", [shape[index] for index in perm], dtype)
    assert_moves_as_tflm(
        ops.Transpose(("x", "perm"), ("y",)), [moved("x", shape, dtype), int32("perm", perm), y], generator
    )


@given(
    shape=shapes(1, 5, 4),
    dtype=st.sampled_from((*ALL, "uint8")),
    is_wide=st.booleans(),
    data=st.data(),
    generator=generators,
)
@REPEATABLE
def test_broadcast_to_equals_tflm(
    shape: tuple[int, ...], dtype: str, is_wide: bool, data: st.DataObject, generator: np.random.Generator
) -> None:
    kept = shape[data.draw(st.integers(0, len(shape))) :]
    x = moved("x", [size if data.draw(st.booleans()) else 1 for size in kept], dtype)
    wanted = constant("shape", np.array(shape, np.int64 if is_wide else np.int32))
    assert_moves_as_tflm(ops.BroadcastTo(("x", "shape"), ("y",)), [x, wanted, moved("y", shape, dtype)], generator)


@given(
    shape=shapes(1, 6, 3), count=st.integers(1, 10), dtype=st.sampled_from(ALL), data=st.data(), generator=generators
)
@REPEATABLE
def test_concatenation_equals_tflm(
    shape: tuple[int, ...], count: int, dtype: str, data: st.DataObject, generator: np.random.Generator
) -> None:
    axis = data.draw(indices(len(shape)))
    xs = []
    for number in range(count):
        size = list(shape)
        size[axis] = data.draw(st.integers(1, 4))
        xs.append(moved(f"x{number}", size, dtype))
    whole = list(shape)
    whole[axis] = sum(x.shape[axis] for x in xs)
    limits = {"int8": Range(-128, 127), "int16": Range(-(2**15), 2**15 - 1), "int32": Range(-(2**31), 2**31 - 1)}
    limits |= {"int64": Range(-(2**63), 2**63 - 1), "bool": Range(0, 1), "float32": Range(-np.inf, np.inf)}
    op = ops.Concatenation(tuple(x.name for x in xs), ("y",), axis, limits[dtype])
    assert_moves_as_tflm(op, [*xs, moved("y", whole, dtype)], generator)


@given(
    shape=shapes(1, 6, 3), count=st.integers(1, 5), dtype=st.sampled_from(MOST), data=st.data(), generator=generators
)
@REPEATABLE
def test_split_equals_tflm(
    shape: tuple[int, ...], count: int, dtype: str, data: st.DataObject, generator: np.random.Generator
) -> None:
    axis = data.draw(indices(len(shape)))
    whole = list(shape)
    whole[axis] *= count
    parts = [moved(f"y{number}", shape, dtype) for number in range(count)]
    op = ops.Split(("axis", "x"), tuple(part.name for part in parts))
    assert_moves_as_tflm(op, [int32("axis", [axis]), moved("x", whole, dtype), *parts], generator)


@given(
    shape=shapes(1, 6, 3), count=st.integers(1, 5), dtype=st.sampled_from(MOST), data=st.data(), generator=generators
)
@REPEATABLE
def test_split_v_equals_tflm(
    shape: tuple[int, ...], count: int, dtype: str, data: st.DataObject, generator: np.random.Generator
) -> None:
    axis = data.draw(indices(len(shape)))
    sizes = [data.draw(st.integers(1, 4)) for _ in range(count)]
    parts = []
    for number, size in enumerate(sizes):
        one = list(shape)
        one[axis] = size
        parts.append(moved(f"y{number}", one, dtype))
    whole = list(shape)
    whole[axis] = sum(sizes)
    if data.draw(st.booleans()):
        sizes[data.draw(st.integers(0, count - 1))] = -1
    op = ops.SplitV(("x", "sizes", "axis"), tuple(part.name for part in parts))
    tensors = [moved("x", whole, dtype), int32("sizes", sizes), int32("axis", [axis]), *parts]
    assert_moves_as_tflm(op, tensors, generator)


@given(
    shape=shapes(0, 5, 3), count=st.integers(1, 5), dtype=st.sampled_from(MOST), data=st.data(), generator=generators
)
@REPEATABLE
def test_pack_and_unpack_equal_tflm(
    shape: tuple[int, ...], count: int, dtype: str, data: st.DataObject, generator: np.random.Generator
) -> None:
    axis = data.draw(indices(len(shape) + 1))
    entries = [moved(f"entry{number}", shape, dtype) for number in range(count)]
    names = tuple(entry.name for entry in entries)
    whole = moved("whole", np.stack([np.zeros(shape)] * count, axis).shape, dtype)
    assert_moves_as_tflm(ops.Pack(names, ("whole",), axis), [*entries, whole], generator)
    assert_moves_as_tflm(ops.Unpack(("whole",), names, axis), [whole, *entries], generator)


def strided_slice(
    x: Tensor, begin: Sequence[int], end: Sequence[int], strides: Sequence[int], masks: tuple[int, int, int] = (0, 0, 0)
) -> Graph:
    """x[begin:end:strides] as the Python indices say; masks: begin, end, shrink."""
    taken: list[slice | int] = []
    for axis, (first, last, stride) in enumerate(zip(begin, end, strides, strict=True)):
        is_from_border, is_to_border, is_index = (mask >> axis & 1 for mask in masks)
        limits = slice(None if is_from_border else first, None if is_to_border else last, stride)
        taken.append(limits if not is_index else 0 if is_from_border else first)
    try:
        shape = np.zeros(x.shape)[tuple(taken)].shape
    except IndexError:
        shape = (1,)
    y = moved("y", shape, x.dtype.value)
    op = ops.StridedSlice(("x", "begin", "end", "strides"), ("y",), *masks)
    return graph_of(op, x, int32("begin", begin), int32("end", end), int32("strides", strides), y)


@given(shape=shapes(1, 4, 6), dtype=st.sampled_from((*MOST, "bool")), data=st.data(), generator=generators)
@REPEATABLE
def test_strided_slice_equals_tflm(
    shape: tuple[int, ...], dtype: str, data: st.DataObject, generator: np.random.Generator
) -> None:
    """Begins and ends inside, at the border and far outside; strides of either sign; all masks."""
    far = st.sampled_from((-(2**31), 2**31 - 1))
    begin, end, strides = [], [], []
    for size in shape:
        begin.append(data.draw(st.one_of(st.integers(-size - 1, size + 1), far)))
        end.append(data.draw(st.one_of(st.integers(-size - 1, size + 1), far)))
        strides.append(data.draw(st.sampled_from((1, 1, 2, 3, -1, -2, 2**30 - 1, 1 - 2**30))))
    masks = tuple(data.draw(st.integers(0, 15)) for _ in range(3))
    graph = assume_valid(strided_slice(moved("x", shape, dtype), begin, end, strides, masks))  # type: ignore[arg-type]
    assert_equals_tflm(graph, [[any_data(graph.tensors["x"], generator)]])


@given(
    shape=shapes(1, 5, 5),
    dtype=st.sampled_from((*MOST, "bool")),
    is_wide=st.booleans(),
    data=st.data(),
    generator=generators,
)
@REPEATABLE
def test_slice_equals_tflm(
    shape: tuple[int, ...], dtype: str, is_wide: bool, data: st.DataObject, generator: np.random.Generator
) -> None:
    begin = [data.draw(st.integers(0, size - 1)) for size in shape]
    taken = [data.draw(st.integers(1, size - first)) for size, first in zip(shape, begin, strict=True)]
    sizes = [
        -1 if first + count == size and data.draw(st.booleans()) else count
        for size, first, count in zip(shape, begin, taken, strict=True)
    ]
    wide = np.int64 if is_wide else np.int32
    tensors = [
        moved("x", shape, dtype),
        constant("begin", np.array(begin, wide)),
        constant("size", np.array(sizes, wide)),
    ]
    op = ops.Slice(("x", "begin", "size"), ("y",))
    assert_moves_as_tflm(op, [*tensors, moved("y", taken, dtype)], generator)


@given(shape=shapes(1, 6, 4), dtype=st.sampled_from((*ALL, "uint8")), data=st.data(), generator=generators)
@REPEATABLE
def test_reverse_equals_tflm(
    shape: tuple[int, ...], dtype: str, data: st.DataObject, generator: np.random.Generator
) -> None:
    first = data.draw(st.integers(0, len(shape) - 1))
    axes = data.draw(st.permutations(range(first, data.draw(st.integers(first + 1, len(shape))))))
    named = [index - len(shape) if data.draw(st.booleans()) else index for index in axes]
    tensors = [moved("x", shape, dtype), int32("axes", named), moved("y", shape, dtype)]
    assert_moves_as_tflm(ops.Reverse(("x", "axes"), ("y",)), tensors, generator)


@given(
    shape=shapes(1, 4, 4),
    tail=shapes(0, 2, 3),
    dtype=st.sampled_from(("int8", "float32")),
    data=st.data(),
    generator=generators,
)
@REPEATABLE
def test_gather_equals_tflm(
    shape: tuple[int, ...], tail: tuple[int, ...], dtype: str, data: st.DataObject, generator: np.random.Generator
) -> None:
    """Positions constant or not; batch axes counted from either end."""
    axis = data.draw(indices(len(shape)))
    front = axis % len(shape)
    batch_axes = data.draw(st.integers(0, front))
    where = shape[:batch_axes] + tail
    positions = generator.integers(0, shape[front], where).astype(np.int32)
    batch_dims = batch_axes - len(where) if batch_axes < len(where) and data.draw(st.booleans()) else batch_axes
    x = moved("x", shape, dtype)
    y = moved("y", (*shape[:front], *tail, *shape[front + 1 :]), dtype)
    op = ops.Gather(("x", "positions"), ("y",), axis, batch_dims)
    if data.draw(st.booleans()):
        graph = assume_valid(graph_of(op, x, constant("positions", positions), y))
        assert_equals_tflm(graph, [[any_data(x, generator)]])
    else:
        graph = assume_valid(graph_of(op, x, tensor("positions", where, "int32", None), y))
        assert_equals_tflm(graph, [[any_data(x, generator), positions]])


def test_gather_from_outside_is_refused() -> None:
    op = ops.Gather(("x", "positions"), ("y",), 0, 0)
    graph = graph_of(op, tensor("x", (4, 2)), tensor("positions", (1,), "int32", None), tensor("y", (1, 2)))
    with pytest.raises(UserError, match="positions 4 to 4 leave the 4 of the axis"):
        run_graph(graph, [np.zeros((4, 2), np.int8), np.array([4], np.int32)])


def padded(shape: tuple[int, ...], paddings: Sequence[Sequence[int]]) -> list[int]:
    return [size + sum(pair) for size, pair in zip(shape, paddings, strict=True)]


@given(
    shape=shapes(1, 5, 4), dtype=st.sampled_from(MOST), has_value=st.booleans(), data=st.data(), generator=generators
)
@REPEATABLE
def test_pad_equals_tflm(
    shape: tuple[int, ...], dtype: str, has_value: bool, data: st.DataObject, generator: np.random.Generator
) -> None:
    paddings = [[data.draw(st.integers(0, 3)), data.draw(st.integers(0, 3))] for _ in shape]
    x, y = moved("x", shape, dtype), moved("y", padded(shape, paddings), dtype)
    tensors = [x, int32("paddings", paddings), y]
    if not has_value:
        assert_moves_as_tflm(ops.Pad(("x", "paddings"), ("y",)), tensors, generator)
        return
    like = moved("value", (1,), dtype)
    value = constant("value", any_data(like, generator), like.quantization)
    assert_moves_as_tflm(ops.PadV2(("x", "paddings", "value"), ("y",)), [*tensors, value], generator)


@given(
    shape=shapes(1, 6, 4),
    dtype=st.sampled_from(("int8", "float32")),
    mode=st.sampled_from(ops.MirrorMode),
    is_wide=st.booleans(),
    data=st.data(),
    generator=generators,
)
@REPEATABLE
def test_mirror_pad_equals_tflm(
    shape: tuple[int, ...],
    dtype: str,
    mode: ops.MirrorMode,
    is_wide: bool,
    data: st.DataObject,
    generator: np.random.Generator,
) -> None:
    limits = [size - 1 if mode is ops.MirrorMode.REFLECT else size for size in shape]
    paddings = [[data.draw(st.integers(0, limit)), data.draw(st.integers(0, limit))] for limit in limits]
    wanted = constant("paddings", np.array(paddings, np.int64 if is_wide else np.int32))
    tensors = [moved("x", shape, dtype), wanted, moved("y", padded(shape, paddings), dtype)]
    assert_moves_as_tflm(ops.MirrorPad(("x", "paddings"), ("y",), mode), tensors, generator)


@given(
    batches=st.integers(1, 2),
    height=st.integers(1, 4),
    width=st.integers(1, 4),
    channels=st.integers(1, 5),
    block=st.integers(1, 4),
    dtype=st.sampled_from(("int8", "float32")),
    generator=generators,
)
@REPEATABLE
def test_space_and_depth_equal_tflm(
    batches: int, height: int, width: int, channels: int, block: int, dtype: str, generator: np.random.Generator
) -> None:
    space = moved("space", (batches, height * block, width * block, channels), dtype)
    depth = moved("depth", (batches, height, width, block * block * channels), dtype)
    assert_moves_as_tflm(ops.SpaceToDepth(("space",), ("depth",), block), [space, depth], generator)
    assert_moves_as_tflm(ops.DepthToSpace(("depth",), ("space",), block), [depth, space], generator)


sides = st.tuples(st.integers(1, 9), st.integers(1, 9))


@given(
    size=sides,
    result=st.tuples(st.integers(1, 40), st.integers(1, 12)),
    batches=st.integers(1, 2),
    channels=st.integers(1, 3),
    dtype=st.sampled_from(SMALL),
    align_corners=st.booleans(),
    half_pixel_centers=st.booleans(),
    generator=generators,
)
@REPEATABLE
def test_resize_nearest_equals_tflm(
    size: tuple[int, int],
    result: tuple[int, int],
    batches: int,
    channels: int,
    dtype: str,
    align_corners: bool,
    half_pixel_centers: bool,
    generator: np.random.Generator,
) -> None:
    x, y = moved("x", (batches, *size, channels), dtype), moved("y", (batches, *result, channels), dtype)
    op = ops.ResizeNearest(("x", "size"), ("y",), align_corners, half_pixel_centers)
    assert_moves_as_tflm(op, [x, int32("size", result), y], generator)


@given(
    size=sides,
    result=st.tuples(st.integers(1, 40), st.integers(1, 12)),
    batches=st.integers(1, 2),
    channels=st.integers(1, 3),
    centres=st.sampled_from(((False, False), (True, False), (False, True))),
    generator=generators,
)
@REPEATABLE
def test_resize_bilinear_equals_tflm(
    size: tuple[int, int],
    result: tuple[int, int],
    batches: int,
    channels: int,
    centres: tuple[bool, bool],
    generator: np.random.Generator,
) -> None:
    x, y = moved("x", (batches, *size, channels), "int8"), moved("y", (batches, *result, channels), "int8")
    op = ops.ResizeBilinear(("x", "size"), ("y",), *centres)
    assert_moves_as_tflm(op, [x, int32("size", result), y], generator)


@pytest.mark.parametrize("align_corners", [False, True])
def test_resizing_by_far_equals_tflm(align_corners: bool) -> None:
    """Where steps of 1/1024 pixels are coarsest."""
    generator = np.random.default_rng(0)
    for size, result in ((2, 64), (3, 1500), (700, 2), (1000, 7), (129, 1000)):
        x, y = moved("x", (1, size, 1, 1), "int8"), moved("y", (1, result, 1, 1), "int8")
        op = ops.ResizeBilinear(("x", "size"), ("y",), align_corners, False)
        graph = graph_of(op, x, int32("size", (result, 1)), y)
        assert_equals_tflm(graph, [[any_data(x, generator)]])


def test_concatenation_with_a_constant_equals_tflm() -> None:
    generator = np.random.default_rng(0)
    q = Quantization((0.5,), (-3,))
    fixed = constant("fixed", generator.integers(-128, 128, (1, 2, 3)).astype(np.int8), q)
    op = ops.Concatenation(("x", "fixed", "x"), ("y",), 1, Range(-128, 127))
    graph = graph_of(op, moved("x", (1, 1, 3), "int8"), fixed, moved("y", (1, 4, 3), "int8"))
    assert_equals_tflm(graph, [[any_data(graph.tensors["x"], generator)]])
