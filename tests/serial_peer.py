# SPDX-License-Identifier: Apache-2.0
"""A device at the far end of a pseudo-terminal, over a line that a test may disturb."""

from __future__ import annotations

import os
import select
import threading
import tty
from collections.abc import Callable, Sequence
from contextlib import suppress
from subprocess import DEVNULL, PIPE, Popen

Line = Callable[[bytes], bytes]


def straight(data: bytes) -> bytes:
    return data


class Terminal:
    """A pseudo-terminal: `name` is the port, `send` and `receive` are its far end. Unplug it, or leave the block."""

    def __init__(self) -> None:
        self.master, self._slave = os.openpty()
        tty.setraw(self._slave)
        self.name = os.ttyname(self._slave)
        self.is_plugged = True

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        self.unplug()

    def send(self, data: bytes) -> None:
        with suppress(OSError):
            os.write(self.master, data)

    def receive(self, timeout_s: float) -> bytes:
        """What has come; nothing where nothing does, or the line is unplugged."""
        with suppress(OSError, ValueError):
            if select.select([self.master], [], [], timeout_s)[0]:
                return os.read(self.master, 4096)
        return b""

    def unplug(self) -> None:
        if self.is_plugged:
            self.is_plugged = False
            os.close(self.master)
            os.close(self._slave)


class Peer(Terminal):
    """A program that speaks the device protocol on its standard input and output; to_device, to_host: the line."""

    def __init__(self, command: Sequence[str], to_device: Line = straight, to_host: Line = straight) -> None:
        super().__init__()
        self._process = Popen(command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, bufsize=0)
        self._lines = to_device, to_host
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._pump)
        self._thread.start()

    def unplug(self) -> None:
        """The board goes, with what it runs."""
        self._ends.set()
        self._process.kill()
        if threading.current_thread() is not self._thread:
            self._thread.join()
            super().unplug()
            assert self._process.stdin is not None and self._process.stdout is not None
            self._process.stdin.close()
            self._process.stdout.close()
            self._process.wait()

    def _pump(self) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        inward, outward = self._process.stdin, self._process.stdout.fileno()
        with suppress(OSError):
            while not self._ends.is_set():
                for ready in select.select([self.master, outward], [], [], 0.02)[0]:
                    data = os.read(ready, 4096)
                    if not data:
                        return
                    if ready == outward:
                        os.write(self.master, self._lines[1](data))
                    else:
                        inward.write(self._lines[0](data))
