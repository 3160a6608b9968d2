# SPDX-License-Identifier: Apache-2.0
"""The order of steps: where to cut the ops into cascades, and each cascade's steps on demand."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, replace

from sapmcu.plan.rows.problem import Problem, RowStep, Work

NO_LIMIT = 1 << 62
MAX_SIMULATED = 1_000_000
"""Steps; once so many have been simulated (tens of seconds), longer segments than SHORT are no longer tried."""
SHORT = 6
ROOMY = 0.85
"""Segments up to this share of the peak leave room enough to place their rows below it."""


@dataclass(frozen=True, slots=True)
class Segment:
    """Works first..end−1: as a cascade, or one whole op. strips: in which it is computed one after the other.

    kept_bytes: of stores with at most so many bytes a column, strips keep some for the next one. is_next_strip: it
    goes on with the cascade before it. is_abreast: all results that nothing inside reads grow together, each by its
    share; else the last work's comes first, and what the others still lack behind it.
    """

    first: int
    end: int
    is_whole: bool
    strips: int = 1
    is_next_strip: bool = False
    is_abreast: bool = False
    kept_bytes: int = 0


class Live:
    """Live bytes while steps run. Scratch arrays are kept from one simulation to the next: there are thousands."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.made = [0] * len(problem.row_bytes)
        self.done = [0] * len(problem.steps)
        self.stamp = 0
        self.simulated = 0
        self.reads_of = [step.reads for step in problem.steps]
        self.rows_of = [(*step.reads, *step.writes) for step in problem.steps]
        self.born = [0] * len(problem.row_bytes)
        self.left = [0] * len(problem.row_bytes)
        self.touches: list[list[tuple[int, int]]] = []  # of each row: (work, its steps that read it or write it)
        for readers, writers in zip(problem.readers, problem.writers, strict=True):
            count = dict(readers)
            for writer in writers:
                work = problem.steps[writer].work
                count[work] = count.get(work, 0) + 1
            self.touches.append(list(count.items()))
        self.total = [sum(count for _, count in touches) for touches in self.touches]
        self.work_of = [step.work for step in problem.steps]
        self.eager = {
            row: number
            for work in problem.works
            for number in (work.steps if work.is_eager else ())
            for row in problem.steps[number].reads
        }
        works = len(problem.works)
        self.at_cut = [0] * (works + 1)
        for row, size in enumerate(problem.row_bytes):
            first, last = problem.first_works[row], problem.last_works[row]
            for cut in range(first + 1, min(last, works) + 1):
                self.at_cut[cut] += size
        self.next_reader = [works] * works
        for row, readers in enumerate(problem.readers):
            for writer in {problem.steps[number].work for number in problem.writers[row]}:
                behind = (work for work, _ in readers if work > writer)
                self.next_reader[writer] = min((self.next_reader[writer], *behind))

    def floor(self) -> int:
        """What no order of steps stays below: the most that any work needs for a step of its own."""
        return max((min(self.least(work)) for work in self.problem.works), default=0)

    def least(self, work: Work) -> Iterator[int]:
        """Bytes of its largest step by rows, and as a whole op."""
        for numbers in (work.steps, () if work.whole is None else (work.whole,)):
            if numbers:
                yield max(self.bytes_of(self.problem.steps[number]) for number in numbers)

    def bytes_of(self, step: RowStep) -> int:
        over = {target for target, _ in step.over}
        rows = {*step.reads, *step.writes} - over
        return step.scratch_bytes + sum(self.problem.row_bytes[row] for row in rows)

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

    def rows(self, segment: Segment, limit: int, order: list[int] | None = None) -> int | None:
        problem, first, end = self.problem, segment.first, segment.end
        sizes, last_works, first_works = problem.row_bytes, problem.last_works, problem.first_works
        live = peak = self.at_cut[first]
        left = self.left  # touches of a row that are to come
        total, touches = self.total, self.touches
        born, stamp, simulated = self.born, self.stamp + 1, 0
        for number in self.on_demand(segment):
            if order is not None:
                order.append(number)
            step, touched = problem.steps[number], self.rows_of[number]
            shared = 0  # bytes of new rows that lie on rows that die
            for row in touched:
                if born[row] == stamp:
                    continue
                born[row] = stamp
                if first <= first_works[row] and last_works[row] < end:
                    left[row] = total[row]
                else:
                    left[row] = sum([count for work, count in touches[row] if first <= work < end])
                if first_works[row] >= first:  # else it lives already
                    live += sizes[row]
                    for target, source in step.over:
                        if target == row and left[source] == 1 and last_works[source] < end:
                            shared += sizes[row]
                            break
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

    def ends(self, first: int, end: int) -> list[int]:
        """The works among first..end−1 whose results none of these reads; the last is one of them."""
        return [work for work in range(first, end) if self.next_reader[work] >= end]

    def targets(self, segment: Segment) -> Iterator[int]:
        """All steps, those of the results first."""
        works, first, end = self.problem.works, segment.first, segment.end
        if segment.is_abreast:
            steps = [works[work].steps for work in self.ends(first, end)]
            shares = [
                ((index + 1) / len(one), -nth, index) for nth, one in enumerate(steps) for index in range(len(one))
            ]
            yield from (steps[-nth][index] for _, nth, index in sorted(shares))
        for work in (end - 1, *range(first, end - 1)):
            yield from works[work].steps

    def on_demand(self, segment: Segment) -> Iterator[int]:
        """The steps: for each of the results', before it those that write what it reads; then what is left."""
        problem, made, done, first, end = self.problem, self.made, self.done, segment.first, segment.end
        before, writers, last_writers, work_of = problem.before, problem.writers, problem.last_writers, self.work_of
        reads_of = self.reads_of
        self.stamp += 1
        stamp = self.stamp
        for target in self.targets(segment):
            stack = [target]
            while stack:
                number = stack[-1]
                if done[number] == stamp:
                    stack.pop()
                    continue
                if before[number] >= 0 and done[before[number]] != stamp:
                    stack.append(before[number])
                    continue
                for row in reads_of[number]:
                    if made[row] != stamp and last_writers[row] >= first:
                        pending = [one for one in writers[row] if done[one] != stamp and first <= work_of[one] < end]
                        if pending:
                            stack.extend(reversed(pending))
                            break
                        made[row] = stamp
                else:
                    stack.pop()
                    done[number] = stamp
                    yield number
                    if self.eager:
                        yield from self.eager_steps(number, segment)

    def eager_steps(self, number: int, segment: Segment) -> Iterator[int]:
        """What waits for a row that step `number` has completed."""
        problem, done, stamp = self.problem, self.done, self.stamp
        for row in problem.steps[number].writes:
            eager = self.eager.get(row, -1)
            is_here = eager >= 0 and segment.first <= problem.steps[eager].work < segment.end
            if is_here and done[eager] != stamp and all(done[one] == stamp for one in problem.writers[row]):
                done[eager] = stamp
                yield eager


Edges = list[dict[Segment, int]]
"""By cut, the segments that begin there, with their peaks."""


def lowest_peaks(live: Live) -> tuple[int, Edges]:
    """(lowest peak of all cuts, the segments that begin at each cut): the best cut first, as Dijkstra does.

    Segments are simulated when their turn comes, short ones first and up to a limit a little above what is known to be
    needed; so most of the long ones end early, and those to cuts that are reached already aren't needed.
    """
    count, floor = len(live.problem.works), live.floor()
    edges: Edges = [{} for _ in range(count + 1)]
    reached: list[int | None] = [None] * (count + 1)
    heap: list[tuple[int, int, int, int, Segment | None]] = [(max(live.at_cut[0], floor), 0, 0, 0, None)]
    while (peak := reached[count]) is None:
        key, length, cut, variant, segment = heapq.heappop(heap)
        if segment is None:
            if reached[cut] is None:
                reached[cut] = key
                for nth, one in enumerate(_segments(live, cut)):
                    heapq.heappush(heap, (max(key, live.at_cut[one.end]), one.end - cut, cut, nth, one))
        elif reached[segment.end] is None and (length <= SHORT or live.simulated < MAX_SIMULATED):
            limit = key + key // 8
            found = live.run(segment, limit)
            if found is None:
                heapq.heappush(heap, (limit + 1, length, cut, variant, segment))
            else:
                edges[cut][segment] = found
                heapq.heappush(heap, (max(reached[cut] or 0, found, live.at_cut[segment.end]), 0, segment.end, 0, None))
    _add_others(live, edges, peak)
    return peak, edges


def _add_others(live: Live, edges: Edges, limit: int) -> None:
    """The other segments below a limit, short ones first, as many as may be simulated."""
    count = len(live.problem.works)
    waiting = [list(reversed(_segments(live, cut))) for cut in range(count)]
    for length in range(1, count + 1):
        for cut in range(count - length + 1):
            while waiting[cut] and waiting[cut][-1].end == cut + length:
                segment = waiting[cut].pop()
                is_high = max(live.at_cut[cut], live.at_cut[segment.end]) > limit
                if is_high or segment in edges[cut] or (length > SHORT and live.simulated >= MAX_SIMULATED):
                    continue
                found = live.run(segment, limit)
                if found is not None:
                    edges[cut][segment] = found


def _segments(live: Live, cut: int) -> list[Segment]:
    """That begin at a cut, short ones first."""
    works = live.problem.works
    if cut == len(works):
        return []
    found = [Segment(cut, cut + 1, True)] if works[cut].whole is not None else []
    for end in range(cut + 1, len(works) + 1):
        if not works[end - 1].steps:
            break
        found += row_segments(live, cut, end)
    return found


def row_segments(live: Live, cut: int, end: int) -> list[Segment]:
    """By rows, in all orders."""
    one = Segment(cut, end, False)
    return [one, replace(one, is_abreast=True)] if len(live.ends(cut, end)) > 1 else [one]


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
