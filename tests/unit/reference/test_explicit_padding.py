# SPDX-License-Identifier: Apache-2.0
"""Paddings that no TFLite file expresses, but passes make: checked against images that are padded first."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from single_op import constant, graph_of, tensor

from sapmcu.ir.check import verify_graph
from sapmcu.ir.graph import Quantization, Tensor
from sapmcu.ir.ops import AveragePool2D, Conv2D, DepthwiseConv2D, MaxPool2D, Padding, Range
from sapmcu.ir.padding import VALID
from sapmcu.reference import run_graph

INT8 = Range(-128, 127)
FIXED = settings(max_examples=60)
pads = st.tuples(st.integers(0, 4), st.integers(0, 4))
paddings = st.tuples(pads, pads)


def padded(values: np.ndarray, padding: Padding, value: int) -> np.ndarray:
    return np.pad(values, ((0, 0), *padding, (0, 0)), constant_values=value)


def shape_of(size: tuple[int, int], padding: Padding, window: int, stride: int) -> list[int]:
    return [(length + sum(pad) - window) // stride + 1 for length, pad in zip(size, padding, strict=True)]


def filters(kind: type) -> Tensor:
    values = np.random.default_rng(2).integers(-128, 128, (4, 3, 3, 2) if kind is Conv2D else (1, 3, 3, 4), np.int8)
    return constant("f", values, Quantization((0.01,), (0,)))


@FIXED
@pytest.mark.parametrize("kind", [Conv2D, DepthwiseConv2D])
@given(paddings, st.integers(1, 3))
def test_a_convolution_sees_its_zero_point_around_the_image(
    kind: type[Conv2D | DepthwiseConv2D], padding: Padding, stride: int
) -> None:
    values = np.random.default_rng(3).integers(-128, 128, (1, 5, 4, 2), np.int8)
    x, f = tensor("x", values.shape, zero_point=17), filters(kind)
    y = tensor("y", (1, *shape_of((5, 4), padding, 3, stride), 4), scale=2.0)
    op = kind(("x", "f"), ("y",), (stride, stride), padding, (1, 1), INT8)
    graph = graph_of(op, x, f, y)
    wide = padded(values, padding, 17)
    plain = graph_of(replace(op, padding=VALID), replace(x, shape=wide.shape), f, y)
    verify_graph(graph)
    verify_graph(plain)
    np.testing.assert_array_equal(run_graph(graph, [values])["y"], run_graph(plain, [wide])["y"])


@FIXED
@given(st.tuples(*[st.tuples(st.integers(0, 2), st.integers(0, 2))] * 2), st.integers(1, 3))
def test_pooling_sees_only_the_pixels_inside(padding: Padding, stride: int) -> None:
    values = np.random.default_rng(4).integers(-128, 128, (1, 5, 4, 2), np.int8)
    x = tensor("x", values.shape)
    shape = (1, *shape_of((5, 4), padding, 3, stride), 2)
    wide = padded(values.astype(float), padding, 0)
    inside = padded(np.ones(values.shape), padding, 0)
    for kind in (AveragePool2D, MaxPool2D):
        graph = graph_of(kind(("x",), ("y",), (3, 3), (stride, stride), padding, INT8), x, tensor("y", shape))
        verify_graph(graph)
        got = run_graph(graph, [values])["y"]
        for _, row, column, channel in np.ndindex(*shape):
            at = (0, slice(row * stride, row * stride + 3), slice(column * stride, column * stride + 3), channel)
            seen = wide[at][inside[at] == 1]
            mean = np.sign(seen.mean()) * np.floor(abs(seen.mean()) + 0.5)
            assert got[0, row, column, channel] == (mean if kind is AveragePool2D else seen.max())
