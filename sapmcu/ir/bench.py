# SPDX-License-Identifier: Apache-2.0
"""What a network costs on a board, by engine and plan."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sapmcu.ir.build import Engine


class BenchPlan(StrEnum):
    """How the native engine computes: op after op, by rows, or by rows with its input by rows, too."""

    WHOLE = "op after op"
    ROWS = "by rows"
    INPUT_ROWS = "input by rows"


@dataclass(frozen=True, slots=True)
class BenchRow:
    """One inference of one firmware; None for what is unknown.

    plan: a BenchPlan, or TFLM's kernels. prefer: of the native engine, where it was asked for. code_bytes: without the
    model. static_bytes: data beside the arena. origin: "measured", or where the figures come from.
    """

    model: str
    board: str
    core: str
    engine: Engine
    plan: str
    prefer: str | None
    instructions: int | None
    estimated_cycles: int | None
    arena_bytes: int | None
    stack_bytes: int | None
    static_bytes: int | None
    code_bytes: int | None
    model_bytes: int | None
    origin: str

    @property
    def sram_bytes(self) -> int | None:
        """Arena, stack and static data."""
        return _sum(self.arena_bytes, self.stack_bytes, self.static_bytes)

    @property
    def flash_bytes(self) -> int | None:
        """Code and model."""
        return _sum(self.code_bytes, self.model_bytes)


@dataclass(frozen=True, slots=True)
class Bench:
    """timings: core -> what its estimates of cycles stand on. notes: rows that are missing, and why."""

    rows: tuple[BenchRow, ...]
    timings: tuple[tuple[str, str], ...]
    notes: tuple[str, ...] = ()


def _sum(*parts: int | None) -> int | None:
    known = [part for part in parts if part is not None]
    return sum(known) if len(known) == len(parts) else None
