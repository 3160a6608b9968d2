# SPDX-License-Identifier: Apache-2.0
"""Convolutions and matrix products, random instances: numpy gives TFLM's bytes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from single_op import assert_equals_tflm, constant, graph_of, tensor
from strategies import (
    INT8,
    batch_mat_mul_graphs,
    convolution_graphs,
    depthwise_graphs,
    fully_connected_graphs,
    transpose_convolution_graphs,
    varied_inputs,
)
from strategies_data import REPEATABLE, generators

from sapmcu.emit.tflite import write_tflite
from sapmcu.ir.graph import Graph, Quantization
from sapmcu.ir.ops import Conv2D, DepthwiseConv2D, FullyConnected
from sapmcu.ir.padding import VALID
from sapmcu.run import tflm_host

pytestmark = pytest.mark.needs("tflite_micro")


@REPEATABLE
@given(convolution_graphs(), generators)
def test_convolutions_equal_tflm(graph: Graph, generator: np.random.Generator) -> None:
    assert_equals_tflm(graph, varied_inputs(graph, generator))


@REPEATABLE
@given(depthwise_graphs(), generators)
def test_depthwise_convolutions_equal_tflm(graph: Graph, generator: np.random.Generator) -> None:
    assert_equals_tflm(graph, varied_inputs(graph, generator))


@REPEATABLE
@given(transpose_convolution_graphs(), generators)
def test_transposed_convolutions_equal_tflm(graph: Graph, generator: np.random.Generator) -> None:
    assert_equals_tflm(graph, varied_inputs(graph, generator))


@REPEATABLE
@given(fully_connected_graphs(), generators)
def test_fully_connected_equals_tflm(graph: Graph, generator: np.random.Generator) -> None:
    assert_equals_tflm(graph, varied_inputs(graph, generator))


@REPEATABLE
@given(batch_mat_mul_graphs(), generators)
def test_batch_mat_mul_equals_tflm(graph: Graph, generator: np.random.Generator) -> None:
    assert_equals_tflm(graph, varied_inputs(graph, generator))


DEPTH = 140_000
"""So many products of −255 and ±128 leave 32 bits twice over."""


@pytest.mark.parametrize("is_convolution", [True, False])
def test_a_sum_beyond_32_bits_wraps_as_in_tflm(is_convolution: bool) -> None:
    values = np.stack([np.full(DEPTH, -128, np.int8), np.full(DEPTH, 127, np.int8)])
    leading = (1, 1, 1) if is_convolution else (1,)
    x, y = tensor("x", (*leading, DEPTH), zero_point=127), tensor("y", (*leading, 2), scale=2.0**22)
    shape = (2, 1, 1, DEPTH) if is_convolution else (2, DEPTH)
    filters = constant("f", values.reshape(shape), Quantization((0.5,), (0,)))
    op = (
        Conv2D(("x", "f"), ("y",), (1, 1), VALID, (1, 1), INT8)
        if is_convolution
        else FullyConnected(("x", "f"), ("y",), INT8, keep_num_dims=False)
    )
    assert_equals_tflm(graph_of(op, x, filters, y), [[np.full(x.shape, -128, np.int8)]])


@pytest.mark.parametrize("zero_point", [-128, 127])
def test_a_zero_point_beyond_32_bits_wraps_as_in_tflm(zero_point: int) -> None:
    """The factor is 1 − 2^−28, so that the extreme biases keep all but 8 of their size."""
    x = tensor("x", (1, 1, 1, 1), scale=1 - 2**-14)
    y = tensor("y", (1, 1, 1, 2), scale=1.0, zero_point=zero_point)
    filters = constant("f", np.zeros((2, 1, 1, 1), np.int8), Quantization((1 + 2**-14,), (0,)))
    bias = constant("b", np.array([2**31 - 1, -(2**31)], np.int32))
    op = Conv2D(("x", "f", "b"), ("y",), (1, 1), VALID, (1, 1), INT8)
    assert_equals_tflm(graph_of(op, x, filters, bias, y), [[np.zeros((1, 1, 1, 1), np.int8)]])


def test_tflm_crashes_at_a_depthwise_bias_that_is_absent() -> None:
    """Why the rule refuses it; once this fails, the rule can go."""
    x, y = tensor("x", (1, 2, 2, 3)), tensor("y", (1, 2, 2, 3))
    filters = constant("f", np.ones((1, 1, 1, 3), np.int8), Quantization((1.0,), (0,)))
    graph = graph_of(DepthwiseConv2D(("x", "f", None), ("y",), (1, 1), VALID, (1, 1), INT8), x, filters, y)
    with pytest.raises(tflm_host.TflmError) as caught:
        tflm_host.invoke(write_tflite(graph), [[np.zeros(x.shape, np.int8)]], 1)
    assert "TFLM crashed with this model (exit code -" in caught.value.message
