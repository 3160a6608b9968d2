# SPDX-License-Identifier: Apache-2.0
"""Renode's Monitor over its socket: a command line with echo and colours, by telnet.

What it wants to negotiate is left unanswered: it goes on all the same, and wraps no lines where it knows no width.

Sources: Renode documentation, "Running Renode in different modes", "Monitor and script syntax"; RFC 854 and 855;
renode/renode-infrastructure 0c7d0762, src/UI/CommandLineInterface.cs, Main/Utilities/SocketServerProvider.cs and
Extensions/UserInterface/Monitor.cs of src/Emulator: what it negotiates, its prompts, how errors begin.
"""

from __future__ import annotations

import re
import socket
import time
from contextlib import suppress
from pathlib import Path

from sapmcu.errors import ToolError

IAC, DONT, DO, WONT, WILL, SB, SE = 255, 254, 253, 252, 251, 250, 240
COMMAND_OF_OPTION = (DONT, DO, WONT, WILL)
CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
"""Colours and movements of the cursor."""
PROMPT = re.compile(r"\(([\w.-]+)\) $")
"""The machine's name, `monitor` where there is none; the last on the line, nothing behind it."""
ERRORS = (
    "There was an error executing command",
    "No such command or device",
    "No such variable",
    "Could not tokenize here",
    "Could not find file",
    "Bad parameters for command",
)
READ_BYTES = 1 << 16


class MonitorError(ToolError):
    """The Monitor refused a command, or says nothing more."""


class Monitor:
    """A connection to the Monitor. Nothing is waited for longer than timeout_s."""

    def __init__(self, connection: socket.socket, timeout_s: float) -> None:
        """Raises: MonitorError where no prompt comes."""
        self._socket = connection
        self._timeout_s = timeout_s
        self._telnet = _Telnet()
        try:
            self.banner = self._until_prompt("")
        except MonitorError:
            self.close()
            raise

    def command(self, line: str) -> str:
        """What the Monitor prints in answer. Raises: MonitorError."""
        try:
            self._socket.sendall(line.encode("utf-8").replace(b"\xff", b"\xff\xff") + b"\n")
        except OSError:
            raise MonitorError("Renode closed its Monitor", command=line) from None
        text = self._until_prompt(line)
        if any(error in text for error in ERRORS):
            raise MonitorError("Renode refused a command", command=line, output=text)
        return text

    def quit(self, timeout_s: float) -> None:
        """Tell Renode to end; returns when it hangs up, or doesn't in time."""
        self._timeout_s = timeout_s
        with suppress(MonitorError):
            self.command("quit")

    def close(self) -> None:
        self._socket.close()

    def _until_prompt(self, line: str) -> str:
        """The text between the echo of a line and the next prompt, which ends what comes."""
        deadline = time.monotonic() + self._timeout_s
        text = ""
        while True:
            text += CONTROL.sub("", self._receive(deadline, line, text))
            plain = CONTROL.sub("", text).replace("\r", "\n")
            behind = plain.partition(line)[2] if line else plain
            if (not line or line in plain) and (prompt := PROMPT.search(behind)):
                lines = [one.rstrip() for one in behind[: prompt.start()].split("\n")]
                return "\n".join(one for one in lines if one)

    def _receive(self, deadline: float, line: str, text: str) -> str:
        """Text that has come, at least a character. Raises: MonitorError with the text before it."""
        while True:
            self._socket.settimeout(max(0.01, deadline - time.monotonic()))
            try:
                data = self._socket.recv(READ_BYTES)
            except TimeoutError:
                said = f"Renode's Monitor didn't answer in {self._timeout_s:g} s"
                raise MonitorError(said, command=line or None, output=text) from None
            except OSError:
                data = b""
            if not data:
                raise MonitorError("Renode closed its Monitor", command=line or None, output=text)
            if received := self._telnet.feed(data):
                return received.decode("utf-8", "replace")


class _Telnet:
    """Takes what telnet negotiates out of a stream of bytes."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> bytes:
        """The text in it; a command that isn't complete waits for more."""
        data, self._rest = self._rest + data, b""
        text = bytearray()
        index = 0
        while index < len(data):
            if data[index] != IAC:
                text.append(data[index])
                index += 1
                continue
            end = _command_end(data, index)
            if end is None:
                self._rest = data[index:]
                break
            if end - index == 2 and data[index + 1] == IAC:
                text.append(IAC)
            index = end
        return bytes(text)


def _command_end(data: bytes, index: int) -> int | None:
    """Behind the command that begins at index; None where it isn't all there."""
    if index + 1 >= len(data):
        return None
    if data[index + 1] in COMMAND_OF_OPTION:
        return index + 3 if index + 3 <= len(data) else None
    if data[index + 1] == SB:
        end = data.find(bytes([IAC, SE]), index + 2)
        return None if end < 0 else end + 2
    return index + 2


def monitor_path(path: Path) -> str:
    """A path as a token of the Monitor. Raises: MonitorError for what its syntax has no way to say."""
    text = str(path.resolve())
    if re.search(r"[;\t\n]", text):
        raise MonitorError(
            f"Renode can't take the path {text!r}", hint="move the project to a path without `;` and tabs"
        )
    return "@" + text.replace(" ", "\\ ")
