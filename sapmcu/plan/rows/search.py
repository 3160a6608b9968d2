# SPDX-License-Identifier: Apache-2.0
"""The search among plans: cuts, strips and what is computed twice, under a limit on MACs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from sapmcu.plan.rows.again import item_macs, with_copies
from sapmcu.plan.rows.problem import Item, Problem, Source, make_problem
from sapmcu.plan.rows.schedule import NO_LIMIT, Edges, Live, Segment, fewest_steps, lowest_peaks, row_segments
from sapmcu.plan.rows.strip_cost import StripCosts

MAX_STRIP_WORKS = 40
"""Works that one cascade in strips may have: the columns at borders grow with each window."""
MAX_HALVINGS = 12
WORTH_STRIPS = 0.9
"""What peaks in strips must stay below, as a share of the lowest one without: tables of strips are large."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What to run: works, and which of them go together. peak_bytes: no places need less."""

    items: tuple[Item, ...]
    segments: tuple[Segment, ...]
    peak_bytes: int


MAX_COPIES = 2
"""Tensors that are computed twice."""
ROOM = (1.0, 0.97, 0.93, 0.88)
"""Peaks, as shares of the limit, that are tried: rows between rows need room, too."""


def choices(source: Source, items: tuple[Item, ...], extra_macs: int, sram_limit: int | None) -> Iterator[Choice]:
    """For at most so many MACs above those of the graph; the first has the lowest peak, the second no strips.

    With a limit the last one has it. Before it come plans with fewer MACs, and with fewer steps by rows, whose peak is
    below the limit.
    """
    if not items:
        yield Choice((), (), 0)
        return
    search = Search(source, items, extra_macs)
    if sram_limit is not None:
        yield from search.plain_below(sram_limit)
        yield search.plain()
    wider, left = search.with_copies(extra_macs, {})
    if sram_limit is not None:
        for share in ROOM:
            path = wider.cheapest(int(sram_limit * share), left)
            if path is not None:
                yield wider.expanded(path)
    lowest, plain = wider.lowest(left), search.plain()
    yield lowest
    if sram_limit is None and lowest != plain:
        yield plain


def front_choices(source: Source, items: tuple[Item, ...], limits: Sequence[int]) -> Iterator[Choice]:
    """For each limit on extra MACs, the lowest first, the choice of the lowest peak, where it is another one than for
    the limit before; the second has no strips. What the search has found out for one limit it knows for all.
    """
    if not items:
        yield Choice((), (), 0)
        return
    search = Search(source, items, max(limits))
    known: dict[object, Search] = {}
    before: Choice | None = None
    for limit in limits:
        wider, left = search.with_copies(limit, known)
        choice = wider.lowest(left)
        if choice != before:
            yield choice
        if before is None and choice != search.plain():
            yield search.plain()
        before = choice


@dataclass
class Search:
    """best: lowest peak without strips, of segments with the peaks `edges`. known: peaks of other segments; above:
    limits that the peaks of others are above. extra_macs: that any path may have.
    """

    source: Source
    items: tuple[Item, ...]
    extra_macs: int
    problem: Problem = field(init=False)
    live: Live = field(init=False)
    strips: StripCosts = field(init=False)
    best: int = field(init=False)
    edges: Edges = field(init=False)
    known: dict[Segment, int] = field(default_factory=dict)
    above: dict[Segment, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.problem = make_problem(self.source, self.items)
        self.live = Live(self.problem)
        self.strips = StripCosts(self.source, self.items, self.live)
        self.best, self.edges = lowest_peaks(self.live)

    def with_copies(self, extra_macs: int, known: dict[object, Search]) -> tuple[Search, int]:
        """(search, MACs that are left) with what is worth computing twice.

        known: searches among works with copies; new ones are added.
        """
        search, left = self, extra_macs
        for _ in range(MAX_COPIES if left > 0 else 0):
            tried = [search]
            for copied in with_copies(search.source, search.items, search.problem, search.best, left):
                forms = [form for one in copied for form in one.forms]
                names = tuple((form.store, *(reads.store for reads in form.reads)) for form in forms)
                if names not in known:
                    known[names] = Search(search.source, copied, search.extra_macs)
                tried.append(known[names])
            lowest = min(tried, key=lambda one: one.best)
            if lowest is search:
                break
            left -= sum(map(item_macs, lowest.items)) - sum(map(item_macs, search.items))
            search = lowest
        return search, left

    def plain(self) -> Choice:
        """The lowest peak without strips."""
        return Choice(self.items, fewest_steps(self.problem, self.edges, self.best), self.best)

    def plain_below(self, limit: int) -> Iterator[Choice]:
        """As few steps by rows as are below a limit, and then with more room."""
        if self.best > limit:
            return
        with_singles = [dict(one) for one in self.edges]
        for cut in range(len(self.items)):
            with_singles[cut] |= self.singles(cut)
        for peak in (limit, (limit + self.best) // 2):
            yield Choice(self.items, fewest_steps(self.problem, with_singles, peak), self.best)

    def lowest(self, extra_macs: int) -> Choice:
        """In strips, if they save enough."""
        low, high, found = 0, self.best, self.plain()
        for halving in range(MAX_HALVINGS):
            limit = (low + high) // 2 if halving else int(high * WORTH_STRIPS)
            if high - low <= high // 200:
                break
            path = self.cheapest(limit, extra_macs)
            if path is None:
                low = limit if halving else high
            else:
                found = self.expanded(path)
                high = found.peak_bytes
        return found

    def cheapest(self, limit: int, extra_macs: int) -> tuple[Segment, ...] | None:
        """Segments below the limit with the least extra MACs, then least steps; None where they are too many.

        Without extra MACs no input comes more than once.
        """
        once = (
            0 if extra_macs > 0 else max((1 + index for index, one in enumerate(self.items) if one.op < 0), default=0)
        )
        count, at_cut = len(self.items), self.live.at_cut
        costs: list[tuple[int, int] | None] = [None] * (count + 1)
        before: list[Segment | None] = [None] * (count + 1)
        costs[0] = (0, 0)
        for end in (end for end in range(1, count + 1) if at_cut[end] <= limit):
            for cut in (cut for cut in range(end - 1, -1, -1) if at_cut[cut] <= limit):
                cost, known = costs[cut], costs[end]
                if cost is None:
                    continue
                room = min(extra_macs, extra_macs if known is None else known[0] - 1) - cost[0]
                for segment, macs in self.segments(cut, end, limit, room if cut >= once else -1):
                    reached = (cost[0] + macs, cost[1] + self.steps(segment))
                    known = costs[end]
                    if known is None or reached < known:
                        costs[end], before[end] = reached, segment
        if costs[count] is None:
            return None
        path: list[Segment] = []
        while (last := before[path[-1].first if path else count]) is not None:
            path.append(last)
        return tuple(reversed(path))

    def singles(self, cut: int) -> dict[Segment, int]:
        """The op at a cut by itself: whole, and by rows."""
        segments = (Segment(cut, cut + 1, is_whole) for is_whole in (True, False))
        return {one: peak for one in segments if (peak := self.plain_peak(one)) < NO_LIMIT}

    def steps(self, segment: Segment) -> int:
        if segment.is_whole:
            return 0
        return segment.strips * sum(len(self.problem.works[one].steps) for one in range(segment.first, segment.end))

    def segments(self, cut: int, end: int, limit: int, extra_macs: int) -> Iterator[tuple[Segment, int]]:
        """(segment, its extra MACs) from a cut to another: plain ones, and in strips where those are too high.

        extra_macs: -1 for none in strips.
        """
        plain = [Segment(cut, end, True), *row_segments(self.live, cut, end)]
        below = [one for one in plain if self.plain_peak(one, limit) <= limit]
        yield from ((one, 0) for one in below)
        at_cut = self.live.at_cut
        is_narrow = at_cut[cut] <= at_cut[cut + 1] and at_cut[end - 1] >= at_cut[end]  # others aren't worth a try
        is_sought = not below and extra_macs >= 0 and end - cut <= MAX_STRIP_WORKS
        if is_narrow and is_sought and self.strips.can_be_cut(cut, end):
            yield from self.in_strips(cut, end, limit, extra_macs)

    def in_strips(self, cut: int, end: int, limit: int, extra_macs: int) -> Iterator[tuple[Segment, int]]:
        """The segment with the least extra MACs of those that are low enough, if there is one.

        The fewer columns are kept, the more MACs even the fewest strips take.
        """
        least: tuple[Segment, int] | None = None
        for kept_bytes in reversed(self.strips.kept_choices(cut, end)):
            one = Segment(cut, end, False, kept_bytes=kept_bytes)
            room = extra_macs if least is None else least[1] - 1
            if self.strips.least_macs(one) > room:
                break
            least = self.strips.fewest(one, limit, room) or least
        if least is not None:
            yield least

    def plain_peak(self, segment: Segment, limit: int = NO_LIMIT) -> int:
        """NO_LIMIT where there is no such segment; any number above the limit where it is above."""
        if segment in self.edges[segment.first]:
            return self.edges[segment.first][segment]
        if self.known.get(segment, -1) < 0 <= limit - self.above.get(segment, -1) - 1:
            works = self.problem.works[segment.first : segment.end]
            is_possible = works[0].whole is not None if segment.is_whole else all(one.steps for one in works)
            is_possible = is_possible and (not segment.is_whole or segment.end == segment.first + 1)
            peak = self.live.run(segment, limit) if is_possible else NO_LIMIT
            if peak is None:
                self.above[segment] = limit
            else:
                self.known[segment] = peak
        return self.known.get(segment, NO_LIMIT)

    def peak(self, segment: Segment) -> int:
        return self.strips.peak(segment, NO_LIMIT) if segment.strips > 1 else self.plain_peak(segment)

    def expanded(self, path: Sequence[Segment]) -> Choice:
        """The works as they run: those in strips once for each."""
        items: list[Item] = []
        segments: list[Segment] = []
        for segment in path:
            works = self.items[segment.first : segment.end]
            strips = [(works, (0, len(works)))] if segment.strips == 1 else self.strips.expanded(segment)
            for number, (strip, cuts) in enumerate(strips):
                for before, end in pairwise(cuts):
                    part = replace(segment, first=len(items) + before, end=len(items) + end, strips=1, kept_bytes=0)
                    segments.append(replace(part, is_next_strip=number > 0 or before > 0))
                items += strip
        return Choice(tuple(items), tuple(segments), max(map(self.peak, path), default=0))
