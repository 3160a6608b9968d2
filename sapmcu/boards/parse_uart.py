# SPDX-License-Identifier: Apache-2.0
"""The table `uart` of a board file -> Uart."""

from __future__ import annotations

from sapmcu.boards.uart import FAMILIES, Uart, UartAction, UartPort, UartStep
from sapmcu.toml_table import MAX_ADDRESS, TableReader

MAX_CLOCK_HZ = 1_000_000_000
MAX_WORD = MAX_ADDRESS - 1
PORT_KEYS = ("family", "clock_hz", "setup")
ACTIONS = ("write", "set", "clear", "until_set", "until_clear")


def parse_uart(reader: TableReader) -> Uart:
    """Read the serial port; what drives it may be left out, as a whole."""
    base, baud = reader.integer("base", 0, MAX_WORD), reader.integer("baud", 1, 12_000_000)
    uart = Uart(
        peripheral=reader.text("peripheral"),
        base=base,
        tx=reader.text("tx"),
        rx=reader.text("rx"),
        baud=baud,
        is_on_debugger=reader.boolean("is_on_debugger"),
        port=_port(reader, baud) if any(map(reader.has, PORT_KEYS)) else None,
    )
    reader.finish()
    return uart


def _port(reader: TableReader, baud: int) -> UartPort:
    family = reader.choice("family", FAMILIES)
    clock_hz = reader.integer("clock_hz", 1, MAX_CLOCK_HZ)
    divisor = FAMILIES[family].divisor(clock_hz, baud)
    if divisor is None and reader.is_sound:
        reader.complain("baud", f"can't be {baud:,} with {family} at {clock_hz:,} Hz")
    setup = tuple(map(_step, reader.tables("setup"))) if reader.has("setup") else ()
    return UartPort(family, clock_hz, divisor or 0, setup)


def _step(reader: TableReader) -> UartStep:
    """One of write, set and clear (clear first), until_set, until_clear."""
    values = {key: reader.integer(key, 0 if key == "write" else 1, MAX_WORD) for key in ACTIONS if reader.has(key)}
    if not values or (len(values) > 1 and values.keys() != {"set", "clear"}):
        reader.complain(
            "", f"must have one of {', '.join(ACTIONS)}, or set and clear; has {', '.join(values) or 'none'}"
        )
    bits, is_wait = values.get("set", 0), "until_set" in values or "until_clear" in values
    if "write" in values:
        action, mask, value = UartAction.WRITE, MAX_WORD, values["write"]
    elif is_wait:
        value = values.get("until_set", 0)
        action, mask = UartAction.WAIT, value | values.get("until_clear", 0)
    else:
        action, mask, value = UartAction.CHANGE, bits | values.get("clear", 0), bits
    register = reader.integer("register", 0, MAX_WORD)
    if register % 4:
        reader.complain("register", f"must be the address of a word, is {register:#010x}")
    step = UartStep(action, reader.text("name"), register, mask, value, reader.text("why"))
    reader.finish()
    return step
