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

from sapmcu.ir.graph import Graph
from sapmcu.plan.arena import ALIGNMENT_BYTES, align
from sapmcu.plan.tflm.blocks import Block, Place, lead_over

SEED = 1
QUICK_STEPS = 40
"""Orders that the search tries where very many graphs are compared."""
COMPARED_STEPS = 300
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
    downwards = [
        {other: [(extents[other] - extents[one] - high, extents[other] - extents[one] - low) for low, high in pair]
         for other, pair in row.items()}
        for one, row in enumerate(upwards)
    ]  # fmt: skip
    best: Offsets | None = None
    for is_upward, bounds in ((True, upwards), (False, downwards)):
        found, head = _search(blocks, extents, bounds, steps if len(blocks) <= MAX_BLOCKS else 0)
        if best is None or head < best.head_bytes:
            start = found if is_upward else [head - extent - at for extent, at in zip(extents, found, strict=True)]
            best = Offsets(tuple(start), head)
    assert best is not None
    return best


def _search(
    blocks: Sequence[Block], extents: Sequence[int], bounds: Sequence[Mapping[int, Sequence[Interval]]], steps: int
) -> tuple[list[int], int]:
    """(offsets, head) of the best order found."""

    def head_of(order: Sequence[int]) -> tuple[list[int], int]:
        offsets = first_fit(order, bounds)
        return offsets, max(offset + extent for offset, extent in zip(offsets, extents, strict=True))

    best_order, (best, head) = min(((order, head_of(order)) for order in _orders(blocks)), key=lambda one: one[1][1])
    order, current = list(best_order), head
    offsets = best
    bound = _bound(extents, bounds)
    draw = random.Random(SEED)
    for _ in range(steps):
        if head == bound:
            break
        changed = _changed(order, offsets, extents, current, draw)
        tried, size = head_of(changed)
        if size <= current:
            order, offsets, current = changed, tried, size
            if size < head:
                best, head = tried, size
    return best, head


def _bound(extents: Sequence[int], bounds: Sequence[Mapping[int, Sequence[Interval]]]) -> int:
    """No head is lower: what the largest block needs, or two that live at one time."""
    lowest = max(extents)
    for one, row in enumerate(bounds):
        for other, pair in row.items():
            # the differences nearest to each forbidden interval, and none at all
            ends = (0, *(end // ALIGNMENT_BYTES * ALIGNMENT_BYTES for low, high in pair for end in (low, align(high))))
            allowed = (end for end in ends if all(not low < end < high for low, high in pair))
            heads = (max(extents[one] + max(end, 0), extents[other] + max(-end, 0)) for end in allowed)
            lowest = max(lowest, min(heads))
    return lowest


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
        taken = sorted(
            (offsets[other] + low, offsets[other] + high)
            for other, pair in bounds[one].items()
            if offsets[other] >= 0
            for low, high in pair
        )
        lowest = 0
        for low, high in taken:
            if low >= lowest:
                break
            if high > lowest:
                lowest = align(high)
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
