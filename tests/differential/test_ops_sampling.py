# SPDX-License-Identifier: Apache-2.0
"""Slices, gather, padding and resizing, random instances of every type: numpy gives TFLM's bytes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from single_op import assert_equals_tflm, constant, graph_of, tensor
from strategies_data import (
    ALL,
    MOST,
    REPEATABLE,
    SMALL,
    any_data,
    assert_moves_as_tflm,
    assume_valid,
    generators,
    indices,
    int32,
    moved,
    shapes,
)

from sapmcu.errors import UserError
from sapmcu.ir import ops
from sapmcu.ir.graph import Graph, Tensor
from sapmcu.ir.slicing import strided_slices
from sapmcu.reference import run_graph

pytestmark = pytest.mark.needs("tflite_micro")


def strided_slice(
    x: Tensor, begin: Sequence[int], end: Sequence[int], strides: Sequence[int], masks: Sequence[int]
) -> Graph:
    """masks: begin, end, shrink. A result of one number where an index is outside x, which the rule refuses."""
    op = ops.StridedSlice(("x", "begin", "end", "strides"), ("y",), *masks)
    try:
        shape = np.zeros(x.shape)[strided_slices(op, begin, end, strides)].shape
    except IndexError:
        shape = ()
    y = moved("y", shape, x.dtype.value)
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
    masks = [data.draw(st.integers(0, 15)) for _ in range(3)]
    graph = assume_valid(strided_slice(moved("x", shape, dtype), begin, end, strides, masks))
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


@pytest.mark.parametrize(
    ("size", "result", "align_corners", "half_pixel_centers"),
    [(2, 50, False, False), (2, 25, False, True), (2, 51, True, False), (2, 26, True, True)],
)
def test_nearest_pixels_in_float32_equal_tflm(
    size: int, result: int, align_corners: bool, half_pixel_centers: bool
) -> None:
    """Sizes at which positions in float64, from a scale in float32, fall on other pixels."""
    x, y = moved("x", (1, size, 1, 1), "int8"), moved("y", (1, result, 1, 1), "int8")
    op = ops.ResizeNearest(("x", "size"), ("y",), align_corners, half_pixel_centers)
    graph = graph_of(op, x, int32("size", (result, 1)), y)
    assert_equals_tflm(graph, [[np.array([1, 2], np.int8).reshape(x.shape)]])


@pytest.mark.parametrize("align_corners", [False, True])
def test_resizing_by_far_equals_tflm(align_corners: bool) -> None:
    """Where steps of 1/1024 pixels are coarsest."""
    generator = np.random.default_rng(0)
    for size, result in ((2, 64), (3, 1500), (700, 2), (1000, 7), (129, 1000)):
        x, y = moved("x", (1, size, 1, 1), "int8"), moved("y", (1, result, 1, 1), "int8")
        op = ops.ResizeBilinear(("x", "size"), ("y",), align_corners, False)
        graph = graph_of(op, x, int32("size", (result, 1)), y)
        assert_equals_tflm(graph, [[any_data(x, generator)]])
