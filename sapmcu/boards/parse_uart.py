# SPDX-License-Identifier: Apache-2.0
"""The table `uart` of a board file -> Uart."""

from __future__ import annotations

from sapmcu.boards.steps import MAX_WORD, parse_steps
from sapmcu.boards.uart import FAMILIES, Uart, UartPort
from sapmcu.toml_table import TableReader

MAX_CLOCK_HZ = 1_000_000_000
PORT_KEYS = ("family", "clock_hz", "setup")


def parse_uart(reader: TableReader, fast_hz: int | None) -> Uart:
    """Read the serial port; what drives it may be left out, as a whole. fast_hz: its clock when the core is fast."""
    base, baud = reader.integer("base", 0, MAX_WORD), reader.integer("baud", 1, 12_000_000)
    uart = Uart(
        peripheral=reader.text("peripheral"),
        base=base,
        tx=reader.text("tx"),
        rx=reader.text("rx"),
        baud=baud,
        is_on_debugger=reader.boolean("is_on_debugger"),
        port=_port(reader, baud, fast_hz) if any(map(reader.has, PORT_KEYS)) else None,
    )
    reader.finish()
    return uart


def _port(reader: TableReader, baud: int, fast_hz: int | None) -> UartPort:
    family = reader.choice("family", FAMILIES)
    clock_hz = reader.integer("clock_hz", 1, MAX_CLOCK_HZ)
    divisors = {hz: FAMILIES[family].divisor(hz, baud) for hz in (clock_hz, fast_hz) if hz is not None}
    if reader.is_sound:
        for hz, divisor in divisors.items():
            if divisor is None:
                reader.complain("baud", f"can't be {baud:,} with {family} at {hz:,} Hz")
    fast = None if fast_hz is None else divisors[fast_hz] or 0
    return UartPort(family, clock_hz, divisors[clock_hz] or 0, parse_steps(reader, "setup"), fast)
