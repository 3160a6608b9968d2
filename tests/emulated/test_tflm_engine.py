# SPDX-License-Identifier: Apache-2.0
"""`--engine tflm` with a real TensorFlow Lite Micro: outputs, arena and instructions, in both emulators.

SAPMCU_TFLM names the directory of a TFLM build for Cortex-M4 or M7 with FPU, as --tflm takes it. Without it these tests
are skipped, on CI too: the library is the user's.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from banded_nets import WINDOWS, nets_of_rows, one_op
from firmware_project import ORIGIN, write_files
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reference_models import TFLITE_MODELS, reference_model

from sapmcu.boards.board import Board, load_board
from sapmcu.build.project import load_project
from sapmcu.build.tflm import load_tflm
from sapmcu.emit.project import emit_project
from sapmcu.emit.tflite import write_tflite
from sapmcu.emulation import build_project, run_project, test_project
from sapmcu.errors import ToolError
from sapmcu.frontends.tflite import load_tflite
from sapmcu.ir.build import Engine
from sapmcu.ir.graph import Graph
from sapmcu.ir.memory import ArenaUse, Kernels
from sapmcu.ir.vectors import Vector
from sapmcu.passes.orphans import drop_orphans
from sapmcu.plan.arena import align
from sapmcu.plan.tflm.bands import Banding, banded, can_band, even_rows
from sapmcu.plan.tflm.layout import plan_layout, with_offsets
from sapmcu.plan.tflm.overlap import operand_leads
from sapmcu.plan.tflm.predict import predict_arena
from sapmcu.plan.tflm.shadow import verify_layout
from sapmcu.plan.tflm.sram import plan_sram
from sapmcu.plan.tflm.target import target_for
from sapmcu.run.protocol import DeviceError
from sapmcu.run.session import run_vectors
from sapmcu.run.tflm_host import invoke
from sapmcu.vectors import load_vectors

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
    return write_graph(directory, load_tflite(path), path.read_bytes(), (board, kernels), less_bytes=less_bytes)


def write_graph(
    directory: Path,
    graph: Graph,
    model: bytes,
    library: tuple[Board, Kernels],
    *,
    less_bytes: int = 0,
    original: bytes | None = None,
) -> ArenaUse:
    """original: the model whose outputs are expected; None for the model itself."""
    board, kernels = library
    arena = predict_arena(graph, target_for(kernels, dsp=board.dsp, mve=board.mve))
    random = np.random.default_rng(3)
    inputs = [
        [random.integers(-128, 128, graph.tensors[name].shape, np.int8) for name in graph.inputs]
        for _ in range(VECTORS)
    ]
    outputs = invoke(original or model, inputs, len(graph.outputs))
    vectors = [
        Vector(tuple(one.tobytes() for one in given), tuple(one.tobytes() for one in expected))
        for given, expected in zip(inputs, outputs, strict=True)
    ]
    arena_bytes = arena.required_bytes - less_bytes
    write_files(directory, emit_project(graph, model, board, arena_bytes, vectors, ORIGIN))
    report = {"memory": {"tflm": {"used_bytes": arena.used_bytes}}}
    write_files(directory, {"model.tflite": model, "report.json": json.dumps(report).encode()})
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


@pytest.mark.parametrize("model", TFLITE_MODELS)
def test_plan_for_the_least_sram_runs_the_same_in_the_arena_that_is_predicted(
    tmp_path: Path, library: tuple[Board, Kernels], model: str
) -> None:
    board, kernels = library
    graph = drop_orphans(load_tflite(reference_model(model)))
    own, *better = plan_sram(graph, target_for(kernels, dsp=board.dsp, mve=board.mve), 0.15)
    for technique, plan in {plan.technique: plan for plan in better}.items():
        directory = tmp_path / technique
        arena = write_graph(directory, plan.graph, write_tflite(plan.graph), library, original=write_tflite(own.graph))
        run = run_vectors(build_project(directory, "unicorn", tflm=TFLM), "unicorn", load_vectors(directory))
        assert run.outputs_equal is True and len(run.outputs) == VECTORS
        assert run.arena_bytes == arena.used_bytes == plan.use.used_bytes


def test_results_lie_over_operands_as_far_as_the_kernels_allow(tmp_path: Path, library: tuple[Board, Kernels]) -> None:
    """All ops of WINDOWS side by side, each with its result over its operand by exactly its lead."""
    board, kernels = library
    target = target_for(kernels, dsp=board.dsp, mve=board.mve)
    offsets: dict[str, int] = {}
    parts = []
    at = 0
    for shape in ((7, 6, 4), (5, 5, 3), (4, 9, 8)):
        for what, build in WINDOWS.items():
            part = renamed(one_op(build, shape), f"{what} {shape} ")
            (x,), (y,) = part.inputs, part.outputs
            lead = operand_leads(part, part.ops[0], target).get(x)
            if lead is None:
                continue
            offsets |= {x: at + max(lead, 0), y: at + max(-lead, 0)}
            at = align(max(offsets[name] + part.tensors[name].size_bytes for name in (x, y)))
            parts.append(part)
    assert len(parts) > 30
    graph = with_offsets(side_by_side(parts), offsets)
    verify_layout(graph, target)
    original = write_tflite(side_by_side(parts))
    arena = write_graph(tmp_path, graph, write_tflite(graph), library, original=original)
    run = run_vectors(build_project(tmp_path, "unicorn", tflm=TFLM), "unicorn", load_vectors(tmp_path))
    assert run.outputs_equal is True and run.arena_bytes == arena.used_bytes


@settings(max_examples=3, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(graphs=st.lists(nets_of_rows(), min_size=10, max_size=10))
def test_random_nets_in_bands_and_in_place_run_the_same(
    tmp_path: Path, library: tuple[Board, Kernels], graphs: list[Graph]
) -> None:
    """Ten nets side by side: of each the longest run of ops that can be in two bands, results over operands."""
    board, kernels = library
    target = target_for(kernels, dsp=board.dsp, mve=board.mve)
    offsets: dict[str, int] = {}
    parts, at = [], 0
    for number, graph in enumerate(graphs):
        part = renamed(in_two_bands(graph), f"{number} ")
        placed = plan_layout(part, target, may_overlap=True, steps=50)
        offsets |= {name: at + offset for name, offset in placed.offset_bytes.items()}
        at += placed.head_bytes
        parts.append(part)
    planned = with_offsets(side_by_side(parts), offsets)
    verify_layout(planned, target)
    original = side_by_side([renamed(graph, f"{number} ") for number, graph in enumerate(graphs)])
    arena = write_graph(tmp_path, planned, write_tflite(planned), library, original=write_tflite(original))
    run = run_vectors(build_project(tmp_path, "unicorn", tflm=TFLM), "unicorn", load_vectors(tmp_path))
    assert run.outputs_equal is True and run.arena_bytes == arena.used_bytes


def in_two_bands(graph: Graph) -> Graph:
    """The longest run of ops that can be, the first of those; the graph itself where there is none."""
    runs = [
        (first - last, first, last)
        for first in range(len(graph.ops))
        for last in range(first, len(graph.ops))
        if can_band(graph, first, last)
    ]
    for _, first, last in sorted(runs):
        rows = graph.tensors[graph.ops[last].outputs[0]].shape[1]
        made = banded(graph, (Banding(first, last, even_rows(rows, 2)),)) if rows > 1 else None
        if made is not None:
            return made
    return graph


def renamed(graph: Graph, prefix: str) -> Graph:
    """With the prefix before all names of tensors."""

    def names(given: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(prefix + name for name in given)

    ops = tuple(replace(op, inputs=names(op.present_inputs), outputs=names(op.outputs)) for op in graph.ops)
    tensors = {prefix + name: replace(tensor, name=prefix + name) for name, tensor in graph.tensors.items()}
    return Graph(graph.name, tensors, ops, names(graph.inputs), names(graph.outputs))


def side_by_side(graphs: Sequence[Graph]) -> Graph:
    """One graph with the ops, inputs and outputs of all."""
    return Graph(
        "side_by_side",
        {name: tensor for graph in graphs for name, tensor in graph.tensors.items()},
        tuple(op for graph in graphs for op in graph.ops),
        tuple(name for graph in graphs for name in graph.inputs),
        tuple(name for graph in graphs for name in graph.outputs),
    )
