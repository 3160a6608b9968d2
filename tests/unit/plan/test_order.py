# SPDX-License-Identifier: Apache-2.0
"""The order of ops: as good as the best of all orders, the file's where none is better."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_graphs import branches

from sapmcu.ir import ops
from sapmcu.ir.graph import DType, Graph, Tensor
from sapmcu.lower import lower_graph, order_graph
from sapmcu.plan import order as order_module
from sapmcu.plan.live import live_bytes
from sapmcu.plan.order import find_order
from sapmcu.plan.tflm.buffers import OFFLINE_METADATA
from sapmcu.reference import run_graph


def test_a_wide_branch_is_narrowed_before_the_next_begins() -> None:
    graph = branches()
    ordered, is_best = order_graph(graph)
    assert is_best
    assert [op.name for op in ordered.ops] == ["a", "c", "f", "b", "d", "e", "y"]
    # the second function of x lies over x, once f has read it
    assert (lower_graph(graph).plan.arena_bytes, lower_graph(ordered).plan.arena_bytes) == (784, 528)
    assert max(live_bytes(ordered)) <= max(live_bytes(graph))


def test_another_order_computes_the_same_bytes() -> None:
    graph = branches()
    ordered, _ = order_graph(graph)
    x = np.random.default_rng(1).integers(-128, 128, (1, 8, 8, 4)).astype(np.int8)
    before, after = run_graph(graph, [x]), run_graph(ordered, [x])
    assert ordered.ops != graph.ops
    assert all(np.array_equal(before[name], after[name]) for name in before)


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Each op reads one to three earlier tensors and writes one of any size; what nobody reads is an output."""
    count = draw(st.integers(1, 7))
    names = [f"t{index}" for index in range(count + 1)]
    tensors = {name: Tensor(name, (8 * draw(st.integers(1, 6)),), DType.INT8) for name in names}
    made = []
    for index in range(1, count + 1):
        operands = draw(st.lists(st.sampled_from(names[:index]), min_size=1, max_size=3, unique=True))
        made.append(ops.Opaque(tuple(operands), (names[index],), "ADD_N", 1))
    read = {name for op in made for name in op.inputs}
    return Graph("random", tensors, tuple(made), ("t0",), tuple(name for name in names if name not in read))


def all_orders(graph: Graph) -> Iterator[Graph]:
    """Every order in which each op comes behind those that it reads."""
    needs = [{graph.producers[one] for one in op.present_inputs if one in graph.producers} for op in graph.ops]

    def descend(done: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
        if len(done) == len(graph.ops):
            yield done
        for op in range(len(graph.ops)):
            if op not in done and needs[op] <= set(done):
                yield from descend((*done, op))

    for one in descend(()):
        yield replace(graph, ops=tuple(graph.ops[index] for index in one))


@given(graphs())
@settings(max_examples=60)
def test_no_order_of_a_random_graph_has_a_lower_peak(graph: Graph) -> None:
    """Without shared memory the peak is the largest sum of live tensors, which plan/live.py counts in its own way."""
    found = find_order(graph, {})
    best = min(max(live_bytes(one)) for one in all_orders(graph))
    assert found.is_best
    assert found.peak_bytes == best
    assert sorted(found.ops) == list(range(len(graph.ops)))


def test_the_order_of_the_file_stays_where_none_is_better() -> None:
    graph = branches()
    ordered, _ = order_graph(graph)
    again, is_best = order_graph(ordered)
    assert again is ordered
    assert is_best


def test_a_file_with_a_plan_of_the_arena_keeps_its_order() -> None:
    graph = replace(branches(), metadata={OFFLINE_METADATA: bytes(40)})
    assert order_graph(graph) == (graph, False)


@pytest.mark.parametrize("count", [300, 2_000, 20_000])
def test_a_wide_graph_of_very_many_ops_keeps_its_order_and_ends(count: int) -> None:
    """All could be next at any time: a file of a stranger must not make the search run for minutes."""
    tensors = {name: Tensor(name, (64,), DType.INT8) for name in ("x", *(f"t{index}" for index in range(count)))}
    made = tuple(ops.Opaque(("x",), (f"t{index}",), "ADD_N", 1) for index in range(count))
    found = find_order(Graph("wide", tensors, made, ("x",), ("t0",)), {})
    assert found.ops == tuple(range(count))


def test_a_search_that_is_cut_short_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order_module, "TRANSITIONS", 1)
    monkeypatch.setattr(order_module, "MIN_WIDTH", 1)
    found = find_order(branches(), {})
    assert not found.is_best
    assert sorted(found.ops) == list(range(7))
