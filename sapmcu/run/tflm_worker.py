# SPDX-License-Identifier: Apache-2.0
"""TFLM's interpreter, in the process that tflm_host.py starts, since a failed check in it calls abort()."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from sapmcu.ir.graph import Array
from sapmcu.isolated import Progress

MAX_LOG_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Request:
    """inputs: for each run one array per model input. allocations: whether to print those of the arena."""

    model: bytes = field(repr=False)
    inputs: tuple[tuple[Array, ...], ...] = field(repr=False)
    output_count: int
    arena_bytes: int
    allocations: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """error: TFLM's refusal, empty where it ran. log: what it has printed meanwhile."""

    outputs: list[list[Array]]
    error: str
    log: str


def answer(_: Progress, request: Request) -> Answer:
    """Make an interpreter, run each set of inputs, copy the outputs. TFLM's own messages go to file descriptor 2."""
    start = os.lseek(2, 0, os.SEEK_END)
    outputs, error = [], ""
    try:
        outputs = _run(request)
    except Exception as caught:
        error = f"{type(caught).__name__}: {caught}"
    os.lseek(2, start, os.SEEK_SET)
    return Answer(outputs, error, os.read(2, MAX_LOG_BYTES).decode(errors="replace"))


def _run(request: Request) -> list[list[Array]]:
    from tflite_micro.python.tflite_micro import runtime

    interpreter = runtime.Interpreter.from_bytes(request.model, arena_size=request.arena_bytes)
    if request.allocations:
        interpreter.print_allocations()
    outputs = []
    for inputs in request.inputs:
        for index, value in enumerate(inputs):
            interpreter.set_input(value, index)
        interpreter.invoke()
        outputs.append([interpreter.get_output(index).copy() for index in range(request.output_count)])
    return outputs
