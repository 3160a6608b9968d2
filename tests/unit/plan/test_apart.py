# SPDX-License-Identifier: Apache-2.0
"""Plans with inputs and outputs outside of the arena."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from small_graphs import branches, padded, residual
from strategies_nets import networks

from sapmcu.ir.graph import Graph
from sapmcu.ir.native import Apart
from sapmcu.lower import lower_graph
from sapmcu.pipeline import native_graph
from sapmcu.plan.native import verify_plan

GRAPHS = {"residual": residual, "branches": branches, "padded": padded}
CHOICES = [(Apart.INPUT,), (Apart.OUTPUT,), (Apart.INPUT, Apart.OUTPUT)]


@pytest.fixture(params=GRAPHS)
def graph(request: pytest.FixtureRequest) -> Graph:
    return native_graph(GRAPHS[request.param]())[0]


@pytest.mark.parametrize("apart", CHOICES)
def test_what_lies_apart_takes_nothing_of_the_arena(graph: Graph, apart: tuple[Apart, ...]) -> None:
    together, plan = lower_graph(graph).plan, lower_graph(graph, apart=apart).plan
    names = {Apart.INPUT: graph.inputs, Apart.OUTPUT: graph.outputs}
    for home in apart:
        assert all(plan.homes[name] is home for name in names[home])
        assert plan.apart_bytes[home] >= sum(graph.tensors[name].size_bytes for name in names[home])
    assert plan.arena_bytes <= together.arena_bytes
    others = {name for name in plan.offset_bytes if name not in plan.homes}
    assert others.isdisjoint(name for home in apart for name in names[home])


def test_nothing_overwrites_an_input_that_lies_apart(graph: Graph) -> None:
    """So that it is still there after the run; only what is the same bytes lies with it."""
    plan = lower_graph(graph, apart=(Apart.INPUT,)).plan
    aliases = {result: operand for step in lower_graph(graph).steps for result, operand in step.lowered.aliases}
    for name in plan.homes:
        while name in aliases:
            name = aliases[name]
        assert name in graph.inputs


def test_the_checker_refuses_a_tensor_beyond_its_memory(graph: Graph) -> None:
    program = lower_graph(graph, apart=(Apart.INPUT,))
    broken = replace(program.plan, apart_bytes={Apart.INPUT: program.plan.apart_bytes[Apart.INPUT] - 8})
    with pytest.raises(AssertionError):
        verify_plan(graph, program.steps, broken)


@settings(max_examples=30)
@given(networks())
def test_any_network_has_such_a_plan(network: Graph) -> None:
    """The checker runs on each."""
    ordered = native_graph(network)[0]
    for apart in CHOICES:
        lower_graph(ordered, apart=apart)
