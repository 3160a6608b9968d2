# SPDX-License-Identifier: Apache-2.0
"""Offsets for rows: blocks of rows that lie together, each a shape in time and space, packed into the least height."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sapmcu.ir.graph import Array

TRIES = 60
"""Orders of blocks that are tried where none reaches the bound."""
MAX_WORK = 40_000_000
"""Bound on the same, in pairs of parts that are compared: a few seconds."""


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes that live from step `first` to step `last`, both included. offset_bytes: in its block."""

    offset_bytes: int
    size_bytes: int
    first: int
    last: int

    @property
    def end(self) -> int:
        return self.offset_bytes + self.size_bytes


@dataclass(frozen=True)
class Block:
    """Parts at fixed distances."""

    parts: tuple[Part, ...]
    alignment: int

    @cached_property
    def size_bytes(self) -> int:
        return max(part.end for part in self.parts)

    @cached_property
    def first(self) -> int:
        return min(part.first for part in self.parts)

    @cached_property
    def last(self) -> int:
        return max(part.last for part in self.parts)

    @cached_property
    def area(self) -> int:
        """Bytes times steps."""
        return sum(part.size_bytes * (part.last - part.first + 1) for part in self.parts)


class _Arena:
    """Parts that have a place already, as columns."""

    def __init__(self, capacity: int) -> None:
        self.count = 0
        self.columns = np.zeros((4, capacity), np.int64)

    def lowest(self, block: Block) -> int:
        """The lowest free offset for a block."""
        start, end, first, last = self.columns[:, : self.count]
        taken: list[Array] = []
        for part in block.parts:
            meets = np.flatnonzero((first <= part.last) & (last >= part.first))
            # block and part overlap where the block's offset lies strictly between these
            taken.append(np.stack([start[meets] - part.end, end[meets] - part.offset_bytes]))
        lows, highs = np.concatenate(taken, 1)
        order = np.argsort(lows, kind="stable")
        reached = np.maximum.accumulate(np.concatenate([[0], highs[order]]))
        candidates = -(-reached // block.alignment) * block.alignment
        limits = np.concatenate([lows[order], [np.iinfo(np.int64).max]])
        return int(candidates[np.argmax(candidates <= limits)])

    def put(self, block: Block, offset: int) -> None:
        for part in block.parts:
            self.columns[:, self.count] = offset + part.offset_bytes, offset + part.end, part.first, part.last
            self.count += 1


@dataclass(frozen=True, slots=True)
class Placement:
    """offset_bytes: of each block."""

    offset_bytes: tuple[int, ...]
    size_bytes: int
    bound_bytes: int


def live_peak(blocks: Sequence[Block]) -> tuple[int, int]:
    """(most bytes at any step, the first such step)."""
    change = np.zeros(max((block.last for block in blocks), default=0) + 2, np.int64)
    for block in blocks:
        for part in block.parts:
            change[part.first] += part.size_bytes
            change[part.last + 1] -= part.size_bytes
    live = np.cumsum(change)
    return int(live.max()), int(live.argmax())


def place(blocks: Sequence[Block]) -> Placement:
    """The best of several orders of first fit; where it misses the bound, blocks that stick out go first, again."""
    bound, peak = live_peak(blocks)
    work = sum(len(block.parts) for block in blocks) ** 2
    best: dict[int, int] = {}
    best_size: int | None = None
    best_order: list[int] = []
    for key in _keys(peak):
        order = sorted(range(len(blocks)), key=lambda index: (*key(blocks[index]), index))
        offsets, _ = _first_fit(blocks, order, None)
        size = max((offset + blocks[index].size_bytes for index, offset in offsets.items()), default=0)
        if best_size is None or size < best_size:
            best, best_size, best_order = offsets, size, order
        if size == bound:
            break
    assert best_size is not None
    tries = min(TRIES, MAX_WORK // max(work, 1))
    for offsets in _promotions(blocks, best_order, best_size, bound, tries):
        best = offsets
        best_size = max(offset + blocks[index].size_bytes for index, offset in offsets.items())
    return Placement(tuple(best[index] for index in range(len(blocks))), best_size, bound)


Key = Callable[[Block], tuple[int, ...]]


def _keys(peak: int) -> tuple[Key, ...]:
    def distance(block: Block) -> int:
        return max(block.first - peak, peak - block.last, 0)

    return (
        lambda block: (-block.size_bytes, block.first),
        lambda block: (-block.area, block.first),
        lambda block: (block.first, -block.size_bytes),
        lambda block: (block.first - block.last, -block.size_bytes),
        lambda block: (distance(block), -block.size_bytes),
    )


def _first_fit(blocks: Sequence[Block], order: Sequence[int], limit: int | None) -> tuple[dict[int, int], int | None]:
    """(offsets, the first block that reaches over the limit, where this stops)."""
    arena = _Arena(sum(len(block.parts) for block in blocks))
    offsets: dict[int, int] = {}
    for index in order:
        offset = arena.lowest(blocks[index])
        if limit is not None and offset + blocks[index].size_bytes > limit:
            return offsets, index
        arena.put(blocks[index], offset)
        offsets[index] = offset
    return offsets, None


def _promotions(
    blocks: Sequence[Block], order: Sequence[int], size: int, bound: int, tries: int
) -> Iterator[dict[int, int]]:
    """Better and better offsets. The limit lies between the bound and what is known; it falls with each success."""
    low, order = bound, list(order)
    limit = low
    start, left = list(order), tries
    while size > low and left > 0:
        limit = low + (size - low) // 2
        found = None
        current = list(start)
        for _ in range(max(tries // 4, 1)):
            left -= 1
            offsets, stuck = _first_fit(blocks, current, limit)
            if stuck is None:
                found = offsets
                break
            position = current.index(stuck)
            current.insert(position // 2, current.pop(position))
            if left <= 0:
                break
        if found is None:
            low = limit + 1
            continue
        start = current
        size = max(offset + blocks[index].size_bytes for index, offset in found.items())
        yield found
