# SPDX-License-Identifier: Apache-2.0
"""TFLM's interpreter with its reference kernels, on the host: the oracle. Always in a process of its own."""

from __future__ import annotations

import atexit
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec

from sapmcu.errors import ToolError, UserError
from sapmcu.ir.graph import Array
from sapmcu.isolated import Child, ChildError, silent
from sapmcu.run.tflm_worker import Answer, Request

ARENA_BYTES = 64 << 20
TIMEOUT_S = 120.0


class TflmError(UserError):
    """TFLM refused the model, crashed, or took too long; the details are its own words."""

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
    return _ask(model, inputs, output_count, arena_bytes, allocations=False).outputs


def allocations(model: bytes, *, arena_bytes: int = ARENA_BYTES) -> Allocations:
    """The arena that TFLM itself reports on this 64-bit host."""
    log = _ask(model, (), 0, arena_bytes, allocations=True).log
    numbers = [re.search(rf"Arena allocation {key} (\d+) bytes", log) for key in ("total", "head", "tail")]
    if any(number is None for number in numbers):
        raise ToolError("tflite-micro printed no allocations", hint="install the version of pyproject", output=log)
    return Allocations(*(int(number[1]) for number in numbers if number is not None))


def _ask(
    model: bytes, inputs: Sequence[Sequence[Array]], output_count: int, arena_bytes: int, *, allocations: bool
) -> Answer:
    if not is_available():
        raise ToolError(
            "the package tflite-micro is not installed",
            hint="it exists for Linux x86-64 only: pip install tflite-micro",
        )
    request = Request(bytes(model), tuple(map(tuple, inputs)), output_count, arena_bytes, allocations)
    try:
        answer: Answer = _child().call("sapmcu.run.tflm_worker:answer", (request,), silent, TIMEOUT_S)
    except ChildError as error:
        message = f"TFLM {error} with this model (exit code {error.returncode})"
        raise TflmError(message, error.output) from None
    if answer.error:
        raise TflmError("TFLM can't run the model", f"{answer.log}\n{answer.error}")
    return answer


@cache
def _child() -> Child:
    """One process for many requests, not the converters': a failed check in TFLM ends it."""
    child = Child()
    atexit.register(child.close)
    return child
