# SPDX-License-Identifier: Apache-2.0
"""The log of a board at a serial port, over its whole life: unplugged and connected again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from sapmcu.errors import ToolError
from sapmcu.run.log_text import LogText
from sapmcu.run.protocol import DeviceError, LineError
from sapmcu.run.serial_port import SerialStream, only_port, serial_ports

READ_S = 0.2
RETRY_S = 0.5


def watch(port: str | None, baud: int, note: Callable[[str], None], *, waits: bool = True) -> Iterator[str]:
    """What the board prints, as it comes. note: told when the board goes and comes back.

    port: None for the only one. waits: whether to wait for a board that is gone; else that is the end.
    Raises: ToolError where the port can't be opened at first.
    """
    name = port or only_port()
    serial_number = _serial_number(name)
    stream: SerialStream | None = SerialStream(name, baud)
    note(f"{name}, {baud:,} baud; Ctrl-C ends")
    while stream is not None:
        yield from _log(stream)
        stream.close()
        note(f"{name} is gone")
        stream = _again(name, serial_number, baud, note) if waits else None


def _log(stream: SerialStream) -> Iterator[str]:
    """Until the board goes."""
    text = LogText()
    while True:
        try:
            found = text.feed(stream.read(READ_S))
        except LineError:
            found = text.flush()
        except DeviceError:
            break
        if found:
            yield found
    if rest := text.flush():
        yield rest


def _again(name: str, serial_number: str | None, baud: int, note: Callable[[str], None]) -> SerialStream:
    """Wait for the same board, which may come back under another name."""
    while True:
        time.sleep(RETRY_S)
        same = (one.device for one in serial_ports() if serial_number and one.serial_number == serial_number)
        found = next(same, name)
        try:
            stream = SerialStream(found, baud)
        except ToolError:
            continue  # not there yet, or not yet ours: udev sets the group a moment later
        note(f"{found} is there again")
        return stream


def _serial_number(name: str) -> str | None:
    return next((one.serial_number for one in serial_ports() if one.device == name), None)
