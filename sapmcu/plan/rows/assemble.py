# SPDX-License-Identifier: Apache-2.0
"""From an order of steps to blocks: rows with live ranges, and which of them lie at fixed distances."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace

from sapmcu.plan.rows.first_fit import Block, Part
from sapmcu.plan.rows.problem import Problem

SCRATCH_ALIGNMENT = 8
ALL_STEPS = -1
"""In place of a step's number."""


@dataclass(frozen=True, slots=True)
class Ranges:
    """first, last: by row, the place in the order of the step that first writes it and of the last that touches it; −1
    for rows that no step touches. over: the row whose place another takes over, by the other.
    """

    first: tuple[int, ...]
    last: tuple[int, ...]
    over: Mapping[int, int]

    def are_apart(self, one: int, other: int) -> bool:
        return self.first[one] > self.last[other] or self.first[other] > self.last[one]


@dataclass(frozen=True, slots=True)
class Blocks:
    """place: (block, offset in it) of each row. scratch: the block of each form that has some, (work, number,
    ALL_STEPS), or of each of its steps.
    """

    blocks: tuple[Block, ...]
    place: tuple[tuple[int, int], ...]
    scratch: Mapping[tuple[int, int, int], int]


def live_ranges(problem: Problem, order: Sequence[int]) -> Ranges:
    """Rows of the graph's inputs that come whole live from the start, those of its outputs to the end."""
    first, last = [-1] * len(problem.row_bytes), [-1] * len(problem.row_bytes)
    for row, work in enumerate(problem.first_works):
        if work < 0:
            first[row] = last[row] = 0
    for time, number in enumerate(order):
        step = problem.steps[number]
        for row in step.writes:
            first[row] = time if first[row] < 0 else first[row]
            last[row] = time
        for row in step.reads:
            last[row] = time
    for store in problem.stores:
        if store.is_kept:
            for row in store.numbers():
                last[row] = len(order)  # behind the last step: nothing may lie over it
    over: dict[int, int] = {}
    taken: set[int] = set()
    for time, number in enumerate(order):
        for target, source in problem.steps[number].over:
            if first[target] == time == last[source] and source not in taken and target not in over:
                over[target] = source
                taken.add(source)
    return Ranges(tuple(first), tuple(last), over)


def make_blocks(
    problem: Problem,
    order: Sequence[int],
    together: Set[str],
    alignments: Mapping[str, int],
    *,
    free_scratch_bytes: int | None = None,
) -> tuple[Blocks, Ranges]:
    """together: the stores whose rows lie one behind the other. alignments: of each store. free_scratch_bytes: where
    scratch is so much, each step of its form may have it elsewhere.
    """
    ranges = live_ranges(problem, order)
    groups = _Groups(problem, ranges)
    for store in problem.stores:
        if store.name in together:
            for row, start in zip(store.numbers(), store.starts(), strict=True):
                groups.join(row, store.first, start)
        elif len(store.edges) > 1:
            for row in store.row_numbers():
                for piece, edge in enumerate(store.edges):
                    groups.join(row + piece, row, edge)
    for row, source in ranges.over.items():
        groups.lay_over(row, source)
    owners = [store for store in problem.stores for _ in store.numbers()]
    blocks: list[Block] = []
    place = [(-1, 0)] * len(owners)
    for rows in groups.members.values():
        alive = [row for row in rows if ranges.first[row] >= 0]
        if not alive:
            continue
        low = min(groups.offset[row] for row in rows)
        for row in rows:
            place[row] = (len(blocks), groups.offset[row] - low)
        parts = [Part(place[row][1], problem.row_bytes[row], ranges.first[row], ranges.last[row]) for row in alive]
        blocks.append(Block(_merged(parts), max(alignments[owners[row].name] for row in rows)))
    scratch = {}
    for key, parts in _scratch_parts(problem, order, free_scratch_bytes).items():
        scratch[key] = len(blocks)
        blocks.append(Block(tuple(parts), SCRATCH_ALIGNMENT))
    return Blocks(tuple(blocks), tuple(place), scratch), ranges


def _scratch_parts(
    problem: Problem, order: Sequence[int], free_bytes: int | None
) -> dict[tuple[int, int, int], list[Part]]:
    parts: dict[tuple[int, int, int], list[Part]] = {}
    for time, number in enumerate(order):
        step = problem.steps[number]
        if step.scratch_bytes:
            is_free = free_bytes is not None and step.scratch_bytes >= free_bytes and step.form >= 0
            number = step.number if is_free else ALL_STEPS
            parts.setdefault((step.work, step.form, number), []).append(Part(0, step.scratch_bytes, time, time))
    return parts


class _Groups:
    """Rows at fixed distances. offset: of each row from an origin of its group."""

    def __init__(self, problem: Problem, ranges: Ranges) -> None:
        self.sizes, self.ranges = problem.row_bytes, ranges
        self.group = list(range(len(problem.row_bytes)))
        self.offset = [0] * len(problem.row_bytes)
        self.members = {row: [row] for row in self.group}

    def join(self, row: int, other: int, distance_bytes: int = 0) -> None:
        """Put `row` so far behind `other`; nothing where they are of one group already."""
        old, new = self.group[row], self.group[other]
        if old == new:
            return
        shift = self.offset[other] + distance_bytes - self.offset[row]
        for one in self.members.pop(old):
            self.group[one] = new
            self.offset[one] += shift
            self.members[new].append(one)

    def lay_over(self, row: int, source: int) -> None:
        """Put a row where one lies that dies as it is written, if that keeps all others of both groups apart."""
        if self.group[row] != self.group[source] and self.sizes[row] == self.sizes[source]:
            shift = self.offset[source] - self.offset[row]
            mine, theirs = self.members[self.group[row]], self.members[self.group[source]]
            if len(mine) * len(theirs) == 1 or not any(
                self.collide(one, other, shift) for one in mine for other in theirs
            ):
                self.join(row, source)

    def collide(self, one: int, other: int, shift: int) -> bool:
        """Whether two rows overlap in time and space, one of them shifted."""
        start, its_start = self.offset[one] + shift, self.offset[other]
        if start + self.sizes[one] <= its_start or its_start + self.sizes[other] <= start:
            return False
        is_over = start == its_start and self.ranges.over.get(one) == other
        return not is_over and not self.ranges.are_apart(one, other)


def _merged(parts: Sequence[Part]) -> tuple[Part, ...]:
    """Rows at one place that follow each other in time are one part; so are neighbours that live equally long."""
    in_time: list[Part] = []
    for part in sorted(parts, key=lambda one: (one.offset_bytes, one.size_bytes, one.first)):
        before = in_time[-1] if in_time else None
        is_same = before and (before.offset_bytes, before.size_bytes) == (part.offset_bytes, part.size_bytes)
        if before and is_same and part.first <= before.last + 1:
            in_time[-1] = replace(before, last=max(before.last, part.last))
        else:
            in_time.append(part)
    merged: list[Part] = []
    for part in in_time:
        before = merged[-1] if merged else None
        if before and (before.first, before.last) == (part.first, part.last) and before.end == part.offset_bytes:
            merged[-1] = Part(before.offset_bytes, before.size_bytes + part.size_bytes, part.first, part.last)
        else:
            merged.append(part)
    return tuple(merged)
