# SPDX-License-Identifier: Apache-2.0
"""First fit of blocks of rows, each a shape in time and space, again and again in better orders."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sapmcu.ir.graph import Array


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


@dataclass(frozen=True, slots=True)
class Placement:
    """offset_bytes: of each block."""

    offset_bytes: tuple[int, ...]
    size_bytes: int
    bound_bytes: int


def live_bytes(blocks: Sequence[Block]) -> Array:
    """int64 [steps]: what lives at each step."""
    change = np.zeros(max((block.last for block in blocks), default=0) + 2, np.int64)
    for block in blocks:
        for part in block.parts:
            change[part.first] += part.size_bytes
            change[part.last + 1] -= part.size_bytes
    live: Array = np.cumsum(change)
    return live


MAX_PASSES = 210
MAX_PLACED = 60_000
"""Bound on a search: blocks placed by first fit, all tries together. A few seconds."""

Start = tuple[list[int], float]
"""A first order, and how far a block that sticks out moves forward in the next: a share of its way to the front."""


def starts_of(blocks: Sequence[Block], live: Array) -> tuple[Start, ...]:
    """Those first that live near the peak, that need much room for long, or that are large; the first finds it most
    often."""
    peak = int(live.argmax())
    keys: tuple[Callable[[Block], tuple[int, ...]], ...] = (
        lambda block: (max(block.first - peak, peak - block.last, 0), -block.size_bytes),
        lambda block: (-block.area, block.first),
        lambda block: (-block.size_bytes, block.first),
    )
    orders = [sorted(range(len(blocks)), key=lambda index: (*key(blocks[index]), index)) for key in keys]
    return tuple((order, step) for order in orders for step in (0.35, 0.7))


@dataclass(frozen=True, slots=True)
class Found:
    """order: of first fit, which gives the offsets."""

    size_bytes: int
    order: list[int]
    offset_bytes: tuple[int, ...]


def search(fit: FirstFit, starts: Sequence[Start], bound: int, most_placed: int = MAX_PLACED) -> Found:
    """The best of the tries; the bound ends it. Its size is that of the blocks that are placed here."""
    passes = max(min(MAX_PASSES, most_placed // len(starts[0][0])) // len(starts), 1)
    best: Found | None = None
    for start, step in starts:
        for found in _squeaky_wheel(fit, start, step, bound, passes):
            if best is None or found.size_bytes < best.size_bytes:
                best = found
            if best.size_bytes <= bound:
                return best
    assert best is not None
    return best


def _squeaky_wheel(fit: FirstFit, start: Sequence[int], step: float, bound: int, passes: int) -> Iterator[Found]:
    """First fit again and again; what lay too high goes earlier the next time.

    Too high is above the middle of the bound and the best so far. Source: Joslin and Clements, "Squeaky Wheel"
    Optimization, 1999.
    """
    rank = {index: number for number, index in enumerate(start)}
    score = {index: float(number) for index, number in rank.items()}
    best: int | None = None
    for _ in range(passes):
        order = sorted(start, key=lambda index: (score[index], rank[index]))
        offsets = fit.run(order)
        highest = max(fit.ends[index] for index in start)
        yield Found(highest, order, offsets)
        best = highest if best is None else min(best, highest)
        front = min(score.values())
        for index in start:
            if fit.ends[index] > (bound + best) // 2:
                score[index] -= step * (score[index] - front) + 5


class FirstFit:
    """Blocks at the lowest free places, one after the other. Orders that begin alike have these places in common.

    Which blocks live at one time is found once, as very many orders are tried. alone: of each block of one part, the
    others of one part that it meets. pairs: of each block (other, low, high), where one of the two has more parts: the
    offset must not lie strictly between the other's + low and + high.
    """

    def __init__(self, blocks: Sequence[Block]) -> None:
        self.blocks = blocks
        self.sizes = [block.size_bytes for block in blocks]
        self.alignments = [block.alignment for block in blocks]
        self.alone, self.pairs = _meetings(blocks)
        self.order: list[int] = []
        self.offsets = [0] * len(blocks)
        self.ends = [0] * len(blocks)  # 0: has no place yet

    def hold(self, offsets: Sequence[int], moved: Collection[int]) -> None:
        """Give all blocks but some their places."""
        self.order = []
        self.offsets = list(offsets)
        self.ends = [offset + size for offset, size in zip(offsets, self.sizes, strict=True)]
        for index in moved:
            self.ends[index] = 0

    def beside(self, some: Sequence[int]) -> list[int]:
        """These blocks and those that live at a time when one of them does."""
        first = min(self.blocks[index].first for index in some)
        last = max(self.blocks[index].last for index in some)
        return [index for index, block in enumerate(self.blocks) if block.first <= last and block.last >= first]

    def run(self, order: list[int]) -> tuple[int, ...]:
        """The offset of each block; those that aren't in the order keep theirs."""
        common = 0
        while common < len(self.order) and self.order[common] == order[common]:
            common += 1
        for index in order[common:]:
            self.ends[index] = 0
        for index in order[common:]:
            self.offsets[index] = self.lowest(index)
            self.ends[index] = self.offsets[index] + self.sizes[index]
        self.order = order
        return tuple(self.offsets)

    def lowest(self, index: int) -> int:
        """The lowest free offset for a block."""
        offsets, ends, size, alignment = self.offsets, self.ends, self.sizes[index], self.alignments[index]
        taken = [(offsets[other] - size, ends[other]) for other in self.alone[index] if ends[other]]
        taken += [
            (offsets[other] + low, offsets[other] + high) for other, low, high in self.pairs[index] if ends[other]
        ]
        taken.sort()
        lowest = 0
        for low, high in taken:
            if low >= lowest:
                break
            if high > lowest:
                lowest = -(-high // alignment) * alignment
        return lowest


def _meetings(blocks: Sequence[Block]) -> tuple[list[list[int]], list[list[tuple[int, int, int]]]]:
    """Of FirstFit, alone and pairs of each block: parts as they come, each with those that still live."""
    alone: list[list[int]] = [[] for _ in blocks]
    apart: dict[tuple[int, int], set[tuple[int, int]]] = {}
    only: list[tuple[int, int]] = []  # (last step, block) of those that live and have one part
    others: list[tuple[int, int, Part]] = []
    parts = [(part.first, index, part) for index, block in enumerate(blocks) for part in block.parts]
    for first, index, part in sorted(parts, key=lambda one: one[:2]):
        only = [one for one in only if one[0] >= first]
        others = [one for one in others if one[0] >= first]
        beside = [(other, its) for _, other, its in others if other != index]
        if len(blocks[index].parts) == 1:
            alone[index] += [other for _, other in only]
            for _, other in only:
                alone[other].append(index)
            only.append((part.last, index))
        else:
            beside += [(other, blocks[other].parts[0]) for _, other in only]
            others.append((part.last, index, part))
        for other, its in beside:
            between = (its.offset_bytes - part.end, its.end - part.offset_bytes)
            apart.setdefault((index, other), set()).add(between)
    pairs: list[list[tuple[int, int, int]]] = [[] for _ in blocks]
    for (index, other), found in apart.items():
        for low, high in _merged(found):
            pairs[index].append((other, low, high))
            pairs[other].append((index, -high, -low))
    return alone, pairs


def _merged(intervals: Collection[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same numbers in few open intervals; two that only touch leave the number between them free."""
    if len(intervals) == 1:
        return list(intervals)
    merged: list[tuple[int, int]] = []
    for low, high in sorted(intervals):
        if merged and low < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], high))
        else:
            merged.append((low, high))
    return merged
