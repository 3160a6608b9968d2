# SPDX-License-Identifier: Apache-2.0
"""The search among plans: cuts, strips and what is computed twice, under a limit on MACs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from sapmcu.plan.rows.again import item_macs, with_copies
from sapmcu.plan.rows.problem import Item, Problem, Source, make_problem
from sapmcu.plan.rows.schedule import NO_LIMIT, Edges, Live, Segment, fewest_steps, lowest_peaks, row_segments
from sapmcu.plan.rows.strips import in_strips

STRIPS = (2, 3, 4, 5, 6, 8, 10, 12, 16)
MAX_STRIP_WORKS = 40
"""Works that one cascade in strips may have: the columns at borders grow with each window."""
MAX_HALVINGS = 12


@dataclass(frozen=True, slots=True)
class Choice:
    """What to run: works, and which of them go together."""

    items: tuple[Item, ...]
    segments: tuple[Segment, ...]


MAX_COPIES = 2
"""Tensors that are computed twice."""


def choices(source: Source, items: tuple[Item, ...], extra_macs: int, sram_limit: int | None) -> Iterator[Choice]:
    """The last has the lowest peak for at most so many MACs above those of the graph.

    With a limit, before it come plans with fewer MACs, and with fewer steps by rows, whose peak is below the limit.
    """
    search = _Search(source, items, extra_macs)
    if not items:
        yield Choice((), ())
        return
    best, edges = lowest_peaks(search.live)
    if sram_limit is not None and best <= sram_limit:
        with_singles = [dict(one) for one in edges]
        for cut in range(len(items)):
            with_singles[cut] |= search.singles(cut)
        for limit in (sram_limit, (sram_limit + best) // 2):
            yield Choice(items, fewest_steps(search.problem, with_singles, limit))
    yield Choice(items, fewest_steps(search.problem, edges, best))
    if extra_macs <= 0:
        return
    search, edges, best, left = _with_copies(search, best, edges, extra_macs, {})
    if sram_limit is not None:
        for share in ROOM:
            path = search.best_path(edges, int(sram_limit * share), left)
            if path is not None:
                yield search.expanded(path)
    yield _in_strips(search, edges, best, left)


def front_choices(source: Source, items: tuple[Item, ...], limits: Sequence[int]) -> Iterator[Choice]:
    """For each limit on extra MACs, the lowest first, the choice of the lowest peak, where it is another one than for
    the limit before. What the search has found out for one limit it knows for all.
    """
    if not items:
        yield Choice((), ())
        return
    search = _Search(source, items, max(limits))
    best, edges = lowest_peaks(search.live)
    known: dict[object, tuple[_Search, int, Edges]] = {}
    before: Choice | None = None
    for limit in limits:
        choice = Choice(items, fewest_steps(search.problem, edges, best))
        if limit > 0:
            choice = _in_strips(*_with_copies(search, best, edges, limit, known))
        if choice != before:
            yield choice
        before = choice


ROOM = (1.0, 0.97, 0.93, 0.88)
"""Peaks, as shares of the limit, that are tried: rows between rows need room, too."""


def _with_copies(
    search: _Search, best: int, edges: Edges, extra_macs: int, known: dict[object, tuple[_Search, int, Edges]]
) -> tuple[_Search, Edges, int, int]:
    """(search, its segments, lowest peak, MACs that are left) with what is worth computing twice.

    known: searches among works with copies; new ones are added.
    """
    for _ in range(MAX_COPIES):
        tried = [(search, best, edges)]
        for copied in with_copies(search.source, search.items, search.problem, best, extra_macs):
            names = tuple((form.store, *(reads.store for reads in form.reads)) for one in copied for form in one.forms)
            if names not in known:
                other = _Search(search.source, copied, search.extra_macs)
                known[names] = (other, *lowest_peaks(other.live))
            tried.append(known[names])
        lowest = min(tried, key=lambda one: one[1])
        if lowest[0] is search:
            break
        extra_macs -= sum(map(item_macs, lowest[0].items)) - sum(map(item_macs, search.items))
        search, best, edges = lowest
    return search, edges, best, extra_macs


def _in_strips(search: _Search, edges: Edges, best: int, extra_macs: int) -> Choice:
    """Below the best peak without strips, if some do."""
    low, high = 0, best
    found = Choice(search.items, fewest_steps(search.problem, edges, best))
    for _ in range(MAX_HALVINGS):
        if high - low <= high // 200:
            break
        limit = (low + high) // 2
        path = search.best_path(edges, limit, extra_macs)
        if path is None:
            low = limit
        else:
            high, found = limit, search.expanded(path)
    return found


def _row_bytes(item: Item) -> int:
    return sum(form.row_bytes for form in item.forms)


@dataclass
class _Search:
    """plain: peaks of segments without strips. above: limits that the peaks of others are above. known: (peak, extra
    MACs) of segments in strips, those in `exact` by all strips; cuttable: the works that can be in strips.
    """

    source: Source
    items: tuple[Item, ...]
    extra_macs: int
    problem: Problem = field(init=False)
    live: Live = field(init=False)
    plain: dict[Segment, int] = field(default_factory=dict)
    above: dict[Segment, int] = field(default_factory=dict)
    known: dict[Segment, tuple[int, int] | None] = field(default_factory=dict)
    exact: set[Segment] = field(default_factory=set)
    cuttable: dict[tuple[int, int], bool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.problem = make_problem(self.source, self.items)
        self.live = Live(self.problem)

    def best_path(self, edges: Edges, limit: int, extra_macs: int) -> tuple[Segment, ...] | None:
        """As cheapest, with exact peaks of all that is in strips."""
        while True:
            path = self.cheapest(edges, limit, extra_macs)
            unsure = [one for one in path or () if one.strips > 1 and one not in self.exact]
            if not unsure:
                return path
            for segment in unsure:
                self.known[segment] = self.strips_cost(segment, is_exact=True)
                self.exact.add(segment)

    def cheapest(self, edges: Sequence[dict[Segment, int]], limit: int, extra_macs: int) -> tuple[Segment, ...] | None:
        """Segments below the limit with the least extra MACs, then least steps; None where they are too many."""
        count = len(self.items)
        costs: list[tuple[int, int] | None] = [None] * (count + 1)
        before: list[Segment | None] = [None] * (count + 1)
        costs[0] = (0, 0)
        for cut in range(count):
            cost = costs[cut]
            if cost is None or self.live.at_cut[cut] > limit:
                continue
            for segment, macs in self.segments(edges, cut, limit, extra_macs - cost[0]):
                reached = (cost[0] + macs, cost[1] + self.steps(segment))
                known = costs[segment.end]
                if reached[0] <= extra_macs and (known is None or reached < known):
                    costs[segment.end], before[segment.end] = reached, segment
        if costs[count] is None:
            return None
        path: list[Segment] = []
        while (last := before[path[-1].first if path else count]) is not None:
            path.append(last)
        return tuple(reversed(path))

    def singles(self, cut: int) -> dict[Segment, int]:
        """The op at a cut by itself: whole, and by rows."""
        segments = (Segment(cut, cut + 1, is_whole) for is_whole in (True, False))
        return {one: peak for one in segments if (peak := self.plain_peak([{}] * (cut + 1), one)) < NO_LIMIT}

    def steps(self, segment: Segment) -> int:
        if segment.is_whole:
            return 0
        return segment.strips * sum(len(self.problem.works[one].steps) for one in range(segment.first, segment.end))

    def segments(
        self, edges: Sequence[dict[Segment, int]], cut: int, limit: int, extra_macs: int
    ) -> Iterator[tuple[Segment, int]]:
        """(segment, its extra MACs): plain ones, and in strips those that are too high without."""
        for end in range(cut + 1, len(self.items) + 1):
            if self.live.at_cut[end] > limit:
                continue
            plain = [Segment(cut, end, True), *row_segments(self.live, cut, end)]
            below = [one for one in plain if self.plain_peak(edges, one, limit) <= limit]
            yield from ((one, 0) for one in below)
            if below or end - cut > MAX_STRIP_WORKS or not self.can_be_cut(cut, end):
                continue
            for strips in STRIPS:
                segment = Segment(cut, end, False, strips)
                found = self.in_strips(segment)
                if found is None or found[1] > extra_macs:
                    break
                if found[0] <= limit:
                    yield segment, found[1]
                    break

    def plain_peak(self, edges: Sequence[dict[Segment, int]], segment: Segment, limit: int = NO_LIMIT) -> int:
        """NO_LIMIT where there is no such segment; any number above the limit where it is above."""
        if segment in edges[segment.first]:
            return edges[segment.first][segment]
        if self.plain.get(segment, -1) < 0 <= limit - self.above.get(segment, -1) - 1:
            works = self.problem.works[segment.first : segment.end]
            is_possible = works[0].whole is not None if segment.is_whole else all(one.steps for one in works)
            is_possible = is_possible and (not segment.is_whole or segment.end == segment.first + 1)
            peak = self.live.run(segment, limit) if is_possible else NO_LIMIT
            if peak is None:
                self.above[segment] = limit
            else:
                self.plain[segment] = peak
        return self.plain.get(segment, NO_LIMIT)

    def in_strips(self, segment: Segment) -> tuple[int, int] | None:
        """(peak, extra MACs); None where it can't be cut into so many strips."""
        if segment not in self.known:
            self.known[segment] = self.strips_cost(segment)
        return self.known[segment]

    def strips_cost(self, segment: Segment, *, is_exact: bool = False) -> tuple[int, int] | None:
        """A first estimate looks at the first, the widest and the last strip alone."""
        works = self.items[segment.first : segment.end]
        strips = self.strip_items(segment)
        if strips is None:
            return None
        macs = sum(map(item_macs, (item for strip in strips for item in strip))) - sum(map(item_macs, works))
        if macs > self.extra_macs:
            return NO_LIMIT, macs
        first, end, problem = segment.first, segment.end, self.problem
        kept = {
            store.name for store in problem.stores if max(problem.last_works[row] for row in store.numbers()) >= end
        }
        widest = max(range(len(strips)), key=lambda number: sum(map(_row_bytes, strips[number])))
        shown = strips if is_exact else [strips[number] for number in sorted({0, widest, len(strips) - 1})]
        part = make_problem(self.source, [item for strip in shown for item in strip], kept=kept)
        live = Live(part)
        beside = self.live.at_cut[first] - live.at_cut[0]
        peaks = [
            live.run(Segment(number, number + len(works), False), NO_LIMIT) or 0
            for number in range(0, len(part.works), len(works))
        ]
        return max(peaks) + beside, macs

    def strip_items(self, segment: Segment) -> list[tuple[Item, ...]] | None:
        """The works once for each strip."""
        works = self.items[segment.first : segment.end]
        strips = in_strips([work.forms for work in works], segment.strips)
        if strips is None:
            return None
        return [
            tuple(
                replace(work, ops=work.ops if number == 0 else (), forms=forms, lowered=None)
                for work, forms in zip(works, strip, strict=True)
            )
            for number, strip in enumerate(strips)
        ]

    def can_be_cut(self, first: int, end: int) -> bool:
        """Whether only the last work's result is read behind the works, and nothing is seen by two names inside."""
        if (first, end) not in self.cuttable:
            self.cuttable[first, end] = self._can_be_cut(first, end)
        return self.cuttable[first, end]

    def _can_be_cut(self, first: int, end: int) -> bool:
        owners, problem = self.source.owners, self.problem
        forms = [form for work in self.items[first:end] for form in work.forms]
        inside = {form.store for form in forms}
        if not all(work.forms for work in self.items[first:end]):
            return False
        if any(owners.get(one.store, one.store) in inside - {one.store} for form in forms for one in form.reads):
            return False
        last = {form.store for form in self.items[end - 1].forms}
        rows = (row for name in inside - last for row in problem.by_name[owners.get(name, name)].numbers())
        return all(problem.last_works[row] < end for row in rows)

    def expanded(self, path: Sequence[Segment]) -> Choice:
        """The works as they run: those in strips once for each."""
        items: list[Item] = []
        segments: list[Segment] = []
        for segment in path:
            works = self.items[segment.first : segment.end]
            strips = [works] if segment.strips == 1 else self.strip_items(segment)
            assert strips is not None
            for number, strip in enumerate(strips):
                first = len(items)
                items += strip
                segments.append(replace(segment, first=first, end=len(items), strips=1, is_next_strip=number > 0))
        return Choice(tuple(items), tuple(segments))
