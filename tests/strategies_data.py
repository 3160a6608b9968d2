# SPDX-License-Identifier: Apache-2.0
"""Hypothesis strategies for single-op graphs: shapes, quantization, data."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import assume, settings
from hypothesis import strategies as st
from single_op import assert_equals_tflm, constant, graph_of, tensor

from sapmcu.ir.check import graph_violations
from sapmcu.ir.graph import Array, DType, Graph, Op, Tensor

REPEATABLE = settings(max_examples=100)
"""The same examples on every run; a request to TFLM's process takes some milliseconds."""

SMALL = ("int8", "int16", "float32")
MOST = (*SMALL, "int32")
ALL = (*MOST, "int64", "bool")
"""Types of data that an op moves: by how many ops of TFLM take them."""

generators = st.integers(0, 2**32 - 1).map(np.random.default_rng)
"""One number decides all data: shrinking works on shapes and quantization."""


def scales(lowest: int = -10, highest: int = 4) -> st.SearchStrategy[float]:
    """float32 scales between powers of two, log-uniform, powers of two among them."""
    mantissas = st.one_of(st.just(1.0), st.floats(1.0, 1.9375, width=32))
    return st.builds(lambda mantissa, exponent: mantissa * 2.0**exponent, mantissas, st.integers(lowest, highest))


zero_points = st.one_of(st.sampled_from((-128, 0, 127)), st.integers(-128, 127))


def shapes(lowest_rank: int = 1, highest_rank: int = 4, largest: int = 5) -> st.SearchStrategy[tuple[int, ...]]:
    return st.lists(st.integers(1, largest), min_size=lowest_rank, max_size=highest_rank).map(tuple)


@st.composite
def broadcast_shapes(draw: st.DrawFn) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Two shapes that broadcast: axes of length 1 on either side, leading axes missing on either side."""
    full = draw(shapes(1, 6, 4))

    def operand() -> tuple[int, ...]:
        kept = full[draw(st.integers(0, len(full))) :]
        return tuple(size if draw(st.booleans()) else 1 for size in kept)

    return operand(), operand()


def int8_tensors(name: str, shape: Sequence[int], scale: st.SearchStrategy[float]) -> st.SearchStrategy[Tensor]:
    return st.builds(lambda s, z: tensor(name, shape, "int8", s, z), scale, zero_points)


def any_data(one: Tensor, generator: np.random.Generator) -> Array:
    """Random bytes of the tensor's type: integers over its whole range, bool 0 and 1, floats around 0."""
    if one.dtype.is_float:
        return generator.normal(0, 10, one.shape).astype(one.dtype.numpy)
    if one.dtype is DType.BOOL:
        return generator.integers(0, 2, one.shape).astype(np.bool_)
    info = np.iinfo(one.dtype.value)
    return generator.integers(info.min, info.max, one.shape, one.dtype.numpy, endpoint=True)


def assume_valid(graph: Graph) -> Graph:
    """Drop the example where the graph is none that sapmcu takes."""
    assume(not list(graph_violations(graph)))
    return graph


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
