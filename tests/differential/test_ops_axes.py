# SPDX-License-Identifier: Apache-2.0
"""Ops that pool, reduce or normalise, random instances: numpy gives TFLM's bytes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from single_op import assert_equals_tflm, constant, graph_of, tensor
from strategies import (
    arg_graphs,
    l2_normalization_graphs,
    log_softmax_graphs,
    pooling_graphs,
    reduction_graphs,
    softmax_graphs,
    varied_inputs,
)
from strategies_data import REPEATABLE, generators

from sapmcu.emit.tflite import write_tflite
from sapmcu.ir.graph import Graph
from sapmcu.ir.ops import LogSoftmax, Mean, Softmax
from sapmcu.reference import run_graph
from sapmcu.run import tflm_host

pytestmark = pytest.mark.needs("tflite_micro")


@REPEATABLE
@given(pooling_graphs(), generators)
def test_pooling_equals_tflm(graph: Graph, generator: np.random.Generator) -> None:
    assert_equals_tflm(graph, varied_inputs(graph, generator))


@REPEATABLE
@given(reduction_graphs(), generators)
def test_reductions_equal_tflm(graph: Graph, generator: np.random.Generator) -> None:
    assert_equals_tflm(graph, varied_inputs(graph, generator))


@REPEATABLE
@given(arg_graphs(), generators)
def test_arg_max_and_arg_min_equal_tflm(graph: Graph, generator: np.random.Generator) -> None:
    assert_equals_tflm(graph, varied_inputs(graph, generator))


@REPEATABLE
@given(softmax_graphs(), generators)
def test_softmax_equals_tflm(graph: Graph, generator: np.random.Generator) -> None:
    assert_equals_tflm(graph, varied_inputs(graph, generator))


@REPEATABLE
@given(log_softmax_graphs(), generators)
def test_log_softmax_equals_tflm(graph: Graph, generator: np.random.Generator) -> None:
    assert_equals_tflm(graph, varied_inputs(graph, generator))


@REPEATABLE
@given(l2_normalization_graphs(), generators)
def test_l2_normalization_equals_tflm(graph: Graph, generator: np.random.Generator) -> None:
    assert_equals_tflm(graph, varied_inputs(graph, generator))


def softmax_of(entries: int, scale: float) -> Graph:
    x, y = tensor("x", (1, entries), scale=scale), tensor("y", (1, entries), scale=1 / 256, zero_point=-128)
    return graph_of(Softmax(("x",), ("y",), 1.0), x, y)


@pytest.mark.parametrize("entries", [512, 1001, 4096, 20_000])
def test_softmax_over_many_entries_equals_tflm_where_few_are_near_the_largest(entries: int) -> None:
    graph = softmax_of(entries, 0.5)
    inputs = varied_inputs(graph, np.random.default_rng(3))
    assert_equals_tflm(graph, [run for run in inputs if np.count_nonzero(run[0] > int(run[0].max()) - 20) < 100])


def test_tflm_aborts_where_softmax_sums_to_512_and_sapmcu_goes_on() -> None:
    """The one known exception: the kernel's docstring has the reason."""
    graph, below = softmax_of(512, 0.5), softmax_of(511, 0.5)
    with pytest.raises(tflm_host.TflmError):
        tflm_host.invoke(write_tflite(graph), [[np.zeros((1, 512), np.int8)]], 1)
    assert set(run_graph(graph, [np.zeros((1, 512), np.int8)])["y"].ravel().tolist()) == {-128}
    assert_equals_tflm(below, [[np.zeros((1, 511), np.int8)]])


def test_log_softmax_over_the_most_entries_that_the_rule_takes_equals_tflm() -> None:
    x, y = tensor("x", (4095,)), tensor("y", (4095,), scale=1 / 16, zero_point=127)
    graph = graph_of(LogSoftmax(("x",), ("y",)), x, y)
    assert_equals_tflm(graph, varied_inputs(graph, np.random.default_rng(4)))


@pytest.mark.parametrize("size", [255, 256, 257, 4096, 70_000])
@pytest.mark.parametrize("scale", [2.0**-10, 0.5, 2.0**30])
def test_a_mean_of_many_equals_tflm(size: int, scale: float) -> None:
    """TFLM folds 1 / count into the multiplier, and limits the shift that keeps its bits."""
    x, y = tensor("x", (2, size), scale=1.0, zero_point=-128), tensor("y", (2,), scale=scale, zero_point=11)
    graph = graph_of(Mean(("x", "a"), ("y",), keep_dims=False), x, constant("a", np.array([1], np.int32)), y)
    assert_equals_tflm(graph, varied_inputs(graph, np.random.default_rng(size)))
