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
from sapmcu.passes import PASSES, SRAM_PASSES, Pass
from sapmcu.plan.size import measure_graph
from sapmcu.reference import run_graph
from sapmcu.run import tflm_host

pytestmark = pytest.mark.needs("tflite_micro")
EXACT, EXACT_SRAM = ([one for one in passes if not one.mends] for passes in (PASSES, SRAM_PASSES))
RUNS = 15


def numpy_outputs(graph: Graph, inputs: list[list[Array]]) -> list[list[Array]]:
    results = (run_graph(graph, one) for one in inputs)
    return [[values[name] for name in graph.outputs] for values in results]


def assert_equal(expected: list[list[Array]], got: list[list[Array]]) -> None:
    for left, right in zip(expected, got, strict=True):
        for one, other in zip(left, right, strict=True):
            np.testing.assert_array_equal(one, other)


def rewritten(graph: Graph, passes: list[Pass] = EXACT_SRAM) -> Graph:
    for one in passes:
        graph = one.run(graph)
    return graph


@given(graph=networks())
@settings(REPEATABLE, max_examples=300)
def test_each_rewrite_of_a_random_network_keeps_numpys_bytes(graph: Graph) -> None:
    graph = assume_valid(graph)
    inputs = varied_inputs(graph, np.random.default_rng(0))[:4]
    expected = numpy_outputs(graph, inputs)
    for passes in (EXACT, EXACT_SRAM):
        after = graph
        for one in passes:
            after = one.run(after)
            verify_graph(after)
            assert_equal(expected, numpy_outputs(after, inputs))


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
    graph = assume_valid(graph)
    for passes in (EXACT, EXACT_SRAM):
        after = rewritten(graph, passes)
        assert rewritten(after, passes) == after


@given(graph=networks())
@settings(REPEATABLE, max_examples=100)
def test_no_rewrite_costs_memory_or_filters(graph: Graph) -> None:
    graph = assume_valid(graph)
    before, after = measure_graph(graph), measure_graph(rewritten(graph))
    assert after.live_bytes <= before.live_bytes
    assert after.filters <= before.filters
    assert after.ops <= before.ops


@pytest.mark.parametrize("one", [*EXACT, *(one for one in EXACT_SRAM if one not in EXACT)], ids=lambda one: one.name)
def test_each_rewrite_of_a_reference_model_keeps_tflms_bytes(one: Pass, tflite_model: Path) -> None:
    graph = load_tflite(tflite_model)
    after = one.run(graph)
    verify_graph(after)
    if after is graph:
        return
    inputs = varied_inputs(graph, np.random.default_rng(1)) + varied_inputs(graph, np.random.default_rng(2))
    expected, got = (tflm_host.invoke(write_tflite(model), inputs, len(model.outputs)) for model in (graph, after))
    assert_equal(expected, got)
