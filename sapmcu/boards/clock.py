# SPDX-License-Identifier: Apache-2.0
"""What a board runs at, what it needs on its way there, and why it was reset: the tables clock, start and reset."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sapmcu.boards.steps import RegisterStep, parse_steps
from sapmcu.toml_table import MAX_ADDRESS, TableReader

MAX_CLOCK_HZ = 2_000_000_000
MAX_WORD = MAX_ADDRESS - 1


class ClockChoice(StrEnum):
    """RESET: as the board comes out of reset, the fewest steps that can fail. FAST: the board's table clock.fast."""

    RESET = "reset"
    FAST = "fast"


@dataclass(frozen=True, slots=True)
class FastClock:
    """The highest clock that sapmcu knows how to reach. source: what it is made from, in words.

    uart_hz: what the board's UART runs from then.
    """

    core_hz: int
    uart_hz: int
    source: str
    setup: tuple[RegisterStep, ...]


@dataclass(frozen=True, slots=True)
class Clock:
    """Of the core. internal_hz: the highest without parts outside the MCU; max_hz: the highest on this board.

    start_hz: behind the steps of `start`. fast: None where nothing makes the board faster.
    """

    reset_hz: int
    start_hz: int
    internal_hz: int
    max_hz: int
    fast: FastClock | None

    def core_hz(self, choice: ClockChoice) -> int:
        """With this choice; where there is nothing faster, as after reset."""
        return self.fast.core_hz if choice is ClockChoice.FAST and self.fast is not None else self.start_hz


class ResetReason(StrEnum):
    """What made the MCU start, as far as boards tell; the order is that of the bits in the device protocol."""

    POWER = "power"
    PIN = "pin"
    SOFTWARE = "software"
    WATCHDOG = "watchdog"
    LOCKUP = "lockup"
    DEBUGGER = "debugger"
    LOW_POWER = "low-power"
    OPTIONS = "options"


@dataclass(frozen=True, slots=True)
class ResetFlag:
    """One of `bits` of the register is set where this was the reason."""

    reason: ResetReason
    name: str
    register: int
    bits: int


@dataclass(frozen=True, slots=True)
class ResetFlags:
    """clear: the steps that make the MCU forget them, so that the next reset's stand alone."""

    flags: tuple[ResetFlag, ...]
    clear: tuple[RegisterStep, ...]


NO_RESET_FLAGS = ResetFlags((), ())


def parse_clock(reader: TableReader, start: TableReader | None) -> tuple[Clock, tuple[RegisterStep, ...]]:
    """The clock, and the steps that always come first. start: the table of that name, where there is one."""
    reset_hz, internal_hz, max_hz = (
        reader.integer(key, 1, MAX_CLOCK_HZ) for key in ("reset_hz", "internal_hz", "max_hz")
    )
    start_hz = reset_hz
    steps: tuple[RegisterStep, ...] = ()
    if start is not None:
        start_hz = start.integer("core_hz", 1, MAX_CLOCK_HZ) if start.has("core_hz") else reset_hz
        steps = parse_steps(start, "setup")
        start.finish()
    clock = Clock(reset_hz, start_hz, internal_hz, max_hz, _fast(reader.table("fast")) if reader.has("fast") else None)
    if clock.internal_hz > clock.max_hz:
        reader.complain("internal_hz", f"is {clock.internal_hz:,}, above max_hz, {clock.max_hz:,}")
    if clock.fast is not None and not clock.start_hz <= clock.fast.core_hz <= clock.max_hz:
        reader.complain("fast.core_hz", f"must be {clock.start_hz:,} to {clock.max_hz:,}, is {clock.fast.core_hz:,}")
    reader.finish()
    return clock, steps


def _fast(reader: TableReader) -> FastClock:
    fast = FastClock(
        core_hz=reader.integer("core_hz", 1, MAX_CLOCK_HZ),
        uart_hz=reader.integer("uart_hz", 1, MAX_CLOCK_HZ),
        source=reader.text("source"),
        setup=parse_steps(reader, "setup"),
    )
    reader.finish()
    return fast


def parse_reset(reader: TableReader) -> ResetFlags:
    """The table `reset`."""
    flags = []
    for entry in reader.tables("flags"):
        flags.append(
            ResetFlag(
                reason=ResetReason(entry.choice("reason", list(ResetReason))),
                name=entry.text("name"),
                register=entry.integer("register", 0, MAX_WORD),
                bits=entry.integer("bits", 1, MAX_WORD),
            )
        )
        entry.finish()
    found = ResetFlags(tuple(flags), parse_steps(reader, "clear"))
    reader.finish()
    return found
