# SPDX-License-Identifier: Apache-2.0
"""Plans in which all that can be is computed in strips, for tests of what makes and runs them."""

from __future__ import annotations

from sapmcu.ir.cascade import CascadePlan
from sapmcu.ir.graph import Graph
from sapmcu.lower.graph import lower_ops
from sapmcu.plan.rows.plan import plan_choice
from sapmcu.plan.rows.problem import Source
from sapmcu.plan.rows.schedule import Segment
from sapmcu.plan.rows.search import Choice, Search

ANY_MACS = 1 << 40


def striped_plan(graph: Graph, *, keeps: bool, by_rows: bool = False) -> CascadePlan:
    """keeps: the columns at the strips' borders; else they are computed again."""
    source = Source(graph, {step.index: step.lowered for step in lower_ops(graph)}, by_rows)
    return plan_choice(source, striped_choice(source, keeps=keeps), source.items()[1])


def striped_choice(source: Source, *, keeps: bool) -> Choice:
    """The longest runs of works that can be in strips, in as many as there can be."""
    search = Search(source, source.items()[0], ANY_MACS)
    path: list[Segment] = []
    while (cut := path[-1].end if path else 0) < len(search.items):
        ends = range(len(search.items), cut, -1)
        found = (one for end in ends for one in in_strips(search, cut, end, keeps=keeps))
        path.append(next(found, Segment(cut, cut + 1, search.problem.works[cut].whole is not None)))
    return search.expanded(path)


def in_strips(search: Search, cut: int, end: int, *, keeps: bool) -> list[Segment]:
    if not search.strips.can_be_cut(cut, end):
        return []
    kept_bytes = search.strips.kept_choices(cut, end)[-1] if keeps else 0
    segments = [Segment(cut, end, False, count, kept_bytes=kept_bytes) for count in reversed(search.strips.counts(end))]
    return [one for one in segments if search.strips.extra_macs(one) is not None]
