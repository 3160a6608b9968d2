# SPDX-License-Identifier: Apache-2.0
"""The UART of a board as the data that port/uart/stream.c walks."""

from __future__ import annotations

from sapmcu.boards.board import Board
from sapmcu.boards.uart import FAMILIES
from sapmcu.emit.c_source import c_comment
from sapmcu.emit.origin import Origin, block_comment
from sapmcu.emit.steps import steps_reference, steps_table


def uart_sources(board: Board) -> dict[str, str]:
    """What drives the UART of a board that says how: path in the project -> path below firmware/."""
    assert board.uart is not None and board.uart.port is not None
    names = ("stream.c", FAMILIES[board.uart.port.family].source)
    return {f"port/uart/{name}": f"port/uart/{name}" for name in names}


def emit_uart(board: Board, origin: Origin) -> bytes:
    """The C file that defines sapmcu_board_uart."""
    uart = board.uart
    assert uart is not None and uart.port is not None
    port = uart.port
    title = (
        f"{uart.peripheral} of {board.title} ({board.mcu}): TX {uart.tx}, RX {uart.rx}, "
        f"{uart.baud:,} baud from {port.clock_hz:,} Hz."
    )
    fast = port.divisor if port.fast_divisor is None else port.fast_divisor
    lines = [
        "/* SPDX-License-Identifier: Apache-2.0 */",
        *block_comment((c_comment(title), *origin.lines)),
        '#include "port/uart/uart.h"',
        "",
        *steps_table("setup", port.setup),
        "const sapmcu_uart sapmcu_board_uart = {",
        f"    .base = {uart.base:#010x}u,",
        f"    .divisor = {port.divisor:#x}u,",
        f"    .fast_divisor = {fast:#x}u,",
        f"    .setup = {steps_reference('setup', port.setup)},",
        "};",
    ]
    return ("\n".join(lines) + "\n").encode("ascii")
