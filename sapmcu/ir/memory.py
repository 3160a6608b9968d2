# SPDX-License-Identifier: Apache-2.0
"""What a model needs of a board's memories. All figures are bytes unless they say otherwise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

ARENA_ALIGNMENT = 16
"""Of the arena and its length, in bytes. Source: tflite-micro, micro_arena_constants.h."""


class Kernels(StrEnum):
    """TFLM's two sets of kernels for Cortex-M."""

    REFERENCE = "reference"
    CMSIS_NN = "cmsis-nn"


class Technique(StrEnum):
    """How TFLM's arena is made smaller, each on top of those before it."""

    NONE = "none"
    OFFSETS = "offsets"
    OVERLAP = "overlap"
    BANDS = "bands"


class Optimize(StrEnum):
    """What TFLM's arena is planned for. AUTO: as TFLM does it, unless the board has too little SRAM for that."""

    AUTO = "auto"
    SRAM = "sram"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class BandedRun:
    """Consecutive ops of the model that are run band by band: names of the first and the last, and how many bands."""

    first: str
    last: str
    bands: int


@dataclass(frozen=True, slots=True)
class SramStep:
    """What the arena needs with a technique and those before it, in bytes. extra_macs: beside the model's own."""

    technique: Technique
    arena_bytes: int
    extra_macs: int
    runs: tuple[BandedRun, ...] = ()


@dataclass(frozen=True, slots=True)
class SramSavings:
    """From TFLM's own plan, the first step, to the one that is written, the last. max_extra_macs: a fraction."""

    steps: tuple[SramStep, ...]
    max_extra_macs: float

    @property
    def saved_bytes(self) -> int:
        return self.steps[0].arena_bytes - self.steps[-1].arena_bytes


@dataclass(frozen=True, slots=True)
class ArenaUse:
    """TFLM's arena. head: activations and scratch; tail: what persists; temporary: what AllocateTensors needs beside
    the finished tail at its worst moment, before the head is laid out."""

    kernels: Kernels
    head_bytes: int
    tail_bytes: int
    temporary_bytes: int
    scratch_requests: Mapping[int, tuple[int, ...]]
    """Sizes of the scratch buffers that an op asks for, by the op's index."""
    offset_bytes: Mapping[str, int]
    """Where TFLM's planner puts the activations in the head."""
    unknown_ops: tuple[str, ...] = ()
    """Ops whose own allocations aren't known: where there are any, all figures are lower bounds."""

    @property
    def scratch_bytes(self) -> Mapping[int, int]:
        """Scratch of an op, by the op's index."""
        return {index: sum(sizes) for index, sizes in self.scratch_requests.items()}

    @property
    def used_bytes(self) -> int:
        """What interpreter.arena_used_bytes() returns."""
        return self.head_bytes + self.tail_bytes

    @property
    def arena_bytes(self) -> int:
        """What AllocateTensors needs at its worst moment."""
        return max(self.used_bytes, self.tail_bytes + self.temporary_bytes)

    @property
    def required_bytes(self) -> int:
        """The smallest multiple of 16 for a 16-aligned arena with which AllocateTensors succeeds and nothing overlaps.

        TFLM checks what persists against the head only: with 16 or 32 bytes less some ops overwrite their temporaries.
        """
        return -(-self.arena_bytes // ARENA_ALIGNMENT) * ARENA_ALIGNMENT


@dataclass(frozen=True, slots=True)
class OpMemory:
    """live_bytes: of activations that live while the op runs, its inputs and outputs among them, scratch not. Where the
    file gives their places, bytes that several share count once."""

    index: int
    type: str
    name: str
    output_bytes: int
    live_bytes: int
    scratch_bytes: int
    macs: int
    live: tuple[tuple[str, int], ...] = ()
    """(tensor, bytes), in the order of the file; of the op at the peak only, as all would grow with the square."""


def largest_op(ops: Sequence[OpMemory]) -> OpMemory:
    """The first op with the most live bytes."""
    return max(ops, key=lambda op: op.live_bytes)


@dataclass(frozen=True, slots=True)
class EngineSram:
    """One way to run the model. arena_bytes: to give, inputs and outputs in it (with inputs by rows, one row or a few).

    saved_bytes: less than the way before it on the same engine. extra_macs: beyond the model's. boards: those of the
    list that have room for arena and flash, least SRAM first.
    """

    name: str
    arena_bytes: int
    saved_bytes: int
    extra_macs: int
    boards: tuple[str, ...]

    @property
    def least_board(self) -> str | None:
        """None: no board of the list has room."""
        return next(iter(self.boards), None)


@dataclass(frozen=True, slots=True)
class BoardRoom:
    """What a board of the list has for an arena, in one piece, and for code and constants."""

    name: str
    arena_bytes: int
    flash_bytes: int


@dataclass(frozen=True, slots=True)
class ParetoPoint:
    """A plan of the native engine that no other with the same kind of input beats in both."""

    arena_bytes: int
    extra_macs: int
    is_by_rows: bool


@dataclass(frozen=True, slots=True)
class MemoryReport:
    """best_head: the head with the same order of ops and no overlap; head_bound: no such head is smaller."""

    model: str
    macs: int
    ops: tuple[OpMemory, ...]
    tflm: ArenaUse
    best_head_bytes: int
    head_bound_bytes: int
    model_bytes: int
    engine_bytes: int
    """TFLM's code with exactly the ops of this model: an estimate."""
    notes: tuple[str, ...] = ()
    savings: SramSavings | None = None
    """Where the graph was planned for less SRAM: what that brought."""
    engines: tuple[EngineSram, ...] = ()
    """Both engines side by side; empty where nobody asked, or the model isn't int8."""
    boards: tuple[BoardRoom, ...] = ()
    """Of the list, least SRAM first; where engines are."""
    pareto: tuple[ParetoPoint, ...] = ()
    """Where it was asked for: with the input in RAM, then by rows; each from most SRAM to least."""

    @property
    def peak(self) -> OpMemory:
        return largest_op(self.ops)

    @property
    def flash_bytes(self) -> int:
        return self.model_bytes + self.engine_bytes


@dataclass(frozen=True, slots=True)
class Fit:
    """How a model stands on a board: what it has, what the model leaves of it. Negative: missing."""

    board: str
    sram_bytes: int
    """The largest region that can hold the arena."""
    sram_region: str
    flash_bytes: int
    sram_left_bytes: int
    flash_left_bytes: int

    @property
    def fits(self) -> bool:
        return self.sram_left_bytes >= 0 and self.flash_left_bytes >= 0
