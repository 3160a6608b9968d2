# SPDX-License-Identifier: Apache-2.0
"""A device behind a TCP port of this host."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable

from sapmcu.run.protocol import DeviceError, LineError

LOCALHOST = "127.0.0.1"
READ_BYTES = 1 << 16
RETRY_S = 0.05


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as one:
        one.bind((LOCALHOST, 0))
        port: int = one.getsockname()[1]
        return port


def connect(port: int, timeout_s: float, is_alive: Callable[[], bool]) -> socket.socket | None:
    """A connection to a program that is starting; None where it ended, or didn't listen in time."""
    deadline = time.monotonic() + timeout_s
    while is_alive() and time.monotonic() < deadline:
        try:
            return socket.create_connection((LOCALHOST, port), timeout_s)
        except OSError:
            time.sleep(RETRY_S)
    return None


class TcpStream:
    """The stream of a device. Nothing is waited for longer than timeout_s. console: what to show where it fails."""

    def __init__(self, connection: socket.socket, timeout_s: float, console: Callable[[], str]) -> None:
        self._socket = connection
        self._timeout_s = timeout_s
        self._console = console

    def write(self, data: bytes) -> None:
        """Send all of it."""
        self._socket.settimeout(self._timeout_s)
        try:
            self._socket.sendall(data)
        except TimeoutError:
            raise LineError(f"the device took nothing in {self._timeout_s:g} s", output=self._console()) from None
        except OSError:
            raise DeviceError("the device ended", output=self._console()) from None

    def read(self, timeout_s: float | None = None) -> bytes:
        """What has arrived, one byte or more."""
        patience = self._timeout_s if timeout_s is None else timeout_s
        self._socket.settimeout(patience)
        try:
            data = self._socket.recv(READ_BYTES)
        except TimeoutError:
            raise LineError(f"the device didn't answer in {patience:g} s", output=self._console()) from None
        except OSError:
            data = b""
        if not data:
            raise DeviceError("the device ended", output=self._console())
        return data

    def close(self) -> None:
        self._socket.close()
