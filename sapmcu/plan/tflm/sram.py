# SPDX-License-Identifier: Apache-2.0
"""Plans for stock TFLM with less SRAM: better offsets, results over operands, bands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from sapmcu.ir.cost import graph_macs
from sapmcu.ir.graph import Graph
from sapmcu.ir.memory import ArenaUse, Technique
from sapmcu.plan.tflm.band_search import BandSearch, Estimate
from sapmcu.plan.tflm.bands import Banding, banded, even_rows
from sapmcu.plan.tflm.layout import plan_layout, with_offsets
from sapmcu.plan.tflm.offsets import COMPARED_STEPS, STEPS
from sapmcu.plan.tflm.predict import predict_arena
from sapmcu.plan.tflm.shadow import verify_layout
from sapmcu.plan.tflm.target import Target

MAX_OPS, MAX_BANDED_OPS = 400, 150
"""Larger graphs keep TFLM's own plan, or one without bands: the time to search grows with the square of the ops."""
KEPT_BANDED = 3
"""Plans with bands that are offered: should the best fail when it is run, the next is tried."""
REFINEMENTS = 40
"""Neighbours of the best plan with bands that are tried."""
PRICE = 0.25
"""Of MACs, in SRAM: each percent more of them must save a quarter of a percent of the arena."""
PATIENCE = 4
"""Plans in a row that are no better, after which the others aren't laid out."""
SLACK = 200
"""A plan is laid out whole if its estimate is below the best one and a 200th of it: estimates may be a little high."""


@dataclass(frozen=True)
class SramPlan:
    """A graph that computes the same, with offsets in its metadata, and the arena that it needs. macs: of the graph
    without bands; extra_macs: beside them. technique: the last of those used."""

    graph: Graph
    use: ArenaUse
    technique: Technique
    macs: int
    extra_macs: int = 0
    bandings: tuple[Banding, ...] = ()

    @property
    def arena_bytes(self) -> int:
        return self.use.required_bytes

    @property
    def weight(self) -> float:
        return weigh(self.arena_bytes, self.extra_macs, self.macs)


def plan_sram(graph: Graph, target: Target, max_extra_macs: float) -> tuple[SramPlan, ...]:
    """Plans from TFLM's own, first, to the best one, each better than all before it of another technique.

    Better is less arena, unless it takes many more MACs for few bytes: the least weight. max_extra_macs: as a fraction
    of the graph's. Every plan has been followed byte by byte (shadow.py).
    """
    plans = [SramPlan(graph, predict_arena(graph, target), Technique.NONE, graph_macs(graph))]
    if plans[0].use.unknown_ops or len(graph.ops) > MAX_OPS:
        return tuple(plans)
    for technique in (Technique.OFFSETS, Technique.OVERLAP):
        made = _laid_out(graph, target, technique)
        if made is not None and made.arena_bytes < plans[-1].arena_bytes:
            plans.append(made)
    if len(graph.ops) <= MAX_BANDED_OPS:
        plans += _banded_plans(graph, target, int(max_extra_macs * plans[0].macs), plans[-1].arena_bytes)
    for plan in plans[1:]:
        verify_layout(plan.graph, target)
    return tuple(plans)


def _laid_out(
    graph: Graph, target: Target, technique: Technique, bandings: tuple[Banding, ...] = (), steps: int = STEPS
) -> SramPlan | None:
    """None where a banding can't be made."""
    made = banded(graph, bandings)
    if made is None:
        return None
    layout = plan_layout(made, target, may_overlap=technique is not Technique.OFFSETS, steps=steps)
    planned = with_offsets(made, layout.offset_bytes)
    macs = graph_macs(graph)
    return SramPlan(planned, predict_arena(planned, target), technique, macs, graph_macs(made) - macs, bandings)


def _banded_plans(graph: Graph, target: Target, max_extra_macs: int, below_bytes: int) -> list[SramPlan]:
    """The best few below a size, the best last."""
    kinds: dict[tuple[tuple[int, int, int], ...], Estimate] = {}
    for one in _best_bandings(BandSearch(graph, target, max_extra_macs), graph_macs(graph), below_bytes):
        kinds.setdefault(tuple((run.first, run.last, len(run.rows)) for run in one.bandings), one)
    made = [
        _laid_out(graph, target, Technique.BANDS, one.bandings, COMPARED_STEPS if number else STEPS)
        for number, one in enumerate(list(kinds.values())[:KEPT_BANDED])
    ]
    better = [plan for plan in made if plan is not None and plan.weight < below_bytes]
    better.sort(key=lambda plan: (plan.weight, plan.bandings))
    return better[::-1]


def _best_bandings(search: BandSearch, macs: int, below_bytes: int) -> list[Estimate]:
    """Those with the least weight first. macs: of the graph."""
    found: dict[tuple[Banding, ...], Estimate] = {}

    def ranked() -> list[Estimate]:
        return sorted(found.values(), key=lambda one: (weigh(one.arena_bytes, one.macs, macs), one.bandings))

    def consider(candidates: Iterable[Estimate | None]) -> None:
        """Lay out those that may beat the best one, the most promising first, until some in a row don't."""
        failed = 0
        for one in sorted(filter(None, candidates), key=lambda one: (one.arena_bytes, one.bandings)):
            least = min([below_bytes, *(weigh(best.arena_bytes, best.macs, macs) for best in ranked()[:1])])
            if failed == PATIENCE or one.arena_bytes >= least + least / SLACK:
                return
            joint = search.joint(one)
            if joint is not None:
                found[one.bandings] = joint
            failed = 0 if joint is not None and weigh(joint.arena_bytes, joint.macs, macs) < least else failed + 1

    consider(search.combinations())
    best: tuple[Banding, ...] = ()
    left, tried = REFINEMENTS, set(found)
    while left and found and ranked()[0].bandings != best:
        best = ranked()[0].bandings
        neighbours = [one for one in _neighbours(best) if one and one not in tried][:left]
        left -= len(neighbours)
        tried |= set(neighbours)
        consider(map(search.estimate, neighbours))
    return ranked()


def weigh(arena_bytes: int, extra_macs: int, macs: int) -> float:
    """By which plans are compared: SRAM, and what its MACs cost."""
    return arena_bytes * (1 + PRICE * extra_macs / max(macs, 1))


def _neighbours(bandings: Sequence[Banding]) -> Iterator[tuple[Banding, ...]]:
    """One banding gone, or with a band more or less, or with a row more or less in its first band."""
    for index, one in enumerate(bandings):
        before, after = tuple(bandings[:index]), tuple(bandings[index + 1 :])
        yield before + after
        total, count = sum(one.rows), len(one.rows)
        for changed in (count - 1, count + 1):
            if 2 <= changed <= total:
                yield (*before, replace(one, rows=even_rows(total, changed)), *after)
        for step in (1, -1):
            rows = (one.rows[0] + step, *even_rows(total - one.rows[0] - step, count - 1)) if count > 1 else one.rows
            if min(rows) > 0:
                yield (*before, replace(one, rows=rows), *after)
