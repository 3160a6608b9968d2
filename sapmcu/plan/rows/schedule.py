# SPDX-License-Identifier: Apache-2.0
"""The order of steps: where to cut the ops into cascades, and each cascade's steps on demand."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sapmcu.plan.rows.problem import Problem

NO_LIMIT = 1 << 62
MAX_SIMULATED = 2_000_000
"""Steps; once so many have been simulated (tens of seconds), longer segments than SHORT are no longer tried."""
SHORT = 6
ROOMY = 0.85
"""Segments up to this share of the peak leave room enough to place their rows below it."""


@dataclass(frozen=True, slots=True)
class Segment:
    """Works first..end−1: as a cascade, or one whole op. strips: in which it is computed one after the other.

    is_next_strip: it goes on with the cascade before it.
    """

    first: int
    end: int
    is_whole: bool
    strips: int = 1
    is_next_strip: bool = False


class Live:
    """Live bytes while steps run. Scratch arrays are kept from one simulation to the next: there are thousands."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.made = [0] * len(problem.row_bytes)
        self.done = [0] * len(problem.steps)
        self.stamp = 0
        self.simulated = 0
        self.rows_of = [(*step.reads, *step.writes) for step in problem.steps]
        self.born = [0] * len(problem.row_bytes)
        self.counted = range(0)
        self.counts = [0] * len(problem.row_bytes)
        works = len(problem.works)
        self.at_cut = [0] * (works + 1)
        for row, size in enumerate(problem.row_bytes):
            first, last = problem.first_works[row], problem.last_works[row]
            for cut in range(first + 1, min(last, works) + 1):
                self.at_cut[cut] += size

    def run(self, segment: Segment, limit: int, order: list[int] | None = None) -> int | None:
        """The most bytes that live at any step; None where they exceed limit. order: takes the steps as they run."""
        if segment.is_whole:
            return self.whole(segment.first, limit, order)
        return self.rows(segment, limit, order)

    def whole(self, work: int, limit: int, order: list[int] | None) -> int | None:
        number = self.problem.works[work].whole
        assert number is not None
        step, sizes = self.problem.steps[number], self.problem.row_bytes
        live = self.at_cut[work] + sum(sizes[row] for row in step.writes) + step.scratch_bytes
        covered: set[int] = set()
        for target, source in step.over:
            if self.problem.last_works[source] == work and not {target, source} & covered:
                covered |= {target, source}
                live -= sizes[target]
        if order is not None:
            order.append(number)
        return live if live <= limit else None

    def rows(self, segment: Segment, limit: int, order: list[int] | None) -> int | None:
        problem, first, end = self.problem, segment.first, segment.end
        sizes, last_works, first_works = problem.row_bytes, problem.last_works, problem.first_works
        live = peak = self.at_cut[first]
        left = self.touches(first, end)  # of a row that are to come
        born, stamp, simulated = self.born, self.stamp + 1, 0
        for number in self.on_demand(segment):
            if order is not None:
                order.append(number)
            step, touched = problem.steps[number], self.rows_of[number]
            shared = 0  # bytes of a new row that lie on a row that dies
            for row in touched:
                if born[row] == stamp:
                    continue
                born[row] = stamp
                if first_works[row] >= first:  # else it lives already
                    live += sizes[row]
                    for target, source in step.over:
                        if target == row and left[source] == 1 and last_works[source] < end:
                            shared = sizes[row]
            simulated += 1
            peak = max(peak, live - shared + step.scratch_bytes)
            if peak > limit:
                self.simulated += simulated
                return None
            for row in touched:
                left[row] -= 1
                if not left[row] and last_works[row] < end:
                    live -= sizes[row]
        self.simulated += simulated
        assert live == self.at_cut[end], (live, self.at_cut[end], segment)
        return peak

    def touches(self, first: int, end: int) -> list[int]:
        """By row: how many steps of works first..end−1 read it or write it. A longer segment goes on from a shorter."""
        if self.counted.start != first or self.counted.stop > end:
            self.counted, self.counts = range(first, first), [0] * len(self.problem.row_bytes)
        for work in range(self.counted.stop, end):
            for number in self.problem.works[work].steps:
                for row in self.rows_of[number]:
                    self.counts[row] += 1
        self.counted = range(first, end)
        return self.counts.copy()

    def on_demand(self, segment: Segment) -> Iterator[int]:
        """The steps: for each of the last work's, before it those that write what it reads; then what is left."""
        problem, made, done, first, end = self.problem, self.made, self.done, segment.first, segment.end
        steps, before, writers, last_writers = problem.steps, problem.before, problem.writers, problem.last_writers
        self.stamp += 1
        stamp = self.stamp
        works = (problem.works[work] for work in (end - 1, *range(first, end - 1)))
        for target in (step for work in works for step in work.steps):
            stack = [target]
            while stack:
                number = stack[-1]
                if done[number] == stamp:
                    stack.pop()
                    continue
                if before[number] >= 0 and done[before[number]] != stamp:
                    stack.append(before[number])
                    continue
                for row in steps[number].reads:
                    if made[row] != stamp and last_writers[row] >= first:
                        pending = [one for one in writers[row] if done[one] != stamp and steps[one].work < end]
                        pending = [one for one in pending if steps[one].work >= first]
                        if pending:
                            stack.extend(reversed(pending))
                            break
                        made[row] = stamp
                else:
                    stack.pop()
                    done[number] = stamp
                    yield number


Edges = list[dict[Segment, int]]
"""By cut, the segments that begin there, with their peaks."""


def lowest_peaks(live: Live) -> tuple[int, Edges]:
    """(lowest peak of all cuts, the segments that begin at each cut): the best cut first, as Dijkstra does."""
    count = len(live.problem.works)
    best: list[int | None] = [None] * (count + 1)
    best[0] = live.at_cut[0]
    edges: Edges = [{} for _ in range(count + 1)]
    heap = [(live.at_cut[0], 0)]
    settled = [False] * (count + 1)
    while heap:
        peak, cut = heapq.heappop(heap)
        if settled[cut] or peak > _limit(best):
            continue
        settled[cut] = True
        for segment in _segments(live, cut, count):
            limit = _limit(best)
            if live.at_cut[segment.end] > limit:
                continue
            found = live.run(segment, limit)
            if found is None:
                continue
            edges[cut][segment] = found
            reached, known = max(peak, found), best[segment.end]
            if known is None or reached < known:
                best[segment.end] = reached
                heapq.heappush(heap, (reached, segment.end))
    return _limit(best), edges


def _limit(best: Sequence[int | None]) -> int:
    """The peak of the best way to the end that is known."""
    return NO_LIMIT if best[-1] is None else best[-1]


def _segments(live: Live, cut: int, count: int) -> Sequence[Segment]:
    if cut == count:
        return ()
    works = live.problem.works
    found = [Segment(cut, cut + 1, True)] if works[cut].whole is not None else []
    longest = count if live.simulated < MAX_SIMULATED else min(cut + SHORT, count)
    for end in range(cut + 1, longest + 1):
        if not works[end - 1].steps:
            break
        found.append(Segment(cut, end, False))
    return found


def fewest_steps(problem: Problem, edges: Edges, limit: int) -> tuple[Segment, ...]:
    """Below the limit: least above ROOMY of it, in sum; then least steps by rows; then fewest segments."""
    count = len(problem.works)
    costs: list[tuple[int, int, int] | None] = [None] * (count + 1)
    before: list[Segment | None] = [None] * (count + 1)
    costs[0] = (0, 0, 0)
    for cut in range(count):
        cost = costs[cut]
        if cost is None:
            continue
        for segment, peak in edges[cut].items():
            if peak > limit:
                continue
            steps = 0 if segment.is_whole else sum(len(problem.works[one].steps) for one in range(cut, segment.end))
            reached = (cost[0] + max(peak - int(limit * ROOMY), 0), cost[1] + steps, cost[2] + 1)
            known = costs[segment.end]
            if known is None or reached < known:
                costs[segment.end], before[segment.end] = reached, segment
    path: list[Segment] = []
    while (last := before[path[-1].first if path else count]) is not None:
        path.append(last)
    return tuple(reversed(path))
