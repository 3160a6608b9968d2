# SPDX-License-Identifier: Apache-2.0
"""Applications around native models: the minimal one, and one of two models."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from firmware_project import C_OPTIONS, ORIGIN, WARNINGS, run, run_qemu, write_files
from native_data.small_net import small_net
from networks_by_hand import Network
from reference_models import ROOT
from strategies import varied_inputs

from sapmcu.boards.board import load_board
from sapmcu.build.firmware import build_firmware
from sapmcu.build.project import load_project
from sapmcu.emit.native import emit_model_table, emit_native
from sapmcu.emit.native_app import emit_native_app
from sapmcu.emit.native_kernels import kernel_files
from sapmcu.firmware_files import firmware_dir
from sapmcu.frontends.tflite import load_tflite
from sapmcu.ir.graph import Array, Graph
from sapmcu.ir.native import NativeProgram
from sapmcu.ir.twins import Twins
from sapmcu.lower import lower_graph
from sapmcu.lower.graph import lower_ops
from sapmcu.plan.rows import CascadeOptions, plan_cascades
from sapmcu.reference import run_graph
from sapmcu.run.protocol import Device
from sapmcu.run.session import Firmware, start

SHA256 = bytes(32).hex()
MINIMAL = firmware_dir() / "apps" / "minimal" / "main.c"
MAP = firmware_dir() / "apps" / "map" / "main.c"
CAMERA = firmware_dir() / "apps" / "camera" / "main.c"


def dscnn() -> Graph:
    return load_tflite(ROOT / "models/fashion_mnist/dscnn.tflite")


def write_models(directory: Path, board: str, programs: list[NativeProgram]) -> None:
    """One firmware of all models."""
    chosen = load_board(board)
    sources = emit_model_table([one.name for one in programs], ORIGIN)
    kernels: set[str] = set()
    headers: set[str] = set()
    for program in programs:
        sources |= emit_native(program, SHA256, ORIGIN)
        for found, files in zip((kernels, headers), kernel_files(program, chosen.twins), strict=True):
            found.update(files)
    arena_bytes = sum(one.plan.arena_bytes + 16 for one in programs)
    files = emit_native_app(chosen, arena_bytes, sources, sorted(kernels), sorted(headers), ORIGIN)
    write_files(directory / "firmware", files)


def camera() -> Array:
    """What the minimal application reads and quantizes."""
    real = (np.arange(28 * 28) * 37 % 256 / 255).astype(np.float32)
    q = np.floor(real / np.float32(1 / 255) + np.float32(0.5)) - 128
    return q.clip(-128, 127).astype(np.int8).reshape(1, 28, 28, 1)


def printed() -> str:
    """What the minimal application prints if its scores are the reference's."""
    graph = dscnn()
    scores = run_graph(graph, [camera()])[graph.outputs[0]].ravel().astype(int) + 128
    return "".join(f"class {index}: {score:03}/256\n" for index, score in enumerate(scores))


@pytest.mark.needs("arm-none-eabi-gcc", "qemu-system-arm")
def test_the_minimal_application_gives_the_scores_of_the_reference(tmp_path: Path) -> None:
    board = load_board("mps2_an386")
    write_models(tmp_path, board.name, [lower_graph(dscnn())])
    (tmp_path / "firmware" / "main.c").write_bytes(MINIMAL.read_bytes())
    assert run_qemu(board, build_firmware(tmp_path, "gcc").elf) == (0, printed())


def by_rows(graph: Graph) -> NativeProgram:
    return lower_graph(graph, cascades=plan_cascades(graph, lower_ops(graph), CascadeOptions(by_rows=True)))


@pytest.mark.needs("arm-none-eabi-gcc", "qemu-system-arm")
def test_the_camera_application_gives_the_same_scores_line_by_line(tmp_path: Path) -> None:
    """Twice: after the last line the next image begins."""
    board = load_board("mps2_an386")
    write_models(tmp_path, board.name, [by_rows(dscnn())])
    (tmp_path / "firmware" / "main.c").write_bytes(CAMERA.read_bytes())
    assert run_qemu(board, build_firmware(tmp_path, "gcc").elf) == (0, 2 * printed())


def map_net() -> Graph:
    """An image of one channel, twice as large as the one that it is made of."""
    net = Network((8, 10), 2)
    large = net.depth_to_space(net.conv(net.conv(net.x, 6, (3, 3)), 8, (3, 3)))
    return replace(net.graph(net.conv(large, 1, (3, 3))), name="map")


def rows_in_and_out(graph: Graph) -> NativeProgram:
    options = CascadeOptions(by_rows=True, gives_rows=True)
    return lower_graph(graph, cascades=plan_cascades(graph, lower_ops(graph), options))


@pytest.mark.needs("arm-none-eabi-gcc", "qemu-system-arm")
def test_the_map_application_prints_rows_as_they_are_made(tmp_path: Path) -> None:
    board, graph = load_board("mps2_an386"), map_net()
    write_models(tmp_path, board.name, [rows_in_and_out(graph)])
    (tmp_path / "firmware" / "main.c").write_bytes(MAP.read_bytes())
    image = (np.arange(8 * 10 * 2) * 37 % 256 - 128).astype(np.int8).reshape(1, 8, 10, 2)
    values = run_graph(graph, [image])[graph.outputs[0]].reshape(16, 20)
    art = "".join("".join(".#"[int(one > 0)] for one in row) + "\n" for row in values)
    assert "#" in art and "." in art
    assert run_qemu(board, build_firmware(tmp_path, "gcc").elf) == (0, art)


@pytest.mark.needs("g++")
@pytest.mark.parametrize(
    ("application", "make", "lower"),
    [(MINIMAL, dscnn, lower_graph), (CAMERA, dscnn, by_rows), (MAP, map_net, rows_in_and_out)],
)
def test_the_applications_are_cpp_too(
    tmp_path: Path, application: Path, make: Callable[[], Graph], lower: Callable[[Graph], NativeProgram]
) -> None:
    write_files(tmp_path, emit_native(lower(make()), SHA256, ORIGIN))
    includes = (f"-I{tmp_path}", f"-I{firmware_dir() / 'include'}")
    run(["g++", "-std=c++11", *WARNINGS, *includes, "-fsyntax-only", "-x", "c++", application])


@pytest.mark.needs("gcc")
def test_the_minimal_application_runs_on_a_host(tmp_path: Path) -> None:
    program, firmware = lower_graph(dscnn()), firmware_dir()
    write_files(tmp_path, emit_native(program, SHA256, ORIGIN))
    kernels = [firmware / one for one in kernel_files(program, Twins.NONE)[0]]
    includes = (f"-I{tmp_path}", f"-I{firmware / 'include'}")
    sources = (MINIMAL, tmp_path / "sapmcu_dscnn.c", firmware / "port/host/pipe.c", *kernels)
    run(["gcc", *C_OPTIONS, *includes, *sources, "-o", tmp_path / "minimal"])
    assert run([tmp_path / "minimal"]) == printed()


@pytest.mark.needs("arm-none-eabi-gcc", "unicorn")
def test_two_models_in_one_firmware_run_right_in_turn(tmp_path: Path) -> None:
    graphs = [small_net(), dscnn()]
    write_models(tmp_path, "nucleo_f446re", [lower_graph(graph) for graph in graphs])
    built = Firmware(load_project(tmp_path / "firmware"), build_firmware(tmp_path, "gcc"))
    with start(built, "unicorn") as session:
        for _ in range(2):
            for index, graph in enumerate(graphs):
                device = Device(session.device._stream, index)
                identity = device.identify()
                assert (identity.model, identity.model_count) == (graph.name, 2)
                values = varied_inputs(graph, np.random.default_rng(1))[0]
                for number, value in enumerate(values):
                    device.write_input(number, value.tobytes())
                device.run()
                expected = run_graph(graph, values)
                for number, name in enumerate(graph.outputs):
                    assert device.read_output(number, expected[name].nbytes) == expected[name].tobytes()
