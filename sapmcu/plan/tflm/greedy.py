# SPDX-License-Identifier: Apache-2.0
"""TFLM's GreedyMemoryPlanner: offsets of the buffers in the head, the same as it finds.

Source: tflite-micro 90b983c2, micro/memory_planner/greedy_memory_planner.cc.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class PlannedBuffer:
    """size_bytes: 16-aligned. first, last: allocation scopes between which it lives, both included; 0 is before op 0,
    k + 1 is op k. offset_bytes: given by OfflineMemoryAllocation, or None."""

    size_bytes: int
    first: int
    last: int
    offset_bytes: int | None = None


def plan_greedily(buffers: Sequence[PlannedBuffer]) -> tuple[int, ...]:
    """An offset for each buffer.

    Those with a given offset go first, unchecked; then the largest first, of equal ones the last in the list, each at
    the lowest gap among those that live at the same time.
    """
    placed = _Placed(len(buffers))
    given = [index for index, one in enumerate(buffers) if one.offset_bytes is not None]
    free = [index for index, one in enumerate(buffers) if one.offset_bytes is None]
    free.sort(key=lambda index: (-buffers[index].size_bytes, -index))
    offsets = [0] * len(buffers)
    for index in (*given, *free):
        buffer = buffers[index]
        offsets[index] = placed.lowest_gap(buffer) if buffer.offset_bytes is None else buffer.offset_bytes
        placed.add(buffer, offsets[index])
    return tuple(offsets)


def head_size(buffers: Sequence[PlannedBuffer], offsets: Sequence[int]) -> int:
    return max((0, *(offset + one.size_bytes for offset, one in zip(offsets, buffers, strict=True))))


class _Placed:
    """Buffers that have an offset, ordered by it; in arrays, as each new one is compared with all."""

    def __init__(self, capacity: int) -> None:
        self.count = 0
        self.offset, self.end, self.first, self.last = np.zeros((4, capacity), np.int64)

    def lowest_gap(self, buffer: PlannedBuffer) -> int:
        n = self.count
        meets = (self.first[:n] <= buffer.last) & (self.last[:n] >= buffer.first)
        starts = self.offset[:n][meets]
        ends = np.maximum.accumulate(np.concatenate(([0], self.end[:n][meets])))
        fits = np.flatnonzero(starts - ends[:-1] >= buffer.size_bytes)
        return int(ends[fits[0]] if fits.size else ends[-1])

    def add(self, buffer: PlannedBuffer, offset: int) -> None:
        """Behind those of the same offset."""
        n = self.count
        place = int(np.searchsorted(self.offset[:n], offset, side="right"))
        values = (offset, offset + buffer.size_bytes, buffer.first, buffer.last)
        for column, value in zip((self.offset, self.end, self.first, self.last), values, strict=True):
            column[place + 1 : n + 1] = column[place:n]
            column[place] = value
        self.count += 1
