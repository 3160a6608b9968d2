# SPDX-License-Identifier: Apache-2.0
"""What `sapmcu run` and `test --port` do: the project's vectors through its firmware on a board."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sapmcu.boards.board import Board
from sapmcu.boards.converted import converted_board
from sapmcu.build.project import load_project
from sapmcu.emulation import locate_difference, predicted_arena_bytes
from sapmcu.errors import UserError
from sapmcu.first_difference import first_op_that_differs
from sapmcu.ir.build import Engine
from sapmcu.ir.firmware import FILE_NAMES
from sapmcu.ir.run import BoardState, Fault, Measurement, Run, TestRun, VectorResult
from sapmcu.run.board import RUN_S, BoardSession, Expected
from sapmcu.run.protocol import LineError
from sapmcu.run.session import check_inputs, first_difference
from sapmcu.vectors import HINT, load_vectors, vectors_to_run

DEFAULT_BAUD = 115_200


@dataclass(frozen=True, slots=True)
class SerialPort:
    """Where the board is. baud: None for what its file says. run_s: how long one inference may take."""

    name: str
    baud: int | None = None
    run_s: float = RUN_S


def project_board(project_dir: Path) -> tuple[str, Board | None]:
    """(name of the project's board, its facts; None where nobody knows them). Raises: UserError."""
    firmware = project_dir / "firmware"
    engine = next((one for one in Engine if (firmware / FILE_NAMES[one]).is_file()), Engine.NATIVE)
    name = load_project(firmware, engine).board
    return name, converted_board(firmware, name)


def run_on_board(project_dir: Path, port: SerialPort, inputs: Sequence[Path] | None = None) -> Run:
    """One inference: of the first test vector, or of the user's own inputs, one .npy file each.

    Raises: UserError, ToolError.
    """
    vectors = vectors_to_run(project_dir, inputs)
    _, board = project_board(project_dir)
    with board_session(project_dir, port) as session:
        identity = session.identity
        check_inputs(identity, vectors)
        ((outputs, counters),) = (session.invoke(one) for one in vectors)
        state = _state(session)
    return Run(
        emulator=None,
        identity=identity,
        outputs=(outputs,),
        outputs_equal=outputs == vectors[0].outputs if inputs is None else None,
        measurement=Measurement(cycles=counters.cycles, stack_bytes=counters.stack_bytes),
        code_bytes=None,
        model_bytes=None,
        arena_bytes=identity.arena_bytes,
        stack_bytes=counters.stack_bytes,
        static_bytes=None,
        arena_predicted_bytes=_predicted(project_dir, identity.engine),
        port=port.name,
        clock_hz=core_hz(state, board),
        notes=start_notes(state),
    )


def test_on_board(project_dir: Path, port: SerialPort) -> TestRun:
    """All of testdata/; the first difference says which op is the first to differ, if that can be told.

    Raises: UserError, ToolError.
    """
    vectors = load_vectors(project_dir)
    _, board = project_board(project_dir)
    results = []
    with board_session(project_dir, port) as session:
        check_inputs(session.identity, vectors)
        for number, vector in enumerate(vectors):
            begin = time.monotonic()
            got, counters = session.invoke(vector)
            seconds = time.monotonic() - begin
            results.append(VectorResult(number, seconds, first_difference(number, vector, got), counters.cycles))
        state = _state(session)
        done = TestRun(
            emulator=None,
            identity=session.identity,
            results=tuple(results),
            arena_predicted_bytes=_predicted(project_dir, session.identity.engine),
            port=port.name,
            clock_hz=core_hz(state, board),
            notes=start_notes(state),
        )
        if done.first_difference is None:
            return done
        try:
            op = first_op_that_differs(session.device, project_dir, vectors[done.first_difference.vector])
        except LineError:
            op = None
    return locate_difference(done, op)


test_on_board.__test__ = False  # type: ignore[attr-defined]  # not a test of pytest's


def core_hz(state: BoardState | None, board: Board | None) -> int | None:
    """What the core runs at, as the firmware says; else as the board's file has it for startup."""
    if state is not None and state.core_hz:
        return state.core_hz
    return None if board is None else board.clock.start_hz


def _state(session: BoardSession) -> BoardState | None:
    try:
        return session.device.read_board()
    except LineError:
        return None


def start_notes(state: BoardState | None) -> tuple[str, ...]:
    """What a user should know of how the board has started."""
    if state is None:
        return ()
    steps = (("start", state.failed_start_step), ("clock", state.failed_clock_step))
    return tuple(
        f"step {step} of the board's {what} waited in vain; its core runs at {state.core_hz / 1e6:g} MHz"
        for what, step in steps
        if step
    )


def fault_place(project_dir: Path, fault: Fault) -> tuple[str, ...]:
    """Function and line of a fault, by the project's newest build; nothing where there is none or it doesn't tell."""
    from sapmcu.run.elf import load_program, source_line

    builds = sorted((project_dir / "build").glob("*/firmware.elf"), key=lambda path: path.stat().st_mtime)
    if not builds or not fault.pc:
        return ()
    program, lines = load_program(builds[-1]), []
    for what, address in (("at", fault.pc), ("called from", (fault.lr & ~1) - 2)):
        if (function := program.function_at(address & ~1)) is not None:
            line = source_line(builds[-1], address & ~1) or "no line known"
            lines.append(f"{what} {function.name} ({line}), if {builds[-1].parent.name} is what is flashed")
    return tuple(lines)


def board_session(project_dir: Path, port: SerialPort) -> BoardSession:
    """The project's firmware at a port. Raises: UserError, ToolError."""
    name, board = project_board(project_dir)
    path = project_dir / "model.tflite"
    try:
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise UserError(f"{path} can't be read: {error.strerror}", hint=HINT) from error
    uart = None if board is None else board.uart
    baud = port.baud or (DEFAULT_BAUD if uart is None else uart.baud)
    return BoardSession(
        port.name,
        baud,
        Expected(sha256, name),
        run_s=port.run_s,
        place=lambda fault: fault_place(project_dir, fault),
    )


def _predicted(project_dir: Path, engine: str) -> int | None:
    return predicted_arena_bytes(project_dir) if engine == Engine.TFLM else None
