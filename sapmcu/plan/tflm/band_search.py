# SPDX-License-Identifier: Apache-2.0
"""Which runs of ops to compute by bands, and in how many: the least arena under a limit on extra MACs.

Every run of a few ops is tried alone, in several numbers of bands: the head that it needs while it runs, the bytes that
its ops add to the tail, its extra MACs. For every height of the head that one of them reaches, dynamic programming over
the ops finds the runs with the least tail that keep all ops below it. The most promising of these combinations are
then laid out whole; the best of those wins.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sapmcu.ir.cost import graph_macs
from sapmcu.ir.graph import Graph
from sapmcu.plan.tflm.bands import Banding, banded, can_band, even_rows
from sapmcu.plan.tflm.layout import plan_layout
from sapmcu.plan.tflm.offsets import QUICK_STEPS
from sapmcu.plan.tflm.predict import predict_arena
from sapmcu.plan.tflm.target import Target

MAX_RUN = 7
"""Ops of a run: deeper ones compute more rows twice."""
BANDS = (2, 3, 4, 5, 6, 8)
MAX_TRIED = 600
"""Runs times numbers of bands that are tried, those around the highest ops first: some seconds."""
MAX_COMBINATIONS = 12
"""That are laid out whole."""
MAX_FRONT = 12
"""Ways to get to an op that are kept: from least tail to fewest MACs."""


@dataclass(frozen=True, slots=True)
class _Run:
    """What a banding needs while it runs, and what it adds."""

    banding: Banding
    head_bytes: int
    tail_bytes: int
    macs: int


@dataclass(frozen=True, slots=True)
class _Way:
    """Bandings of the ops so far, with what they add."""

    tail_bytes: int
    macs: int
    bandings: tuple[Banding, ...]


def find_bandings(graph: Graph, target: Target, max_extra_macs: int) -> Iterator[tuple[Banding, ...]]:
    """Combinations of bandings, the most promising first. max_extra_macs: of all together."""
    heads = [_head(graph, target, range(index + 1, index + 2)) for index in range(len(graph.ops))]
    runs = list(_runs(graph, target, heads, max_extra_macs))
    estimates: dict[tuple[Banding, ...], int] = {}
    for limit in sorted({run.head_bytes for run in runs} | set(heads)):
        for way in _ways(heads, runs, limit, max_extra_macs):
            estimate = limit + way.tail_bytes
            if way.bandings and estimate < max(heads):
                estimates[way.bandings] = min(estimate, estimates.get(way.bandings, estimate))
    yield from sorted(estimates, key=lambda bandings: (estimates[bandings], len(bandings)))[:MAX_COMBINATIONS]


def _head(graph: Graph, target: Target, scopes: range) -> int:
    return plan_layout(graph, target, may_overlap=True, scopes=scopes, steps=QUICK_STEPS).head_bytes


def _runs(graph: Graph, target: Target, heads: Sequence[int], max_extra_macs: int) -> Iterator[_Run]:
    """Runs that lower the highest of their ops."""
    macs = graph_macs(graph)
    for first, last in _regions(graph, heads)[: MAX_TRIED // len(BANDS)]:
        result = graph.tensors[graph.ops[last].outputs[0]]
        for count in BANDS:
            banding = Banding(first, last, even_rows(result.shape[1], count))
            made = banded(graph, (banding,)) if min(banding.rows) else None
            if made is None:
                continue
            extra_macs = graph_macs(made) - macs
            if extra_macs > max_extra_macs:
                break
            extra_ops = len(made.ops) - len(graph.ops)
            head = _head(made, target, range(first + 1, last + extra_ops + 2))
            if head < max(heads[first : last + 1]):
                tail = _tail(made, target, range(first, last + extra_ops + 1))
                yield _Run(banding, head, tail - _tail(graph, target, range(first, last + 1)), extra_macs)


def _tail(graph: Graph, target: Target, ops: range) -> int:
    """What these ops persist, and what all graphs do; exact but for gaps of a few bytes."""
    part = graph.ops[ops.start : ops.stop]
    used = dict.fromkeys(name for op in part for name in (*op.present_inputs, *op.outputs))
    alone = Graph(graph.name, {name: graph.tensors[name] for name in used}, part, (), ())
    return predict_arena(alone, target).tail_bytes


def _regions(graph: Graph, heads: Sequence[int]) -> list[tuple[int, int]]:
    """(first, last) of the runs that can be banded, those of the highest ops first, short before long."""
    found = [
        (first, last)
        for first in range(len(graph.ops))
        for last in range(first, min(first + MAX_RUN, len(graph.ops)))
        if can_band(graph, first, last)
    ]
    return sorted(found, key=lambda run: (-max(heads[run[0] : run[1] + 1]), run[1] - run[0], run))


def _ways(heads: Sequence[int], runs: Sequence[_Run], limit: int, max_extra_macs: int) -> list[_Way]:
    """The least tail, fewer MACs at more tail, with which no op needs a higher head than `limit`."""
    ending: dict[int, list[_Run]] = {}
    for run in runs:
        if run.head_bytes <= limit:
            ending.setdefault(run.banding.last, []).append(run)
    fronts: list[list[_Way]] = [[_Way(0, 0, ())]]
    for index, head in enumerate(heads):
        ways = list(fronts[index]) if head <= limit else []
        for run in ending.get(index, ()):
            ways += [
                _Way(way.tail_bytes + run.tail_bytes, way.macs + run.macs, (*way.bandings, run.banding))
                for way in fronts[run.banding.first]
                if way.macs + run.macs <= max_extra_macs
            ]
        fronts.append(_front(ways))
    return fronts[-1]


def _front(ways: Sequence[_Way]) -> list[_Way]:
    """Those that none beats in both tail and MACs."""
    found: list[_Way] = []
    for way in sorted(ways, key=lambda one: (one.tail_bytes, one.macs, len(one.bandings))):
        if not found or way.macs < found[-1].macs:
            found.append(way)
    return found[:MAX_FRONT]
