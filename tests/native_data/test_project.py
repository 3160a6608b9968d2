# SPDX-License-Identifier: Apache-2.0
"""The firmware project of the native engine: whole, the same every time, and built by both compilers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from firmware_project import ORIGIN, write_files
from native_data.small_net import small_net
from single_op import graph_of, tensor

from sapmcu.boards.board import load_board
from sapmcu.build.firmware import build_firmware
from sapmcu.build.project import load_project
from sapmcu.emit.native_kernels import kernel_files
from sapmcu.emit.native_project import emit_native_project
from sapmcu.errors import UserError
from sapmcu.firmware_files import firmware_dir
from sapmcu.ir import ops
from sapmcu.ir.graph import Graph
from sapmcu.ir.twins import Twins
from sapmcu.ir.vectors import Vector
from sapmcu.lower import lower_graph
from sapmcu.reference import run_graph

MODEL = b"the .tflite file"


def vector(graph: Graph) -> Vector:
    values = [np.arange(16, dtype=np.int8).reshape(graph.tensors[name].shape) for name in graph.inputs]
    results = run_graph(graph, values)
    return Vector(tuple(one.tobytes() for one in values), tuple(results[name].tobytes() for name in graph.outputs))


def project(board: str) -> dict[str, bytes]:
    graph = small_net()
    return emit_native_project(graph, MODEL, load_board(board), [vector(graph)], ORIGIN)


def test_project_is_whole(tmp_path: Path) -> None:
    write_files(tmp_path, project("nucleo_f446re"))
    loaded = load_project(tmp_path / "firmware")
    assert set(loaded.model_sources) == {"models.c", "sapmcu_small_net.c"}
    assert "kernels/dsp/sapmcu_softmax_s8.c" in loaded.sources
    assert (tmp_path / "testdata" / "0000_output_0.bin").stat().st_size == 4


def test_same_input_same_bytes() -> None:
    assert project("rpi_pico") == project("rpi_pico")


def test_core_with_dsp_gets_the_twins() -> None:
    program = lower_graph(small_net())
    twins = {path.name for path in (firmware_dir() / "kernels" / "dsp").glob("*.c")}
    portable, _ = kernel_files(program, Twins.NONE)
    chosen, _ = kernel_files(program, Twins.DSP)
    assert not any(path.startswith("kernels/dsp/") for path in portable)
    for path in portable:
        name = Path(path).name
        assert (f"kernels/dsp/{name}" in chosen) == (name in twins)


@pytest.mark.needs("arm-none-eabi-gcc")
@pytest.mark.parametrize("board", ["rpi_pico", "nucleo_f446re", "rpi_pico2"])
def test_gcc_builds_it(board: str, tmp_path: Path) -> None:
    write_files(tmp_path, project(board))
    sizes = build_firmware(tmp_path, "gcc").sizes
    assert sizes.arena_bytes == lower_graph(small_net()).plan.arena_bytes
    assert sizes.code_bytes <= 16 * 1024 and sizes.data_bytes == 0


@pytest.mark.needs("ziglang")
def test_zig_builds_it(tmp_path: Path) -> None:
    write_files(tmp_path, project("nucleo_f446re"))
    assert build_firmware(tmp_path, "zig").sizes.code_bytes <= 16 * 1024


def test_op_that_only_tflm_runs_is_refused() -> None:
    graph = graph_of(ops.Opaque(("x",), ("y",), "EXP", 1), tensor("x", (3,)), tensor("y", (3,)))
    vectors = [Vector((bytes(3),), (bytes(3),))]
    with pytest.raises(UserError, match="EXP"):
        emit_native_project(graph, MODEL, load_board("rpi_pico"), vectors, ORIGIN)


def test_kept_tensors_make_a_larger_arena(tmp_path: Path) -> None:
    graph = small_net()
    kept = lower_graph(graph, is_each_kept=True)
    files = emit_native_project(graph, MODEL, load_board("rpi_pico"), [vector(graph)], ORIGIN, kept)
    assert f"ARENA_BYTES {kept.plan.arena_bytes}".encode() in files["firmware/sapmcu_small_net.h"]
    assert kept.plan.arena_bytes > lower_graph(graph).plan.arena_bytes


def test_name_of_the_graph_reaches_the_files() -> None:
    graph = replace(small_net(), name="Käse net 2")
    files = emit_native_project(graph, MODEL, load_board("rpi_pico"), [vector(graph)], ORIGIN)
    assert "firmware/sapmcu_k_se_net_2.c" in files
