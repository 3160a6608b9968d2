# SPDX-License-Identifier: Apache-2.0
"""The UART of a board as the data that port/uart/stream.c walks."""

from __future__ import annotations

from sapmcu.boards.board import Board
from sapmcu.boards.uart import FAMILIES, UartAction, UartStep
from sapmcu.emit.c_source import c_comment
from sapmcu.emit.origin import Origin, block_comment

ACTIONS = {
    UartAction.WRITE: "SAPMCU_UART_WRITE",
    UartAction.CHANGE: "SAPMCU_UART_CHANGE",
    UartAction.WAIT: "SAPMCU_UART_WAIT",
}


def uart_sources(board: Board) -> dict[str, str]:
    """What drives the UART of a board that says how: path in the project -> path below firmware/."""
    assert board.uart is not None and board.uart.port is not None
    names = ("stream.c", FAMILIES[board.uart.port.family].source)
    return {f"port/uart/{name}": f"port/uart/{name}" for name in names}


def emit_uart(board: Board, origin: Origin) -> bytes:
    """The C file that defines sapmcu_board_uart."""
    uart = board.uart
    assert uart is not None and uart.port is not None
    title = (
        f"{uart.peripheral} of {board.title} ({board.mcu}): TX {uart.tx}, RX {uart.rx}, "
        f"{uart.baud:,} baud from {uart.port.clock_hz:,} Hz."
    )
    steps = [line for step in uart.port.setup for line in _step(step)]
    table = ["static const sapmcu_uart_step steps[] = {", *steps, "};", ""] if steps else []
    lines = [
        "/* SPDX-License-Identifier: Apache-2.0 */",
        *block_comment((c_comment(title), *origin.lines)),
        '#include "port/uart/uart.h"',
        "",
        *table,
        "const sapmcu_uart sapmcu_board_uart = {",
        f"    .base = {uart.base:#010x}u,",
        f"    .divisor = {uart.port.divisor:#x}u,",
        f"    .steps = {'steps' if steps else 'NULL'},",
        f"    .step_count = {len(uart.port.setup)},",
        "};",
    ]
    return ("\n".join(lines) + "\n").encode("ascii")


def _step(step: UartStep) -> tuple[str, str]:
    numbers = ", ".join(f"{number:#010x}u" for number in (step.register, step.mask, step.value))
    return f"    /* {c_comment(step.name)}: {c_comment(step.why)} */", f"    {{{ACTIONS[step.action]}, {numbers}}},"
