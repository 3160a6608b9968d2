# SPDX-License-Identifier: Apache-2.0
"""What lies where in an arena, and when: the data of a picture."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Content(StrEnum):
    INPUT = "input"
    OUTPUT = "output"
    ACTIVATION = "activation"
    SCRATCH = "scratch"


@dataclass(frozen=True, slots=True)
class Box:
    """offset_bytes..offset_bytes+size_bytes hold `name` from step `first` to step `last`, both included."""

    name: str
    content: Content
    first: int
    last: int
    offset_bytes: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class MemoryMap:
    """title: of the engine. steps: what runs at each, in order. size_bytes: of the arena's part that is shown."""

    title: str
    size_bytes: int
    steps: tuple[str, ...]
    boxes: tuple[Box, ...]

    @property
    def live_bytes(self) -> tuple[int, ...]:
        """At each step; bytes that two boxes share count once."""
        at: list[list[tuple[int, int]]] = [[] for _ in self.steps]
        for box in self.boxes:
            for step in range(box.first, box.last + 1):
                at[step].append((box.offset_bytes, box.offset_bytes + box.size_bytes))
        return tuple(map(_covered, at))

    @property
    def peak(self) -> int:
        """The first step with the most live bytes."""
        live_bytes = self.live_bytes
        return max(range(len(live_bytes)), key=lambda step: live_bytes[step], default=0)


def _covered(ranges: list[tuple[int, int]]) -> int:
    total, reached = 0, 0
    for start, end in sorted(ranges):
        total += max(0, end - max(start, reached))
        reached = max(reached, end)
    return total
