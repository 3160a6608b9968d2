# SPDX-License-Identifier: Apache-2.0
"""TFLM's interpreter with its reference kernels, on the host: the oracle. Always in a process of its own."""

from __future__ import annotations

import atexit
import os
import pickle
import re
import selectors
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from typing import IO, Any

from sapmcu.errors import ToolError, UserError
from sapmcu.ir.graph import Array

ARENA_BYTES = 64 << 20
TIMEOUT_S = 120.0


class TflmError(UserError):
    """TFLM refused the model, failed in the middle, or took too long; the details are its own words."""

    def __init__(self, message: str, output: str) -> None:
        lines = [line.strip() for line in output.splitlines() if line.strip()]
        super().__init__(
            message,
            hint="TFLM on the board would do the same: change or replace the op that it names",
            details=lines[-6:],
        )


@dataclass(frozen=True, slots=True)
class Allocations:
    """What print_allocations says, in bytes; head and tail as of after AllocateTensors."""

    total_bytes: int
    head_bytes: int
    tail_bytes: int


def is_available() -> bool:
    """Whether the package tflite-micro is there (it exists for Linux x86-64)."""
    return find_spec("tflite_micro") is not None


def invoke(
    model: bytes, inputs: Sequence[Sequence[Array]], output_count: int, *, arena_bytes: int = ARENA_BYTES
) -> list[list[Array]]:
    """Run a .tflite model once for each set of inputs.

    inputs: for each run one array per model input, with the shape and type of the file. Returns per run one array per
    output. Raises: TflmError where TFLM can't run it; ToolError where the package is missing.
    """
    return _ask(model, inputs, output_count, arena_bytes, allocations=False)["outputs"]  # type: ignore[no-any-return]


def allocations(model: bytes, *, arena_bytes: int = ARENA_BYTES) -> Allocations:
    """The arena that TFLM itself reports on this 64-bit host."""
    log = _ask(model, (), 0, arena_bytes, allocations=True)["log"]
    numbers = [re.search(rf"Arena allocation {key} (\d+) bytes", log) for key in ("total", "head", "tail")]
    if any(number is None for number in numbers):
        raise ToolError("tflite-micro printed no allocations", hint="install the version of pyproject", output=log)
    return Allocations(*(int(number[1]) for number in numbers if number is not None))


def _ask(
    model: bytes, inputs: Sequence[Sequence[Array]], output_count: int, arena_bytes: int, *, allocations: bool
) -> dict[str, Any]:
    if not is_available():
        raise ToolError(
            "the package tflite-micro is not installed",
            hint="it exists for Linux x86-64 only: pip install tflite-micro",
        )
    request = {
        "model": bytes(model),
        "inputs": [list(one) for one in inputs],
        "output_count": output_count,
        "arena_bytes": arena_bytes,
        "allocations": allocations,
    }
    answer = _worker().ask(request)
    if "error" in answer:
        raise TflmError("TFLM can't run the model", f"{answer['log']}\n{answer['error']}")
    return answer


@cache
def _worker() -> _Worker:
    worker = _Worker()
    atexit.register(worker.close)
    return worker


class _Worker:
    """One process for many requests; a new one after a crash."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[bytes] | None = None
        self.log = tempfile.TemporaryFile()  # noqa: SIM115  # lives as long as the worker
        self.requests: IO[bytes]
        self.answers: IO[bytes]

    def _start(self) -> subprocess.Popen[bytes]:
        request_read, request_write = os.pipe()
        answer_read, answer_write = os.pipe()
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "sapmcu.run.tflm_worker", str(request_read), str(answer_write)],
            pass_fds=(request_read, answer_write),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self.log,
        )
        os.close(request_read)
        os.close(answer_write)
        self.requests, self.answers = os.fdopen(request_write, "wb"), os.fdopen(answer_read, "rb")
        self.process = process
        return process

    def close(self) -> None:
        """End the process."""
        if self.process is None:
            return
        self.process.kill()
        self.process.wait()
        self.process = None
        self.answers.close()
        with suppress(BrokenPipeError):
            self.requests.close()

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        process = self.process or self._start()
        try:
            pickle.dump(request, self.requests)
            self.requests.flush()
            with selectors.DefaultSelector() as selector:
                selector.register(self.answers, selectors.EVENT_READ)
                if not selector.select(TIMEOUT_S):
                    raise TimeoutError
            answer: dict[str, Any] = pickle.load(self.answers)
            return answer
        except (EOFError, BrokenPipeError, TimeoutError) as error:
            process.kill()
            returncode = process.wait()
            self.close()
            what = f"took over {TIMEOUT_S:g} s" if isinstance(error, TimeoutError) else "stopped in the middle"
            raise TflmError(f"TFLM {what} with this model (exit code {returncode})", self._tail()) from None
        except BaseException:  # an interrupt leaves the pipes in an unknown state
            self.close()
            raise

    def _tail(self) -> str:
        size = self.log.seek(0, os.SEEK_END)
        self.log.seek(max(0, size - 4096))
        return self.log.read().decode(errors="replace")
