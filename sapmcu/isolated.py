# SPDX-License-Identifier: Apache-2.0
"""Run a function in a process of its own: for libraries that are large, talkative, or crash on a hostile file.

One process serves all calls of the converters, so that TensorFlow is imported once; its output goes to a log of which
only an error shows the end. It has no network.
"""

from __future__ import annotations

import atexit
import os
import pickle
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable
from functools import cache
from multiprocessing.connection import Connection
from pathlib import Path
from typing import IO, Any

from sapmcu.errors import ToolError

Progress = Callable[[str], None]
TIMEOUT_S = 900.0

ENVIRONMENT = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_ENABLE_ONEDNN_OPTS": "0",  # else rounding depends on the machine's instruction set
    "CUDA_VISIBLE_DEVICES": "-1",
    "KERAS_BACKEND": "tensorflow",
    "PYTHONHASHSEED": "0",
    "PYTHONWARNINGS": "ignore",
}
UNSET = ("TF_USE_LEGACY_KERAS",)


def silent(text: str) -> None:
    """A Progress that says nothing."""


def call(task: str, *arguments: Any, progress: Progress = silent, timeout_s: float = TIMEOUT_S) -> Any:
    """Return function(report, *arguments), run in the other process.

    task: "module:function" of sapmcu; `report` is a Progress whose lines arrive at `progress`. Raises: what the
    function raises; ToolError where its process dies or takes longer than timeout_s.
    """
    try:
        return _child().call(task, arguments, progress, timeout_s)
    except ChildError as error:
        raise ToolError(
            f"the converter {error} on this model",
            hint="check that the model loads where it was trained; if it does, this is worth a bug report",
            command=task,
            returncode=error.returncode,
            output=error.output,
        ) from None


@cache
def _child() -> Child:
    child = Child()
    atexit.register(child.close)
    return child


class ChildError(Exception):
    """The process ended or took too long; the text is the predicate of a sentence. output: the end of its log."""

    def __init__(self, what: str, returncode: int, output: str) -> None:
        super().__init__(what)
        self.returncode, self.output = returncode, output


class Child:
    """The process, started with the first call and again after a crash. Whoever makes one closes it at exit."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[bytes] | None = None
        self.directory = Path()
        self.connection: Connection
        self.log: IO[bytes]

    def call(self, task: str, arguments: tuple[Any, ...], progress: Progress, timeout_s: float) -> Any:
        """Raises: what the function raises; ChildError."""
        if self.process and self.directory != Path.cwd():
            self.close()  # paths in the arguments start from where we are now
        process = self.process or self._start()
        try:
            self.connection.send((task, arguments))
            kind, value = self._answer(progress, time.monotonic() + timeout_s)
        except (EOFError, OSError, pickle.UnpicklingError) as error:
            process.kill()
            returncode, output = process.wait(), self._tail()
            self.close()
            what = f"took over {timeout_s:g} s" if isinstance(error, TimeoutError) else "crashed"
            raise ChildError(what, returncode, output) from None
        except BaseException:  # an interrupt leaves the connection in an unknown state
            self.close()
            raise
        if kind == "error":
            raise value
        return value

    def _answer(self, progress: Progress, deadline: float) -> tuple[str, Any]:
        while self.connection.poll(max(0.0, deadline - time.monotonic())):
            kind, value = self.connection.recv()
            if kind != "progress":
                return kind, value
            progress(value)
        raise TimeoutError

    def _start(self) -> subprocess.Popen[bytes]:
        ours, theirs = socket.socketpair()
        self.log = tempfile.TemporaryFile()  # noqa: SIM115  # lives as long as the process
        scripts = sysconfig.get_path("scripts")  # onnx2tf runs onnxsim from PATH
        environment = {key: value for key, value in os.environ.items() if key not in UNSET}
        environment |= ENVIRONMENT | {"PATH": os.pathsep.join([scripts, os.environ.get("PATH", os.defpath)])}
        with theirs:
            process = subprocess.Popen(
                # -P: a keras.py in the user's directory must not be taken for the library
                [sys.executable, "-P", "-m", "sapmcu.isolated_worker", str(theirs.fileno())],
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=self.log,
                stderr=self.log,
                env=environment,
            )
        self.connection = Connection(ours.detach())
        self.process, self.directory = process, Path.cwd()
        return process

    def close(self) -> None:
        """End the process."""
        if self.process is None:
            return
        self.process.kill()
        self.process.wait()
        self.process = None
        self.connection.close()
        self.log.close()

    def _tail(self) -> str:
        size = self.log.seek(0, os.SEEK_END)
        self.log.seek(max(0, size - 4096))
        return self.log.read().decode(errors="replace")
