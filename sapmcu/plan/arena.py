# SPDX-License-Identifier: Apache-2.0
"""Offsets in one arena for buffers whose live ranges are given: no two that live at one time overlap."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

ALIGNMENT_BYTES = 16
"""Of every buffer in TFLM. Source: tflite-micro, micro_arena_constants.h."""
SEARCH_STEPS = 400_000
"""Bound on the search where no simple order reaches the lower bound, in comparisons of two buffers: below a second."""
MAX_SEARCHED = 400
"""Buffers, far from Python's recursion limit; larger graphs keep the best simple order."""


@dataclass(frozen=True, slots=True)
class Buffer:
    """first, last: the ops between which it lives, both included. size_bytes is a multiple of the alignment."""

    name: str
    size_bytes: int
    first: int
    last: int

    def meets(self, other: Buffer) -> bool:
        """Whether both live at one op."""
        return self.first <= other.last and other.first <= self.last


@dataclass(frozen=True, slots=True)
class Offsets:
    """size_bytes: of the arena; bound_bytes: no plan of this order without overlap is smaller."""

    offset_bytes: Mapping[str, int]
    size_bytes: int
    bound_bytes: int

    @property
    def is_optimal(self) -> bool:
        return self.size_bytes == self.bound_bytes


def align(size_bytes: int, alignment: int = ALIGNMENT_BYTES) -> int:
    return -(-size_bytes // alignment) * alignment


def lower_bound(buffers: Iterable[Buffer]) -> int:
    """The most bytes that live at any one op."""
    buffers = list(buffers)
    return max(
        (sum(one.size_bytes for one in buffers if one.first <= op <= one.last) for op in {b.first for b in buffers}),
        default=0,
    )


def first_fit(order: Sequence[Buffer]) -> dict[str, int]:
    """Place each buffer at the lowest offset that is free during its life.

    With the buffers in the order of an optimal plan's offsets this finds a plan as good: so some order is optimal.
    """
    placed: list[tuple[Buffer, int]] = []
    for buffer in order:
        placed.append((buffer, _lowest_free(buffer, placed)))
    return {buffer.name: offset for buffer, offset in placed}


def _lowest_free(buffer: Buffer, placed: Sequence[tuple[Buffer, int]]) -> int:
    taken = sorted((offset, offset + other.size_bytes) for other, offset in placed if buffer.meets(other))
    lowest = 0
    for start, end in taken:
        if start - lowest >= buffer.size_bytes:
            break
        lowest = max(lowest, end)
    return lowest


def plan_offsets(buffers: Sequence[Buffer], alignment: int = ALIGNMENT_BYTES) -> Offsets:
    """The best of several orders, and a bounded search where none of them reaches the lower bound."""
    bound = lower_bound(buffers)
    best: dict[str, int] = {}
    size: int | None = None
    for order in _orders(buffers):
        offsets = first_fit(order)
        found = arena_size(buffers, offsets)
        if size is None or found < size:
            best, size = offsets, found
        if size == bound:
            break
    if size is not None and size > bound:
        best, size = _search(buffers, best, size, bound)
    verify_offsets(buffers, best, alignment)
    return Offsets(best, size or 0, bound)


def arena_size(buffers: Iterable[Buffer], offsets: Mapping[str, int]) -> int:
    return max((offsets[one.name] + one.size_bytes for one in buffers), default=0)


def _orders(buffers: Sequence[Buffer]) -> Iterator[list[Buffer]]:
    keys: tuple[Callable[[Buffer], tuple[int, ...]], ...] = (
        lambda b: (-b.size_bytes, b.first),
        lambda b: (-b.size_bytes * (b.last - b.first + 1), b.first),
        lambda b: (b.first, -b.size_bytes),
        lambda b: (b.first - b.last, -b.size_bytes),
        lambda b: (-b.last, -b.size_bytes),
        lambda b: (-sum(other.size_bytes for other in buffers if b.meets(other)), -b.size_bytes),
    )
    for key in keys:
        yield sorted(buffers, key=key)


def _search(buffers: Sequence[Buffer], best: dict[str, int], size: int, bound: int) -> tuple[dict[str, int], int]:
    """Depth-first over orders of first fit, the buffers with the most company first; stops at the bound."""
    company = {one.name: sum(other.size_bytes for other in buffers if one.meets(other)) for one in buffers}
    order = sorted(buffers, key=lambda b: (-company[b.name], -b.size_bytes, b.first))
    placed: list[tuple[Buffer, int]] = []
    steps = 0

    def descend(left: list[Buffer]) -> None:
        nonlocal best, size, steps
        if not left:
            best = {buffer.name: offset for buffer, offset in placed}
            size = arena_size(buffers, best)
            return
        for index, buffer in enumerate(left):
            steps += len(placed) + len(left)
            if size == bound or steps > SEARCH_STEPS:
                return
            offset = _lowest_free(buffer, placed)
            if offset + buffer.size_bytes >= size:
                continue
            placed.append((buffer, offset))
            descend(left[:index] + left[index + 1 :])
            placed.pop()

    if len(buffers) < MAX_SEARCHED:
        descend(order)
    return best, size


def verify_offsets(buffers: Sequence[Buffer], offsets: Mapping[str, int], alignment: int = ALIGNMENT_BYTES) -> None:
    """Asserts that a plan is one: every buffer placed, aligned, apart from all that it meets."""
    assert set(offsets) == {buffer.name for buffer in buffers}
    for index, one in enumerate(buffers):
        start = offsets[one.name]
        assert start >= 0 and start % alignment == 0, (one, start)
        for other in buffers[index + 1 :]:
            other_start = offsets[other.name]
            apart = start + one.size_bytes <= other_start or other_start + other.size_bytes <= start
            assert apart or not one.meets(other), (one, start, other, other_start)
