# SPDX-License-Identifier: Apache-2.0
"""Offsets of blocks in TFLM's head, where some may lie over others by a given distance: the lowest head that is found.

Two blocks that live at one time are bound by intervals that the difference of their offsets must avoid. First fit in
a good order of the blocks, or from the other end, places them; a bounded local search looks for a good order. Its
steps are drawn from a generator with a fixed seed: the same blocks get the same offsets.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from operator import add, itemgetter

from sapmcu.ir.graph import Graph
from sapmcu.plan.arena import ALIGNMENT_BYTES, align
from sapmcu.plan.tflm.blocks import Block, Place, lead_over

SEED = 1
QUICK_STEPS = 40
"""Orders that the search tries where very many graphs are compared."""
COMPARED_STEPS = 120
"""Orders that it tries where some dozens are."""
STEPS = 1500
"""Orders that it tries for the plan that is written: a second or two."""
MAX_BLOCKS = 400
"""With more the simple orders are compared only."""

Interval = tuple[int, int]
"""Open: the differences of two offsets between the two numbers are forbidden."""


@dataclass(frozen=True, slots=True)
class Offsets:
    """Of each block's start, in the order of the blocks. head_bytes: up to the last end."""

    offset_bytes: tuple[int, ...]
    head_bytes: int


def place_blocks(
    graph: Graph,
    blocks: Sequence[Block],
    leads: Sequence[Mapping[str, int]],
    *,
    steps: int = STEPS,
) -> Offsets:
    """Offsets that are multiples of 16, where nothing is overwritten that is read later."""
    if not blocks:
        return Offsets((), 0)
    extents = [block.extent_bytes for block in blocks]
    upwards = _forbidden(graph, blocks, leads)
    bound = _bound(blocks, extents, upwards)
    steps = steps if len(blocks) <= MAX_BLOCKS else 0
    found, head = _search(blocks, extents, upwards, bound, steps)
    best = Offsets(tuple(found), head)
    if head > bound:
        downwards = [
            {other: [(extents[other] - extents[one] - high, extents[other] - extents[one] - low) for low, high in pair]
             for other, pair in row.items()}
            for one, row in enumerate(upwards)
        ]  # fmt: skip
        found, head = _search(blocks, extents, downwards, bound, steps)
        if head < best.head_bytes:
            best = Offsets(tuple(head - extent - at for extent, at in zip(extents, found, strict=True)), head)
    return best


def _search(
    blocks: Sequence[Block],
    extents: Sequence[int],
    bounds: Sequence[Mapping[int, Sequence[Interval]]],
    bound: int,
    steps: int,
) -> tuple[list[int], int]:
    """(offsets, head) of the best order found; the bound ends the search."""

    def head_of(order: Sequence[int]) -> tuple[list[int], int]:
        offsets = first_fit(order, bounds)
        return offsets, max(map(add, offsets, extents))

    order: list[int] = []
    best, head = list[int](), 1 << 62
    for start in _orders(blocks):
        tried, size = head_of(start)
        if size < head:
            order, best, head = start, tried, size
            if head <= bound:
                return best, head
    offsets, current = best, head
    draw = random.Random(SEED)
    for _ in range(steps):
        changed = _changed(order, offsets, extents, current, draw)
        tried, size = head_of(changed)
        if size <= current:
            order, offsets, current = changed, tried, size
            if size < head:
                best, head = tried, size
                if head <= bound:
                    break
    return best, head


def _bound(blocks: Sequence[Block], extents: Sequence[int], bounds: Sequence[Mapping[int, Sequence[Interval]]]) -> int:
    """No head is lower: what the largest block needs, or two that live at one time; or all that do, less what pairs of
    them may share."""
    lowest = max(extents)
    shared: list[tuple[int, int, int]] = []  # (bytes, first scope, last scope)
    for one, row in enumerate(bounds):
        for other in range(one):
            first = max(blocks[one].first, blocks[other].first)
            last = min(blocks[one].last, blocks[other].last)
            if first > last:
                continue
            height = _least_height(extents[one], extents[other], row.get(other, ()))
            lowest = max(lowest, height)
            if height < extents[one] + extents[other]:
                shared.append((extents[one] + extents[other] - height, first, last))
    live = [0] * (max(block.last for block in blocks) + 2)
    for extent, block in zip(extents, blocks, strict=True):
        for first, last, size in _live_bytes(block, extent):
            live[first] += size
            live[last + 1] -= size
    for size, first, last in shared:
        live[first] -= size
        live[last + 1] += size
    return max(lowest, *accumulate(live))


def _least_height(one: int, other: int, forbidden: Sequence[Interval]) -> int:
    """Of two blocks together: at the differences nearest to each forbidden interval, or at none."""
    ends = (0, *(end // ALIGNMENT_BYTES * ALIGNMENT_BYTES for low, high in forbidden for end in (low, align(high))))
    allowed = (end for end in ends if all(not low < end < high for low, high in forbidden))
    return min(max(one + max(end, 0), other + max(-end, 0)) for end in allowed)


def _live_bytes(block: Block, extent: int) -> Iterator[tuple[int, int, int]]:
    """(first scope, last scope, bytes of the block that live in them at least)"""
    if len(block.members) == 1:
        yield block.first, block.last, extent
        return
    for scope in range(block.first, block.last + 1):
        end = covered = 0
        for place, at in sorted(block.members, key=itemgetter(1)):
            if place.first <= scope <= place.last:
                covered += max(0, at + place.size_bytes - max(at, end))
                end = max(end, at + place.size_bytes)
        yield scope, scope, covered


def _changed(
    order: Sequence[int], offsets: Sequence[int], extents: Sequence[int], head: int, draw: random.Random
) -> list[int]:
    """The order with one block elsewhere: at every other time one that reaches the top."""
    changed = list(order)
    top = [one for one in order if offsets[one] + extents[one] == head]
    one = draw.choice(top if draw.random() < 0.5 else changed)
    changed.remove(one)
    changed.insert(draw.randrange(len(changed) + 1), one)
    return changed


def first_fit(order: Sequence[int], bounds: Sequence[Mapping[int, Sequence[Interval]]]) -> list[int]:
    """Each block at the lowest offset that those before it in the order allow."""
    offsets: list[int] = [-1] * len(order)
    for one in order:
        taken: list[Interval] = []
        for other, pair in bounds[one].items():
            start = offsets[other]
            if start >= 0:
                for low, high in pair:
                    taken.append((start + low, start + high))
        taken.sort()
        lowest = 0
        for low, high in taken:
            if low >= lowest:
                break
            if high > lowest:
                lowest = -(-high // ALIGNMENT_BYTES) * ALIGNMENT_BYTES
        offsets[one] = lowest
    return offsets


def _orders(blocks: Sequence[Block]) -> Iterator[list[int]]:
    keys: tuple[Callable[[Block], tuple[int, ...]], ...] = (
        lambda b: (-b.extent_bytes, b.first),
        lambda b: (-b.extent_bytes * (b.last - b.first + 1), b.first),
        lambda b: (b.first, -b.extent_bytes),
        lambda b: (-b.last, -b.extent_bytes),
        lambda b: (b.last, -b.extent_bytes),
        lambda b: (-b.first, -b.extent_bytes),
        lambda b: (b.first - b.last, -b.extent_bytes),
    )
    for key in keys:
        yield sorted(range(len(blocks)), key=lambda index: key(blocks[index]))


def _forbidden(
    graph: Graph, blocks: Sequence[Block], leads: Sequence[Mapping[str, int]]
) -> list[dict[int, list[Interval]]]:
    """For each block and each other that it meets: what offset − other's offset must avoid."""
    found: list[dict[int, list[Interval]]] = [{} for _ in blocks]
    for index, one in enumerate(blocks):
        for other_index in range(index):
            other = blocks[other_index]
            if one.last < other.first or other.last < one.first:
                continue
            pairs = _merged(
                (low - at + other_at, high - at + other_at)
                for place, at in one.members
                for other_place, other_at in other.members
                if place.meets(other_place)
                for low, high in (_apart(graph, place, other_place, leads),)
                if low + 1 < high
            )
            if pairs:
                found[index][other_index] = pairs
                found[other_index][index] = [(-high, -low) for low, high in pairs]
    return found


def _apart(graph: Graph, one: Place, other: Place, leads: Sequence[Mapping[str, int]]) -> Interval:
    """What one's start − other's start must avoid, where both live at one time."""
    low, high = -one.size_bytes, other.size_bytes
    lead = lead_over(graph, one, other, leads)
    if lead is not None:
        return max(low, -lead), high
    lead = lead_over(graph, other, one, leads)
    return (low, high) if lead is None else (low, min(high, lead))


def _merged(intervals: Iterator[Interval]) -> list[Interval]:
    """The same differences, in few intervals. Open ones that only touch leave the number between them free."""
    found: list[Interval] = []
    for low, high in sorted(intervals):
        if found and low < found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], high))
        else:
            found.append((low, high))
    return found
