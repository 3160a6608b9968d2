# SPDX-License-Identifier: Apache-2.0
"""Whether a model's memory fits a board, and what to do where it doesn't."""

from __future__ import annotations

from collections.abc import Sequence

from sapmcu.boards.board import Board, all_boards
from sapmcu.boards.placement import arena_room_bytes, largest_arena_bytes
from sapmcu.errors import UserError
from sapmcu.ir.build import Engine
from sapmcu.ir.memory import BoardRoom, Fit, MemoryReport, Optimize
from sapmcu.ir.native import NativeProgram

SHOWN_BOARDS = 3
LEAST_CODE_BYTES = 4_000
"""Of the smallest firmware with the native engine."""


def board_fit(board: Board, memory: MemoryReport) -> Fit:
    """The region that takes the arena (the largest where none has room), and what the model leaves."""
    need = memory.tflm.required_bytes
    rooms = {name: arena_room_bytes(board, board.region(name)) for name in board.defaults.arena}
    region = next((name for name, room in rooms.items() if room >= need), max(rooms, key=lambda name: rooms[name]))
    return Fit(
        board=board.name,
        sram_region=region,
        sram_bytes=rooms[region],
        sram_left_bytes=rooms[region] - need,
        flash_bytes=board.flash_bytes,
        flash_left_bytes=board.flash_bytes - memory.flash_bytes,
    )


def check_fit(fit: Fit, memory: MemoryReport, other_way: str = "", native_lack: str = "") -> None:
    """Raises: UserError with both numbers, the op at the peak and boards that would do. other_way: for the hint."""
    if fit.fits:
        return
    need = memory.tflm.required_bytes
    sentences = []
    if fit.sram_left_bytes < 0:
        sentences.append(f"{need:,} bytes of SRAM; {fit.board} has {fit.sram_bytes:,} for it in {fit.sram_region}")
    if fit.flash_left_bytes < 0:
        sentences.append(f"{memory.flash_bytes:,} bytes of flash; {fit.board} has {fit.flash_bytes:,}")
    peak = memory.peak
    parts = " + ".join(f"{size:,}" for _, size in peak.live)
    details = [f"peak at op {peak.index} {peak.type}: {parts}" if peak.live else f"peak at op {peak.index} {peak.type}"]
    if native_lack:
        details.append(f"native engine: {native_lack}")
    hint = "; or ".join(filter(None, (other_way, _other_boards(need, memory.flash_bytes))))
    raise UserError(f"{memory.model} needs {' and '.join(sentences)}", details=details, hint=hint)


def native_shortage(board: Board, program: NativeProgram) -> str:
    """What the native engine lacks on the board, "" if nothing; a link can still miss a few kilobytes of flash."""
    if program.plan.arena_bytes > largest_arena_bytes(board, apart_bytes=program.plan.apart_bytes):
        return "its arena has no place on the board"
    if program.constants_bytes + LEAST_CODE_BYTES > board.flash_bytes:
        return (
            f"its constants take {program.constants_bytes:,} bytes of flash and its code some "
            f"{LEAST_CODE_BYTES:,}; {board.name} has {board.flash_bytes:,}"
        )
    return ""


def fitting_engines(fit: Fit, memory: MemoryReport, native_lack: str, optimize: Optimize) -> tuple[Engine, ...]:
    """The engines with which the model fits the board. native_lack: why not with the native engine.

    Raises: UserError where it is none.
    """
    engines = ((Engine.NATIVE, not native_lack), (Engine.TFLM, fit.fits))
    if not any(is_fit for _, is_fit in engines):
        other_way = "leave out --optimize none: ops by rows need less" if optimize is Optimize.NONE else ""
        check_fit(fit, memory, other_way, native_lack)
    return tuple(engine for engine, is_fit in engines if is_fit)


def engine_warnings(engines: Sequence[Engine], fit: Fit, memory: MemoryReport, native_lack: str) -> tuple[str, ...]:
    """Why an engine's firmware isn't there."""
    if Engine.NATIVE not in engines:
        return (f"no firmware for the native engine: {native_lack}",)
    if Engine.TFLM not in engines:
        need = f"{memory.tflm.required_bytes:,} bytes of SRAM and {memory.flash_bytes:,} of flash"
        return (f"no firmware for TFLM: it needs {need}, which {fit.board} lacks",)
    return ()


def board_rooms() -> tuple[BoardRoom, ...]:
    """The boards of the list, least SRAM first."""
    boards = sorted(all_boards(), key=lambda board: (board.sram_bytes, board.name))
    return tuple(BoardRoom(board.name, largest_arena_bytes(board), board.flash_bytes) for board in boards)


def fitting_boards(arena_bytes: int, flash_bytes: int) -> tuple[str, ...]:
    """Names of the boards with room for both, least SRAM first."""
    return tuple(
        room.name for room in board_rooms() if room.arena_bytes >= arena_bytes and room.flash_bytes >= flash_bytes
    )


def _other_boards(arena_bytes: int, flash_bytes: int) -> str:
    fitting = fitting_boards(arena_bytes, flash_bytes)
    if not fitting:
        return "no board that sapmcu knows is large enough; take a smaller input or a narrower network"
    return f"--board {' or '.join(fitting[:SHOWN_BOARDS])} has room"
