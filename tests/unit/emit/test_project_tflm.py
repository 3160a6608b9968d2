# SPDX-License-Identifier: Apache-2.0
"""The emitted application with a real TensorFlow Lite Micro, in QEMU: every output byte equals the oracle's.

SAPMCU_TFLM names the directory of a TFLM build for Cortex-M4 with FPU, as -DTFLM_DIR takes it. Without it these tests
are skipped, on CI too: the library is the user's.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import pytest
from firmware_project import ORIGIN, run, run_qemu, write_files

from sapmcu.boards.board import load_board
from sapmcu.emit.project import emit_project
from sapmcu.emit.vectors import Vector
from sapmcu.frontends.tflite import load_tflite
from sapmcu.run.tflm_host import invoke

TFLM = os.environ.get("SAPMCU_TFLM", "")
BOARD = load_board("mps2_an386")
RUNS = 8
SMALL_ARENA_BYTES = 256
LARGE_ARENA_BYTES = 256 * 1024

pytestmark = [
    pytest.mark.skipif(not TFLM, reason="SAPMCU_TFLM names no TFLM build"),
    pytest.mark.needs("cmake", "arm-none-eabi-gcc", "qemu-system-arm", "tflite_micro"),
]


def oracle_vectors(path: Path) -> list[Vector]:
    graph = load_tflite(path)
    random = np.random.default_rng(2)
    inputs = [
        [random.integers(-128, 128, graph.tensors[name].shape, dtype=np.int8) for name in graph.inputs]
        for _ in range(RUNS)
    ]
    outputs = invoke(path.read_bytes(), inputs, len(graph.outputs))
    return [
        Vector(tuple(array.tobytes() for array in given), tuple(array.tobytes() for array in expected))
        for given, expected in zip(inputs, outputs, strict=True)
    ]


def build(directory: Path, path: Path, arena_bytes: int, vectors: list[Vector]) -> Path:
    write_files(directory, emit_project(load_tflite(path), path.read_bytes(), BOARD, arena_bytes, vectors, ORIGIN))
    run(["cmake", "-S", directory / "firmware", "-B", directory / "build", f"-DTFLM_DIR={TFLM}"])
    output = run(["cmake", "--build", directory / "build"])
    assert "warning" not in output
    return directory / "build" / "firmware.elf"


def test_outputs_equal_the_oracle(tmp_path: Path, tflite_model: Path) -> None:
    code, output = run_qemu(BOARD, build(tmp_path, tflite_model, LARGE_ARENA_BYTES, oracle_vectors(tflite_model)))
    assert code == 0, output
    embedded = re.search(r"vectors (\d+) different 0\n$", output)
    assert embedded is not None
    assert int(embedded[1]) >= 1
    used = re.search(r"arena_used_bytes (\d+)\n", output)
    assert used is not None
    assert 0 < int(used[1]) <= LARGE_ARENA_BYTES


def test_a_wrong_output_byte_is_found_and_named(tmp_path: Path, tflite_model: Path) -> None:
    first, *rest = oracle_vectors(tflite_model)
    last = first.outputs[0][-1]
    wrong = Vector(first.inputs, (first.outputs[0][:-1] + bytes([last ^ 1]),))
    code, output = run_qemu(BOARD, build(tmp_path, tflite_model, LARGE_ARENA_BYTES, [wrong, *rest]))
    assert code == 1
    place = len(first.outputs[0]) - 1
    assert f"vector 0 output 0 byte {place}: expected {last ^ 1}, got {last}\n" in output
    assert output.endswith("different 1\n")


def test_an_arena_that_is_too_small_is_said(tmp_path: Path, tflite_model: Path) -> None:
    code, output = run_qemu(BOARD, build(tmp_path, tflite_model, SMALL_ARENA_BYTES, oracle_vectors(tflite_model)))
    assert code == 2
    assert output.endswith(f"error: AllocateTensors() failed; the arena has {SMALL_ARENA_BYTES} bytes\n")
