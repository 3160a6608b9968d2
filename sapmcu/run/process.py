# SPDX-License-Identifier: Apache-2.0
"""A device that is a process of the host: its standard input and output are the stream, standard error its console."""

from __future__ import annotations

import os
import selectors
import subprocess
import tempfile
import time
from collections.abc import Sequence
from typing import IO

from sapmcu.run.protocol import DeviceError, LineError

READ_BYTES = 1 << 16
LOG_BYTES = 4096


class ProcessStream:
    """The stream of a child process. Nothing is waited for longer than timeout_s."""

    def __init__(self, command: Sequence[str], timeout_s: float, pass_fds: Sequence[int] = ()) -> None:
        self.command = tuple(command)
        self._timeout_s = timeout_s
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  # lives as long as the process
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log, bufsize=0, pass_fds=pass_fds
        )
        assert self.process.stdin is not None and self.process.stdout is not None
        self._input, self._output = self.process.stdin, self.process.stdout
        os.set_blocking(self._input.fileno(), False)

    def write(self, data: bytes) -> None:
        """Send all of it, as fast as the device takes it."""
        left = memoryview(data)
        deadline = time.monotonic() + self._timeout_s
        while left:
            self._wait(self._input, selectors.EVENT_WRITE, deadline)
            try:
                left = left[os.write(self._input.fileno(), left) :]
            except BlockingIOError:
                continue
            except BrokenPipeError:
                raise self._failure("ended") from None

    def read(self, timeout_s: float | None = None) -> bytes:
        """What has arrived, one byte or more."""
        limit_s = self._timeout_s if timeout_s is None else timeout_s
        self._wait(self._output, selectors.EVENT_READ, time.monotonic() + limit_s)
        data = os.read(self._output.fileno(), READ_BYTES)
        if not data:
            raise self._failure("ended")
        return data

    def _wait(self, file: IO[bytes], event: int, deadline: float) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(file, event)
            if not selector.select(max(0.0, deadline - time.monotonic())):
                raise LineError(f"the device didn't answer in {self._timeout_s:g} s", output=self.console())

    def _failure(self, what: str) -> DeviceError:
        """What it said last is most of what there is to know."""
        if what == "ended":
            self.process.wait(self._timeout_s)
        return DeviceError(f"the device {what}", output=self.console())

    def console(self) -> str:
        """The end of what the program has printed."""
        size = self._log.seek(0, os.SEEK_END)
        self._log.seek(max(0, size - LOG_BYTES))
        return self._log.read().decode(errors="replace")

    def close(self) -> None:
        """End the process."""
        self._input.close()
        self.process.kill()
        self.process.wait()
        self._output.close()
        self._log.close()
