# SPDX-License-Identifier: Apache-2.0
"""Whole networks with TFLM's answers, and their native firmware."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from firmware_project import ORIGIN, write_files
from reference_models import TFLITE_MODELS, ZOO_MODELS, reference_model

from sapmcu.boards.board import load_board
from sapmcu.build.firmware import build_firmware
from sapmcu.build.project import load_project
from sapmcu.emit.native_project import emit_native_project
from sapmcu.emit.tflite import write_tflite
from sapmcu.frontends.tflite import read_tflite
from sapmcu.ir.graph import Array, Graph
from sapmcu.ir.memory import Optimize
from sapmcu.ir.native import NativeProgram
from sapmcu.ir.vectors import Vector
from sapmcu.lower import lower_graph, order_graph
from sapmcu.pipeline import native_graph, rewrite
from sapmcu.run import tflm_host
from sapmcu.run.session import Firmware, target_of
from sapmcu.run.vectors import make_inputs

ZOO_PATHS = {path.stem: path for path in ZOO_MODELS}
NETWORKS = (*(name.removesuffix(".tflite") for name in TFLITE_MODELS), *ZOO_PATHS)
"""Names without suffix: the models made elsewhere, then those of models/."""
M4F, ROOMY_M4F = "nucleo_f446re", "mps2_an386"
LARGE = ("mobilenet_v2_sap",)
"""Networks that need almost a MiB of flash."""
VECTORS = 30


def board_of(name: str) -> str:
    """A board with a Cortex-M4F that a network has room on."""
    return M4F if has_room(name, M4F) else ROOMY_M4F


def has_room(name: str, board: str) -> bool:
    return name not in LARGE or load_board(board).flash_bytes >= 1 << 20


@dataclass(frozen=True)
class Network:
    """model: the file that `sapmcu convert` writes. vectors: half uniform, half smooth, with the outputs of TFLM."""

    graph: Graph
    model: bytes
    inputs: tuple[tuple[Array, ...], ...]
    vectors: tuple[Vector, ...]


def load_graph(name: str, optimize: Optimize = Optimize.AUTO) -> Graph:
    """The graph as it is written; the test is skipped where the file is absent."""
    path = ZOO_PATHS.get(name) or reference_model(f"{name}.tflite")
    return order_graph(rewrite(read_tflite(path.read_bytes(), path.stem, str(path)), optimize=optimize)[0])[0]


@cache
def load_network(name: str, optimize: Optimize = Optimize.AUTO) -> Network:
    """The test is skipped where the file is absent; it needs tflite_micro."""
    graph = load_graph(name, optimize)
    model = write_tflite(graph)
    inputs = make_inputs(graph, (), VECTORS)
    outputs = tflm_host.invoke(model, inputs, len(graph.outputs))
    vectors = tuple(
        Vector(tuple(array.tobytes() for array in taken), tuple(array.tobytes() for array in given))
        for taken, given in zip(inputs, outputs, strict=True)
    )
    return Network(graph, model, inputs, vectors)


def network_firmware(
    directory: Path,
    network: Network,
    board: str,
    emulator: str,
    toolchain: str,
    program: NativeProgram | None = None,
) -> Firmware:
    """What `sapmcu convert` and `sapmcu build` make of it; program: the graph with a plan of its own."""
    program = program or lower_graph(native_graph(network.graph)[0], twins=load_board(board).twins)
    files = emit_native_project(network.graph, network.model, load_board(board), network.vectors[:1], ORIGIN, program)
    write_files(directory, files)
    build = build_firmware(directory, toolchain, target=target_of(emulator))
    return Firmware(load_project(directory / "firmware"), build)
