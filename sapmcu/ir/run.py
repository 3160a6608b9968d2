# SPDX-License-Identifier: Apache-2.0
"""What a firmware did when it ran."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Identity:
    """What a device says of itself. op_count: 0 where it can't stop behind an op. board: empty where it doesn't say."""

    engine: str
    core: str
    build: str
    model: str
    sha256: str
    model_count: int
    arena_bytes: int
    op_count: int
    input_bytes: tuple[int, ...]
    output_bytes: tuple[int, ...]
    board: str = ""


@dataclass(frozen=True, slots=True)
class Counters:
    """What a device counts. cycles, ticks: of the last run, None where it has no such counter.

    stack_bytes: what the last invoke took below its caller. stack_peak_bytes: the most that the program has used.
    """

    runs: int
    cycles: int | None
    ticks: int | None
    stack_bytes: int
    stack_peak_bytes: int
    stack_size_bytes: int
    arena_bytes: int


@dataclass(frozen=True, slots=True)
class Fault:
    """An exception that ended a program. pc, lr, psr: of what it interrupted, 0 where the stack was at fault.

    exception: its number. cfsr, hfsr, address: why, and what was accessed; 0 where the core doesn't tell.
    """

    exception: int
    pc: int
    lr: int
    psr: int
    sp: int
    cfsr: int
    hfsr: int
    address: int


@dataclass(frozen=True, slots=True)
class BoardState:
    """How a board has started. core_hz: what its core runs at, nominally; 0 where nobody knows.

    failed_start_step, failed_clock_step: number from 1 of the step of the board's file that waited in vain, 0 for
    none; then the core runs at what it ran at before. reset_reasons: names, sorted as boards/clock.py has them. fault:
    of the program before this one.
    """

    core_hz: int
    failed_start_step: int
    failed_clock_step: int
    reset_reasons: tuple[str, ...]
    fault: Fault | None


@dataclass(frozen=True, slots=True)
class FunctionCost:
    """What one function did during an invoke, without what it called. estimated_cycles: as in Measurement."""

    name: str
    instructions: int
    calls: int
    estimated_cycles: int | None = None


@dataclass(frozen=True, slots=True)
class Measurement:
    """One invoke as its emulator or its device saw it; None for what nobody measured.

    cycles: by the counter of the core, which emulators lack.
    estimated_cycles: what the executed instructions take by the core's documented timings; timing: which those are.
    instructions_by_op, estimated_cycles_by_op: in the order of the ops; their sums are those of the invoke, of cycles
    but for rounding. profile: costly functions first. arena_used_bytes: up to the last byte that was written.
    """

    instructions: int | None = None
    cycles: int | None = None
    estimated_cycles: int | None = None
    timing: str | None = None
    instructions_by_op: tuple[int, ...] | None = None
    estimated_cycles_by_op: tuple[int, ...] | None = None
    profile: tuple[FunctionCost, ...] = ()
    stack_bytes: int | None = None
    arena_used_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """Vectors through one firmware. outputs: of each vector, of each output, raw little-endian bytes.

    emulator: None on a board, which is at the serial port `port`. outputs_equal: to what was expected; None where
    nothing was. The measurement is that of the last vector. code_bytes, model_bytes, static_bytes (data and bss beside
    the arena): of the build, None on a board. arena_predicted_bytes: what arena_bytes should be by the report of the
    conversion, for TFLM. clock_hz: of a board's core, None where it isn't known. notes: what a
    user should know of how a board has started.
    """

    emulator: str | None
    identity: Identity
    outputs: tuple[tuple[bytes, ...], ...]
    outputs_equal: bool | None
    measurement: Measurement
    code_bytes: int | None
    model_bytes: int | None
    arena_bytes: int
    stack_bytes: int
    static_bytes: int | None
    arena_predicted_bytes: int | None = None
    port: str | None = None
    clock_hz: int | None = None
    notes: tuple[str, ...] = ()

    @property
    def latency_us(self) -> float | None:
        """Of the last vector, from its cycles."""
        return latency_us(self.measurement.cycles, self.clock_hz)


@dataclass(frozen=True, slots=True)
class Difference:
    """The first byte of a vector's outputs that differs. op: index of the first op whose result differs, if known."""

    vector: int
    output: int
    index: int
    expected: int
    got: int
    op: int | None = None


@dataclass(frozen=True, slots=True)
class VectorResult:
    """One test vector; difference: None where all bytes are equal. cycles: None where nothing counted them."""

    vector: int
    seconds: float
    difference: Difference | None
    cycles: int | None = None


@dataclass(frozen=True, slots=True)
class TestRun:
    """All test vectors of a project. emulator and what has a default: as in Run."""

    emulator: str | None
    identity: Identity
    results: tuple[VectorResult, ...]
    arena_predicted_bytes: int | None = None
    port: str | None = None
    clock_hz: int | None = None
    notes: tuple[str, ...] = ()

    __test__ = False  # not a test of pytest's

    @property
    def first_difference(self) -> Difference | None:
        return next((one.difference for one in self.results if one.difference is not None), None)


def latency_us(cycles: int | None, clock_hz: int | None) -> float | None:
    """How long so many cycles take; None where either isn't known."""
    return None if cycles is None or not clock_hz else cycles * 1e6 / clock_hz


def run_place(run: Run | TestRun) -> str:
    """ "in qemu", or "at /dev/ttyACM0": where a firmware ran."""
    return f"at {run.port}" if run.emulator is None else f"in {run.emulator}"
