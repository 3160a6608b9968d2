# SPDX-License-Identifier: Apache-2.0
"""The emitted application with a real TensorFlow Lite Micro, in QEMU: outputs equal the oracle's in every byte, and the
predicted arena is what TFLM uses, and the least that it runs in.

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
from reference_models import reference_model

from sapmcu.boards.board import load_board
from sapmcu.boards.placement import ARENA_ALIGNMENT_BYTES
from sapmcu.emit.project import emit_project
from sapmcu.frontends.tflite import load_tflite
from sapmcu.ir.memory import ArenaUse, Kernels
from sapmcu.ir.vectors import Vector
from sapmcu.plan.tflm.predict import predict_arena
from sapmcu.plan.tflm.target import target_for
from sapmcu.run.tflm_host import invoke

TFLM = os.environ.get("SAPMCU_TFLM", "")
BOARD = load_board("mps2_an386")
RUNS = 8
INT8_ONLY = " T _ZN6tflite21Register_CONV_2D_INT8Ev"
"""tflite::Register_CONV_2D_INT8(), which is no inline function where the library has CMSIS-NN."""

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
    directory = directory / "a directory"
    write_files(directory, emit_project(load_tflite(path), path.read_bytes(), BOARD, arena_bytes, vectors, ORIGIN))
    run(["cmake", "-S", directory / "firmware", "-B", directory / "build", f"-DTFLM_DIR={TFLM}"])
    output = run(["cmake", "--build", directory / "build"])
    assert "warning" not in output
    return directory / "build" / "firmware.elf"


def has_int8_only_kernels(file: Path) -> bool:
    return INT8_ONLY in run(["arm-none-eabi-nm", file])


def library() -> Path:
    return next(Path(TFLM).glob("**/libtensorflow-microlite.a"))


def predicted_arena(path: Path) -> ArenaUse:
    """For the kernels that the library has."""
    kernels = Kernels.CMSIS_NN if has_int8_only_kernels(library()) else Kernels.REFERENCE
    return predict_arena(load_tflite(path), target_for(kernels, dsp=BOARD.dsp, mve=BOARD.mve))


def test_outputs_and_arena_are_as_predicted(tmp_path: Path, tflite_model: Path) -> None:
    arena = predicted_arena(tflite_model)
    code, output = run_qemu(BOARD, build(tmp_path, tflite_model, arena.required_bytes, oracle_vectors(tflite_model)))
    assert code == 0, output
    assert re.search(r"vectors [1-9]\d* different 0\n$", output), output
    assert f"arena_used_bytes {arena.used_bytes}\n" in output


def test_an_arena_one_step_smaller_is_refused_with_its_size(tmp_path: Path, tflite_model: Path) -> None:
    less = -(-predicted_arena(tflite_model).required_bytes // ARENA_ALIGNMENT_BYTES) * ARENA_ALIGNMENT_BYTES
    less -= ARENA_ALIGNMENT_BYTES
    code, output = run_qemu(BOARD, build(tmp_path, tflite_model, less, oracle_vectors(tflite_model)))
    assert code == 2
    assert output.endswith(f"error: AllocateTensors() failed; the arena has {less} bytes\n")


def test_int8_only_kernels_are_linked_where_the_library_has_them(tmp_path: Path) -> None:
    path = reference_model("mlperf_kws_ref_model.tflite")
    elf = build(tmp_path, path, predicted_arena(path).required_bytes, oracle_vectors(path))
    assert has_int8_only_kernels(elf) is has_int8_only_kernels(library())
    assert ("_ZN6tflite16Register_CONV_2DEv" in run(["arm-none-eabi-nm", elf])) is not has_int8_only_kernels(library())


def test_a_wrong_output_byte_is_found_and_named(tmp_path: Path) -> None:
    path = reference_model("tflm_micro_speech_quantized.tflite")
    first, *rest = oracle_vectors(path)
    last = first.outputs[0][-1]
    wrong = Vector(first.inputs, (first.outputs[0][:-1] + bytes([last ^ 1]),))
    code, output = run_qemu(BOARD, build(tmp_path, path, predicted_arena(path).required_bytes, [wrong, *rest]))
    assert code == 1
    place = len(first.outputs[0]) - 1
    assert f"vector 0 output 0 byte {place}: expected {last ^ 1}, got {last}\n" in output
    assert output.endswith("different 1\n")
