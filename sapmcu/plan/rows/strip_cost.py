# SPDX-License-Identifier: Apache-2.0
"""What cascades in strips cost: their works, MACs, and the most bytes that live."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from itertools import pairwise

from sapmcu.plan.rows.again import item_macs
from sapmcu.plan.rows.problem import Item, Problem, Source, make_problem
from sapmcu.plan.rows.schedule import NO_LIMIT, Live, Segment
from sapmcu.plan.rows.store import Store
from sapmcu.plan.rows.strips import Strip, StripWork, strip_macs, strip_spans, strip_works

MAX_STRIPS = 40
Key = tuple[int, int, int, int]
"""first, end, strips, kept_bytes of a segment."""
Cuts = tuple[int, ...]
"""Where the works of a strip are cut: 0, ..., their number."""


def _key(segment: Segment) -> Key:
    return segment.first, segment.end, segment.strips, segment.kept_bytes


@dataclass
class StripCosts:
    """live: of the whole problem. spans, simulated, peaks, cuttable, behind: what is known; above: limits that others
    are above.
    """

    source: Source
    items: tuple[Item, ...]
    live: Live
    spans: dict[Key, list[Strip] | None] = field(default_factory=dict)
    simulated: dict[object, tuple[int, Cuts]] = field(default_factory=dict)
    peaks: dict[Key, int] = field(default_factory=dict)
    above: dict[object, int] = field(default_factory=dict)
    cuttable: dict[tuple[int, int], bool] = field(default_factory=dict)
    behind: dict[int, Mapping[str, Set[int]]] = field(default_factory=dict)

    @property
    def problem(self) -> Problem:
        return self.live.problem

    def kept_stores(self, segment: Segment) -> Set[str]:
        columns = self._columns(segment.first, segment.end)
        return {name for name, size in columns.items() if size <= segment.kept_bytes}

    def kept_choices(self, first: int, end: int) -> tuple[int, ...]:
        """Bytes of a column of the stores inside, from none that is kept to all."""
        return (0, *sorted(set(self._columns(first, end).values())))

    def _columns(self, first: int, end: int) -> dict[str, int]:
        """Of each store that is made inside, and not by the last work, the bytes of a column."""
        forms = [form for work in self.items[first : end - 1] for form in work.forms if form.kernel]
        return {
            form.store: form.rows * form.row_bytes // form.columns.columns for form in forms if form.columns is not None
        }

    def fewest(self, segment: Segment, limit: int, extra_macs: int) -> tuple[Segment, int] | None:
        """(a segment in as few strips as are low enough, its extra MACs). More strips are lower and have more MACs."""
        counts = self.counts(segment.end)
        segments = [replace(segment, strips=count) for count in counts]

        def is_cheap(one: Segment) -> bool:
            macs = self.extra_macs(one)
            return macs is not None and macs <= extra_macs

        cheap = bisect_left(segments, True, key=lambda one: not is_cheap(one))
        if not cheap or self.peak(segments[cheap - 1], limit) > limit:
            return None
        first = bisect_left(segments, True, hi=cheap - 1, key=lambda one: self.peak(one, limit) <= limit)
        macs = self.extra_macs(segments[first])
        assert macs is not None
        return segments[first], macs

    def least_macs(self, segment: Segment) -> int:
        """Extra MACs of the fewest strips; -1 where it can't be cut."""
        counts = self.counts(segment.end)
        macs = self.extra_macs(replace(segment, strips=counts[0])) if counts else None
        return -1 if macs is None else macs

    def counts(self, end: int) -> tuple[int, ...]:
        """In how many strips a cascade up to a work may be: of its result each width once."""
        result = self.items[end - 1].forms[0].columns
        columns = 1 if result is None else result.columns
        widths = range(1, columns // 2 + columns % 2 + 1)
        return tuple(sorted(count for count in {-(-columns // width) for width in widths} if 1 < count <= MAX_STRIPS))

    def extra_macs(self, segment: Segment) -> int | None:
        """None where it can't be cut into so many strips."""
        strips = self._spans(segment)
        if strips is None:
            return None
        works = self.items[segment.first : segment.end]
        return strip_macs([work.forms for work in works], strips) - sum(map(item_macs, works))

    def _spans(self, segment: Segment) -> list[Strip] | None:
        key = _key(segment)
        if key not in self.spans:
            forms = [work.forms for work in self.items[segment.first : segment.end]]
            self.spans[key] = strip_spans(forms, segment.strips, self.kept_stores(segment))
        return self.spans[key]

    def peak(self, segment: Segment, limit: int) -> int:
        """The most bytes that live in any of the strips, with all beside them; NO_LIMIT if above the limit."""
        key = _key(segment)
        if key not in self.peaks and limit > self.above.get(key, -1):
            strips = self._spans(segment)
            assert strips is not None
            peak = self._floor(segment, strips)
            for number in range(len(strips)):
                peak = max(peak, self._strip(segment, strips, number, limit)[0]) if peak <= limit else NO_LIMIT
            if peak <= limit:
                self.peaks[key] = peak
            else:
                self.above[key] = limit
        return self.peaks.get(key, NO_LIMIT)

    def _floor(self, segment: Segment, strips: Sequence[Strip]) -> int:
        """The most that lives at the end of any strip, but for its result."""
        columns = self._columns(segment.first, segment.end)
        left = [sum(columns[name] * (end - first) for name, (first, end) in one.left.items()) for one in strips]
        beside = (self._beside(segment, strips, number) for number in range(1, len(strips)))
        return max(map(sum, zip(left, beside, strict=False)), default=0)

    def expanded(self, segment: Segment) -> list[tuple[tuple[Item, ...], Cuts]]:
        """Of each strip the works, and where they are cut."""
        strips = self._spans(segment)
        assert strips is not None
        found, begun = [], set[int]()
        for number in range(len(strips)):
            works = self._works(segment, strips, number)
            found.append((self._items(segment, works, begun), self._strip(segment, strips, number, NO_LIMIT)[1]))
            begun |= {work.index for work in works}
        return found

    def _works(self, segment: Segment, strips: Sequence[Strip], number: int) -> list[StripWork]:
        forms = [work.forms for work in self.items[segment.first : segment.end]]
        return list(strip_works(forms, strips, number))

    def _items(self, segment: Segment, works: Sequence[StripWork], begun: Set[int]) -> tuple[Item, ...]:
        """Of a strip. begun: the works of strips before, whose ops have run for the first time."""
        items = []
        for work in works:
            item = self.items[segment.first + work.index]
            ops = () if work.is_copy or work.index in begun else item.ops
            items.append(replace(item, ops=ops, forms=work.forms, lowered=None, is_eager=work.is_eager))
        return tuple(items)

    def _strip(self, segment: Segment, strips: Sequence[Strip], number: int, limit: int) -> tuple[int, Cuts]:
        """(peak, the best cuts); NO_LIMIT where it is above the limit.

        Strips of the same sizes need the same beside what lives as they begin.
        """
        works, made = self._works(segment, strips, number), self._made(segment, strips[:number])
        before, is_last = self._before(segment, strips, number), number + 1 == len(strips)
        kept = self._read(segment, strips[number + 1 :])
        sizes = tuple(
            (work.index, form.row_bytes, form.part_bytes, *(reads.row_bytes for reads in form.reads))
            for work in works
            for form in work.forms
        )
        signature = (segment.first, segment.end, bool(made), is_last, frozenset(kept), sizes)
        if signature not in self.simulated and limit - before > self.above.get(signature, -1):
            live = self._live(segment, works, made, kept, is_last=is_last)
            start = live.at_cut[0]
            peak, cuts = _best_cuts(live, _cuts(works, self.kept_stores(segment)), limit - before + start)
            if peak - start <= limit - before:
                self.simulated[signature] = peak - start, cuts
            else:
                self.above[signature] = limit - before
        peak, cuts = self.simulated.get(signature, (NO_LIMIT, ()))
        return peak + before, cuts

    def _made(self, segment: Segment, strips: Sequence[Strip]) -> dict[str, tuple[int, int]]:
        """Of what the last work makes a part of in each strip, (rows that stay, bytes of each after these strips).

        That is its result, or sums, all of them in each strip, from which the last one makes it.
        """
        forms = self.items[segment.end - 1].forms
        made: dict[str, tuple[int, int]] = {}
        for form in forms[:1] if forms[0].is_update else forms:
            ends = [strip.made[form.store][1] for strip in strips if form.store in strip.made]
            if ends:
                columns = None if form.is_update else form.columns
                size = form.row_bytes if columns is None else form.row_bytes // columns.columns * max(ends)
                owner = self._owner(form.store)
                made[owner] = form.rows if form.is_update else len(self._behind(segment)[owner]), size
        return made

    def _read(self, segment: Segment, strips: Sequence[Strip]) -> Set[str]:
        """What strips read."""
        works = self.items[segment.first : segment.end]
        forms = (form for strip in strips for work in works for form in work.forms if form.store in strip.made)
        return {self._owner(reads.store) for form in forms if form.kernel for reads in form.reads}

    def _owner(self, name: str) -> str:
        return self.source.owners.get(name, name)

    def _behind(self, segment: Segment) -> Mapping[str, Set[int]]:
        """Of each store, the rows that live on behind a segment."""
        last_works, end = self.problem.last_works, segment.end
        if end not in self.behind:
            self.behind[end] = {
                store.name: {row for row, number in enumerate(store.numbers()) if last_works[number] >= end}
                for store in self.problem.stores
            }
        return self.behind[end]

    def _beside(self, segment: Segment, strips: Sequence[Strip], number: int) -> int:
        """What lives of all that was there before, but for what only earlier strips read."""
        gone = self._read(segment, strips[:number]) - self._read(segment, strips[number:])
        problem, first, end = self.problem, segment.first, segment.end
        rows = [row for name in gone if name in problem.by_name for row in problem.by_name[name].numbers()]
        dead = [row for row in rows if problem.first_works[row] < first <= problem.last_works[row] < end]
        return self.live.at_cut[first] - sum(problem.row_bytes[row] for row in dead)

    def _before(self, segment: Segment, strips: Sequence[Strip], number: int) -> int:
        """What lives as a strip begins: what was there before, what the strip before has left, parts of the result."""
        columns = self._columns(segment.first, segment.end)
        left = strips[number - 1].left if number else {}
        made = sum(rows * size for rows, size in self._made(segment, strips[:number]).values())
        left_bytes = sum(columns[name] * (end - first) for name, (first, end) in left.items())
        return self._beside(segment, strips, number) + left_bytes + made

    def _live(
        self,
        segment: Segment,
        works: Sequence[StripWork],
        made: Mapping[str, tuple[int, int]],
        kept: Set[str],
        *,
        is_last: bool,
    ) -> Live:
        """One strip. made: what is there of the result. kept: what later strips read."""
        left = {form.store for work in works if work.is_eager for form in work.forms}
        forms, items = self.items[segment.end - 1].forms, self._items(segment, works, set())
        results, sums = {self._owner(form.store) for form in forms}, {self._owner(forms[0].store)}
        part = make_problem(
            self.source, items, kept=left | kept | (sums if forms[0].is_update and not is_last else set())
        )
        first_works, last_works = list(part.first_works), list(part.last_works)
        for store in (store for store in part.stores if store.name in self.problem.by_name):
            there = made.get(store.name, (0, 0))[1] if store.name in results else store.row_bytes
            for number, start in zip(store.numbers(), store.starts(), strict=True):
                row, inside = divmod(start, store.row_bytes)
                if inside < there:
                    first_works[number] = -1  # even of sums, which are written again
                elif not part.writers[number]:
                    last_works[number] = -1  # a later strip makes it
                if (inside < there or part.writers[number]) and self._stays(segment, store, row):
                    last_works[number] = len(part.works)
        return Live(replace(part, first_works=tuple(first_works), last_works=tuple(last_works)))

    def _stays(self, segment: Segment, store: Store, row: int) -> bool:
        """Whether a row lives on behind a segment; any of them where others see other rows of it."""
        behind, known = self._behind(segment)[store.name], self.problem.by_name[store.name]
        return row in behind if (known.rows, known.row_bytes) == (store.rows, store.row_bytes) else bool(behind)

    def can_be_cut(self, first: int, end: int) -> bool:
        """Whether only the last work's result is read behind the works, and nothing is seen by two names inside."""
        if (first, end) not in self.cuttable:
            self.cuttable[first, end] = self._can_be_cut(first, end)
        return self.cuttable[first, end]

    def _can_be_cut(self, first: int, end: int) -> bool:
        owners, problem = self.source.owners, self.problem
        forms = [form for work in self.items[first:end] for form in work.forms]
        inside = {form.store for form in forms}
        if not all(work.forms for work in self.items[first:end]) or not self.items[end - 1].forms[0].kernel:
            return False
        if any(owners.get(one.store, one.store) in inside - {one.store} for form in forms for one in form.reads):
            return False
        last = {form.store for form in self.items[end - 1].forms}
        rows = (row for name in inside - last for row in problem.by_name[owners.get(name, name)].numbers())
        return all(problem.last_works[row] < end for row in rows)


def _cuts(works: Sequence[StripWork], kept: Set[str]) -> Cuts:
    """Behind each store whose columns are kept."""
    inner = [
        index + 1
        for index, (work, behind) in enumerate(pairwise(works))
        if work.index != behind.index and work.made in kept
    ]
    return (0, *inner, len(works))


def _best_cuts(live: Live, cuts: Cuts, limit: int) -> tuple[int, Cuts]:
    """(least peak, cuts that have it): some of these. NO_LIMIT where it is above the limit."""
    best: list[tuple[int, Cuts]] = [(0, (0,))]
    for end in cuts[1:]:
        least: tuple[int, Cuts] = (NO_LIMIT, ())
        for peak, before in best:
            highest = min(limit, least[0] - 1)
            found = live.rows(Segment(before[-1], end, False), highest) if peak <= highest else None
            if found is not None:
                least = max(found, peak), (*before, end)
        best.append(least)
    return best[-1]
