# SPDX-License-Identifier: Apache-2.0
"""Boards as text: a list, or all facts of one."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from sapmcu.boards.board import Board
from sapmcu.boards.clock import ClockChoice
from sapmcu.report.terminal import columns, facts, number, render


def render_boards(boards: Sequence[Board], *, width: int | None = None) -> str:
    """A row a board; all facts where there is only one."""
    return render(*_one(boards[0]), width=width) if len(boards) == 1 else render(_list(boards), width=width)


def _list(boards: Sequence[Board]) -> Table:
    rows = [
        (
            ", ".join((board.name, *board.aliases)),
            board.mcu,
            board.core.removeprefix("cortex-").upper(),
            f"{board.clock.max_hz / 1e6:g}",
            number(board.sram_bytes // 1024),
            number(board.flash_bytes // 1024),
        )
        for board in boards
    ]
    return columns(("board", "mcu", "core", "MHz", "SRAM KiB", "flash KiB"), rows, right=(3, 4, 5), flexible=0)


def _one(board: Board) -> list[RenderableType]:
    features = [board.core, f"FPU {board.fpu.value}", *(["DSP"] if board.dsp else []), *(["MVE"] if board.mve else [])]
    clock = board.clock
    rows = [
        ("mcu", board.mcu, board.vendor),
        ("core", board.core.removeprefix("cortex-").upper(), ", ".join(features)),
        (
            "clock",
            f"{clock.max_hz / 1e6:g} MHz",
            f"{clock.internal_hz / 1e6:g} without parts outside, {clock.reset_hz / 1e6:g} after reset",
        ),
        *((f"--clock {choice}", f"{clock.core_hz(choice) / 1e6:g} MHz", how) for choice, how in _choices(board)),
    ]
    rows += [
        (
            region.name,
            number(region.size_bytes),
            f"bytes {region.kind.value} at {region.base:#010x}{_use(board, region.name)}",
        )
        for region in board.memory
    ]
    if board.uart is not None:
        uart = board.uart
        rows.append(("uart", uart.peripheral, f"TX {uart.tx}, RX {uart.rx}, {number(uart.baud)} baud"))
    emulator = board.emulator
    rows.append(
        (
            "emulator",
            emulator.qemu_machine,
            f"QEMU, {'this board' if emulator.is_exact else 'the same core'}; "
            f"unicorn {emulator.unicorn_cpu or 'lacks the core'}",
        )
    )
    rows += [
        ("flash with", method.tool, " ".join(f"{key}={value}" for key, value in method.arguments.items()))
        for method in board.flash_methods
    ]
    sources = [Text(f"source: {one.document}, {one.revision}: {one.facts}") for one in board.sources]
    return [Text(f"{board.name}: {board.title}"), Text(), facts(rows), Text(), *sources]


def _choices(board: Board) -> list[tuple[ClockChoice, str]]:
    """The clocks that firmware may start, and how."""
    fast = board.clock.fast
    clock = board.clock
    started = "as after reset" if clock.start_hz == clock.reset_hz else "started whatever is chosen"
    return [(ClockChoice.RESET, started), *([] if fast is None else [(ClockChoice.FAST, fast.source)])]


def _use(board: Board, region: str) -> str:
    defaults = board.defaults
    uses = [
        use
        for use, names in (
            ("code", (defaults.code,)),
            ("data", (defaults.data,)),
            ("stack", (defaults.stack,)),
            ("arena", defaults.arena),
        )
        if region in names
    ]
    return f": {', '.join(uses)}" if uses else ""
