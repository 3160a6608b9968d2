# SPDX-License-Identifier: Apache-2.0
"""Which runs of ops to compute by bands, and in how many: the least arena under a limit on extra MACs.

Runs of a few ops are tried alone, in several numbers of bands: the head that they need, the bytes that they add to the
tail, their extra MACs. For every height of the head that one of them reaches, dynamic programming over the ops finds
the runs with the least tail that keep all ops below it. The sum of head and tail is nearly what such a combination
needs; so only the most promising ones have to be laid out whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, field, replace
from functools import cached_property

from sapmcu.ir.cost import graph_macs
from sapmcu.ir.graph import Graph
from sapmcu.plan.arena import align
from sapmcu.plan.tflm.allocator import persistent_bytes
from sapmcu.plan.tflm.bands import Banding, banded, can_band, even_rows
from sapmcu.plan.tflm.layout import plan_layout
from sapmcu.plan.tflm.offsets import COMPARED_STEPS, QUICK_STEPS
from sapmcu.plan.tflm.part import part_of
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
class Run:
    """What a banding needs while it runs, and what it adds."""

    banding: Banding
    head_bytes: int
    tail_bytes: int
    macs: int


@dataclass(frozen=True, slots=True)
class Estimate:
    """What bandings, the first ops first, need together: nearly the arena's head and tail. macs: extra ones."""

    bandings: tuple[Banding, ...]
    head_bytes: int
    tail_bytes: int
    macs: int

    @property
    def arena_bytes(self) -> int:
        return self.head_bytes + self.tail_bytes


@dataclass(frozen=True, slots=True)
class _Way:
    """Bandings of the ops so far, with what they add."""

    tail_bytes: int
    macs: int
    bandings: tuple[Banding, ...]


@dataclass(frozen=True, slots=True)
class _Region:
    """Ops that can be banded, with the rows of their result. highest_bytes: what one of them needs alone at the most.
    passed_bytes: what only lives beside them. repeated_bytes: what each further band adds to the tail."""

    first: int
    last: int
    rows: int
    highest_bytes: int
    passed_bytes: int
    operand_bytes: int
    result_bytes: int
    repeated_bytes: int

    def head(self, count: int) -> int:
        """What so many bands need at least: with all operands, or the result, or while the first or the last band is
        at the highest op. Windows, which are wider than their bands, only add to that."""
        highest = self.highest_bytes - self.passed_bytes
        first, last = -(-self.rows // count) / self.rows, self.rows // count / self.rows
        begin = int(self.operand_bytes * (1 - first) + highest * first)
        end = int(self.result_bytes * (1 - last) + highest * last)
        return self.passed_bytes + max(self.operand_bytes, self.result_bytes, begin, end)

    def estimate(self, count: int, floor: int) -> int:
        """The least head, where it is above floor, and what is added to the tail."""
        return max(self.head(count), floor) + (count - 1) * self.repeated_bytes


@dataclass
class BandSearch:
    """max_extra_macs: of all bandings together. runs: those that were tried; None: can't be, or costs too many MACs."""

    graph: Graph
    target: Target
    max_extra_macs: int
    runs: dict[Banding, Run | None] = field(default_factory=dict)
    parts: dict[tuple[int, int], Graph] = field(default_factory=dict)
    part_tails: dict[tuple[int, int], int] = field(default_factory=dict)

    @cached_property
    def heads(self) -> list[int]:
        """What each op needs alone."""
        return [self._head(self._part(index, index)) for index in range(len(self.graph.ops))]

    @cached_property
    def tail_bytes(self) -> int:
        """Of the graph without bands."""
        return persistent_bytes(self.graph, self.target)

    @cached_property
    def op_tails(self) -> list[int]:
        """What each op persists beside its tensors."""
        parts = [self._part(index, index) for index in range(len(self.graph.ops))]
        return [
            persistent_bytes(part, self.target) - persistent_bytes(replace(part, ops=()), self.target) for part in parts
        ]

    def _head(self, graph: Graph) -> int:
        return plan_layout(graph, self.target, may_overlap=True, steps=QUICK_STEPS).head_bytes

    def _part(self, first: int, last: int) -> Graph:
        if (first, last) not in self.parts:
            self.parts[first, last] = part_of(self.graph, first, last)
        return self.parts[first, last]

    def _part_tail(self, first: int, last: int) -> int:
        """What these ops persist, and what all graphs do."""
        if (first, last) not in self.part_tails:
            self.part_tails[first, last] = persistent_bytes(self._part(first, last), self.target)
        return self.part_tails[first, last]

    def run(self, banding: Banding) -> Run | None:
        """None where it can't be, or costs too many MACs."""
        if banding not in self.runs:
            made = self._cut(banding)
            self.runs[banding] = None if made is None else self._run(banding, made)
        return self.runs[banding]

    def _cut(self, banding: Banding) -> Graph | None:
        """The ops alone, in bands; None where run is."""
        if not min(banding.rows):
            return None
        part = self._part(banding.first, banding.last)
        made = banded(part, (Banding(0, banding.last - banding.first, banding.rows),))
        return None if made is None or graph_macs(made) - graph_macs(part) > self.max_extra_macs else made

    def _run(self, banding: Banding, made: Graph) -> Run:
        macs = graph_macs(made) - graph_macs(self._part(banding.first, banding.last))
        return Run(banding, self._head(made), self._tail(banding, made), macs)

    def _tail(self, banding: Banding, made: Graph) -> int:
        return persistent_bytes(made, self.target) - self._part_tail(banding.first, banding.last)

    def estimate(self, bandings: Sequence[Banding]) -> Estimate | None:
        """Nearly what these bandings need, as if each were alone."""
        runs = [self.run(one) for one in bandings]
        known = [run for run in runs if run is not None]
        macs = sum(run.macs for run in known)
        if len(known) < len(runs) or macs > self.max_extra_macs:
            return None
        covered = {index for one in bandings for index in range(one.first, one.last + 1)}
        heads = [head for index, head in enumerate(self.heads) if index not in covered]
        tail = self.tail_bytes + sum(run.tail_bytes for run in known)
        return Estimate(tuple(bandings), max(heads + [run.head_bytes for run in known]), tail, macs)

    def joint(self, alone: Estimate) -> Estimate | None:
        """The same with the ops from the first to the last banding laid out together."""
        first, last = alone.bandings[0].first, alone.bandings[-1].last
        shifted = (replace(one, first=one.first - first, last=one.last - first) for one in alone.bandings)
        made = banded(self._part(first, last), tuple(shifted))
        if made is None:
            return None
        heads = [head for index, head in enumerate(self.heads) if not first <= index <= last]
        head = plan_layout(made, self.target, may_overlap=True, steps=COMPARED_STEPS).head_bytes
        return replace(alone, head_bytes=max([head, *heads]))

    def combinations(self) -> Iterator[Estimate]:
        """The most promising first."""
        estimates = self._estimates(self._useful_runs())
        ranked = sorted(estimates, key=lambda bandings: (estimates[bandings], len(bandings)))
        yield from filter(None, map(self.estimate, ranked[:MAX_COMBINATIONS]))

    def _estimates(self, runs: Sequence[Run]) -> dict[tuple[Banding, ...], int]:
        """Head, and what the tail has more, of the best combinations."""
        estimates: dict[tuple[Banding, ...], int] = {}
        for limit in sorted({run.head_bytes for run in runs} | set(self.heads)):
            for way in _ways(self.heads, runs, limit, self.max_extra_macs):
                estimate = limit + way.tail_bytes
                if way.bandings and estimate < max(self.heads):
                    estimates[way.bandings] = min(estimate, estimates.get(way.bandings, estimate))
        return estimates

    def _useful_runs(self) -> list[Run]:
        """Runs that lower the highest of their ops, and can be in a combination that is better than those of shorter
        runs: these come first, since they give the bound."""
        regions = sorted(self._regions(), key=lambda one: (one.last - one.first, -one.highest_bytes, one.first))
        runs: list[Run] = []
        for length in range(1, MAX_RUN + 1):
            bound = min(self._estimates(runs).values(), default=max(self.heads))
            floor = self._floor(regions, bound)
            for region in regions:
                if region.last - region.first + 1 == length and len(self.runs) < MAX_TRIED:
                    runs += self._runs(region, floor, bound)
        return runs

    def _runs(self, region: _Region, floor: int, bound: int) -> Iterator[Run]:
        """In more and more bands, while that lowers the head. floor: lower heads don't matter."""
        lowest = region.highest_bytes
        for count in BANDS:
            if lowest <= floor:
                return
            if region.estimate(count, floor) >= bound:
                continue
            banding = Banding(region.first, region.last, even_rows(region.rows, count))
            made = self._cut(banding)
            if made is None:
                return
            if max(region.head(count), floor) + self._tail(banding, made) >= bound:
                continue
            run = self.runs[banding] = self._run(banding, made)
            if run.head_bytes >= lowest:
                return
            yield run
            lowest = run.head_bytes

    def _floor(self, regions: Sequence[_Region], bound: int) -> int:
        """No head is lower in a combination below the bound: each op runs as it is or in a run."""
        least = list(self.heads)
        for region in regions:
            heads = [region.head(count) for count in BANDS if region.estimate(count, 0) < bound]
            for index in range(region.first, region.last + 1):
                least[index] = min([least[index], *heads])
        return max(least, default=0)

    def _regions(self) -> Iterator[_Region]:
        for first in range(len(self.graph.ops)):
            for last in range(first, min(first + MAX_RUN, len(self.graph.ops))):
                if can_band(self.graph, first, last):
                    part = self._part(first, last)
                    passed = {*part.inputs} & {*part.outputs}
                    yield _Region(
                        *(first, last, part.tensors[part.ops[-1].outputs[0]].shape[1]),
                        highest_bytes=max(self.heads[first : last + 1]),
                        passed_bytes=_aligned_bytes(part, passed),
                        operand_bytes=_aligned_bytes(part, {*part.inputs} - passed),
                        result_bytes=_aligned_bytes(part, {*part.outputs} - passed),
                        repeated_bytes=sum(self.op_tails[first : last + 1]),
                    )


def _aligned_bytes(graph: Graph, names: Set[str]) -> int:
    return sum(align(graph.tensors[name].size_bytes) for name in names)


def _ways(heads: Sequence[int], runs: Sequence[Run], limit: int, max_extra_macs: int) -> list[_Way]:
    """The least tail, fewer MACs at more tail, with which no op needs a higher head than `limit`."""
    ending: dict[int, list[Run]] = {}
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
