# SPDX-License-Identifier: Apache-2.0
"""Ops that move data, random instances of every type that TFLM takes: numpy gives TFLM's bytes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from single_op import assert_equals_tflm, constant, graph_of
from strategies_data import (
    ALL,
    MOST,
    REPEATABLE,
    SMALL,
    any_data,
    assert_moves_as_tflm,
    generators,
    indices,
    int32,
    moved,
    shapes,
)

from sapmcu.ir import ops
from sapmcu.ir.graph import Quantization
from sapmcu.ir.ops import Range

pytestmark = pytest.mark.needs("tflite_micro")


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


def test_concatenation_with_a_constant_equals_tflm() -> None:
    generator = np.random.default_rng(0)
    q = Quantization((0.5,), (-3,))
    fixed = constant("fixed", generator.integers(-128, 128, (1, 2, 3)).astype(np.int8), q)
    op = ops.Concatenation(("x", "fixed", "x"), ("y",), 1, Range(-128, 127))
    graph = graph_of(op, moved("x", (1, 1, 3), "int8"), fixed, moved("y", (1, 4, 3), "int8"))
    assert_equals_tflm(graph, [[any_data(graph.tensors["x"], generator)]])
