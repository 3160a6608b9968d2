# SPDX-License-Identifier: Apache-2.0
"""Every rewrite keeps every byte: on random networks and on the reference models, in numpy and in TFLM."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from strategies import varied_inputs
from strategies_data import REPEATABLE, assume_valid
from strategies_nets import networks

from sapmcu.emit.tflite import write_tflite
from sapmcu.frontends.tflite import load_tflite, read_tflite
from sapmcu.ir.check import verify_graph
from sapmcu.ir.graph import Array, Graph
from sapmcu.passes import PASSES, Pass
from sapmcu.plan.size import measure_graph
from sapmcu.reference import run_graph
from sapmcu.run import tflm_host

pytestmark = pytest.mark.needs("tflite_micro")
EXACT = [one for one in PASSES if not one.mends]
RUNS = 15


def numpy_outputs(graph: Graph, inputs: list[list[Array]]) -> list[list[Array]]:
    results = (run_graph(graph, one) for one in inputs)
    return [[values[name] for name in graph.outputs] for values in results]


def assert_equal(expected: list[list[Array]], got: list[list[Array]]) -> None:
    for left, right in zip(expected, got, strict=True):
        for one, other in zip(left, right, strict=True):
            np.testing.assert_array_equal(one, other)


def rewritten(graph: Graph) -> Graph:
    for one in EXACT:
        graph = one.run(graph)
    return graph


@given(graph=networks())
@settings(REPEATABLE, max_examples=300)
def test_each_rewrite_of_a_random_network_keeps_numpys_bytes(graph: Graph) -> None:
    graph = assume_valid(graph)
    inputs = varied_inputs(graph, np.random.default_rng(0))[:4]
    expected = numpy_outputs(graph, inputs)
    for one in EXACT:
        graph = one.run(graph)
        verify_graph(graph)
        assert_equal(expected, numpy_outputs(graph, inputs))


@given(graph=networks())
@settings(REPEATABLE, max_examples=60)
def test_all_rewrites_of_a_random_network_keep_tflms_bytes(graph: Graph) -> None:
    graph = assume_valid(graph)
    after = rewritten(graph)
    assert read_tflite(write_tflite(after), after.name) == after
    inputs = varied_inputs(graph, np.random.default_rng(0))
    expected, got = (tflm_host.invoke(write_tflite(one), inputs, len(one.outputs)) for one in (graph, after))
    assert_equal(expected, got)


@given(graph=networks())
@settings(REPEATABLE, max_examples=100)
def test_rewrites_leave_nothing_to_rewrite(graph: Graph) -> None:
    after = rewritten(assume_valid(graph))
    assert rewritten(after) == after


@given(graph=networks())
@settings(REPEATABLE, max_examples=100)
def test_no_rewrite_costs_memory_or_filters(graph: Graph) -> None:
    graph = assume_valid(graph)
    before, after = measure_graph(graph), measure_graph(rewritten(graph))
    assert after.live_bytes <= before.live_bytes
    assert after.filters <= before.filters
    assert after.ops <= before.ops


@pytest.mark.parametrize("one", EXACT, ids=lambda one: one.name)
def test_each_rewrite_of_a_reference_model_keeps_tflms_bytes(one: Pass, tflite_model: Path) -> None:
    graph = load_tflite(tflite_model)
    after = one.run(graph)
    verify_graph(after)
    if after is graph:
        return
    inputs = varied_inputs(graph, np.random.default_rng(1)) + varied_inputs(graph, np.random.default_rng(2))
    expected, got = (tflm_host.invoke(write_tflite(model), inputs, len(model.outputs)) for model in (graph, after))
    assert_equal(expected, got)
