# SPDX-License-Identifier: Apache-2.0
"""`--engine tflm` with a real TensorFlow Lite Micro: outputs, arena and instructions, in both emulators.

SAPMCU_TFLM names the directory of a TFLM build for Cortex-M4 or M7 with FPU, as --tflm takes it. Without it these tests
are skipped, on CI too: the library is the user's.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from firmware_project import ORIGIN, write_files
from reference_models import TFLITE_MODELS, reference_model

from sapmcu.boards.board import Board, load_board
from sapmcu.build.project import load_project
from sapmcu.build.tflm import load_tflm
from sapmcu.emit.project import emit_project
from sapmcu.emulation import build_project, load_vectors, run_project, test_project
from sapmcu.errors import ToolError
from sapmcu.frontends.tflite import load_tflite
from sapmcu.ir.build import Engine
from sapmcu.ir.memory import ArenaUse, Kernels
from sapmcu.ir.vectors import Vector
from sapmcu.plan.tflm.predict import predict_arena
from sapmcu.plan.tflm.target import target_for
from sapmcu.run.protocol import DeviceError
from sapmcu.run.session import run_vectors
from sapmcu.run.tflm_host import invoke

TFLM = Path(os.environ.get("SAPMCU_TFLM", ""))
VECTORS = 4
BOARDS = ("nucleo_f446re", "stm32h7")
EMULATORS = ("unicorn", "qemu")
SMALL = "tflm_micro_speech_quantized.tflite"
INSTRUCTIONS = {
    "mlperf_ic_resnet_quant.tflite": 29.86e6,
    "mlperf_kws_ref_model.tflite": 7.70e6,
    "tflm_hello_world_int8.tflite": 3501,
    SMALL: 1.495e6,
    "tflm_person_detect.tflite": 22.93e6,
}
"""Per inference with CMSIS-NN on a Cortex-M4 with FPU. Source: TFLM 90b983c2, built with -O2 by GCC 12.2."""

pytestmark = [
    pytest.mark.skipif(not os.environ.get("SAPMCU_TFLM"), reason="SAPMCU_TFLM names no TFLM build"),
    pytest.mark.needs("arm-none-eabi-gcc", "unicorn", "qemu-system-arm", "tflite_micro"),
]


def write(directory: Path, path: Path, board: Board, kernels: Kernels, less_bytes: int = 0) -> ArenaUse:
    """What `sapmcu convert` writes, as far as it is needed; returns the arena that it predicts."""
    graph = load_tflite(path)
    arena = predict_arena(graph, target_for(kernels, dsp=board.dsp, mve=board.mve))
    random = np.random.default_rng(3)
    inputs = [
        [random.integers(-128, 128, graph.tensors[name].shape, np.int8) for name in graph.inputs]
        for _ in range(VECTORS)
    ]
    outputs = invoke(path.read_bytes(), inputs, len(graph.outputs))
    vectors = [
        Vector(tuple(one.tobytes() for one in given), tuple(one.tobytes() for one in expected))
        for given, expected in zip(inputs, outputs, strict=True)
    ]
    arena_bytes = arena.required_bytes - less_bytes
    write_files(directory, emit_project(graph, path.read_bytes(), board, arena_bytes, vectors, ORIGIN))
    report = {"memory": {"tflm": {"used_bytes": arena.used_bytes}}}
    write_files(directory, {"model.tflite": path.read_bytes(), "report.json": json.dumps(report).encode()})
    return arena


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> tuple[Board, Kernels]:
    """The first board that the library is for, and its kernels."""
    for name in BOARDS:
        directory = tmp_path_factory.mktemp(name)
        write(directory, reference_model(SMALL), load_board(name), Kernels.REFERENCE)
        try:
            return load_board(name), load_tflm(TFLM, load_project(directory / "firmware", Engine.TFLM)).kernels
        except ToolError as error:
            reason = error.message
    pytest.fail(reason)


@pytest.mark.parametrize("model", TFLITE_MODELS)
def test_outputs_arena_and_instructions_are_as_expected(
    tmp_path: Path, library: tuple[Board, Kernels], model: str
) -> None:
    board, kernels = library
    arena = write(tmp_path, reference_model(model), board, kernels)
    counts = []
    for emulator in EMULATORS:
        run = run_vectors(build_project(tmp_path, emulator, tflm=TFLM), emulator, load_vectors(tmp_path))
        assert run.outputs_equal is True and len(run.outputs) == VECTORS
        assert run.identity.engine == "tflm" and run.identity.core == board.core
        assert run.arena_bytes == arena.used_bytes
        assert run.model_bytes == reference_model(model).stat().st_size
        counts.append(run.measurement.instructions)
    assert counts[0] is not None and counts[0] == counts[1]
    if (board.core, kernels) == ("cortex-m4", Kernels.CMSIS_NN):
        assert counts[0] == pytest.approx(INSTRUCTIONS[model], rel=0.01)


def test_run_and_test_know_the_arena_that_the_report_predicts(tmp_path: Path, library: tuple[Board, Kernels]) -> None:
    arena = write(tmp_path, reference_model(SMALL), *library)
    run, tested = run_project(tmp_path, tflm=TFLM), test_project(tmp_path, tflm=TFLM)
    assert run.arena_predicted_bytes == tested.arena_predicted_bytes == arena.used_bytes
    assert run.outputs_equal is True and tested.first_difference is None


@pytest.mark.parametrize("emulator", EMULATORS)
def test_an_arena_that_is_too_small_is_told(tmp_path: Path, library: tuple[Board, Kernels], emulator: str) -> None:
    write(tmp_path, reference_model(SMALL), *library, less_bytes=32)
    with pytest.raises(DeviceError, match="the device ended") as caught:
        run_project(tmp_path, emulator, tflm=TFLM)
    assert "error: AllocateTensors() failed; the arena has" in "\n".join(caught.value.details)
