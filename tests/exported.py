# SPDX-License-Identifier: Apache-2.0
"""Converted projects and the libraries that `sapmcu export` makes of them, for tests of what builds those."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from firmware_project import ORIGIN, write_files
from native_project import write_graph_project
from small_graphs import residual
from strategies import varied_inputs

from sapmcu.boards.board import load_board
from sapmcu.emit.native_project import emit_native_project
from sapmcu.emit.tflite import write_tflite
from sapmcu.exporting import export_project
from sapmcu.ir.export import ExportFormat
from sapmcu.ir.graph import Graph
from sapmcu.ir.memory import Optimize
from sapmcu.ir.vectors import Vector
from sapmcu.native_sram import NativeWish, plan_native
from sapmcu.pipeline import native_graph
from sapmcu.reference import run_graph

CORES = {
    "cortex-m0plus": ("-mcpu=cortex-m0plus", "-mthumb"),
    "cortex-m3": ("-mcpu=cortex-m3", "-mthumb"),
    "cortex-m4": ("-mcpu=cortex-m4", "-mthumb", "-mfpu=fpv4-sp-d16", "-mfloat-abi=hard"),
    "cortex-m33": ("-mcpu=cortex-m33+nodsp", "-mthumb", "-mfloat-abi=soft"),
    "cortex-m7": ("-mcpu=cortex-m7", "-mthumb", "-mfpu=fpv5-d16", "-mfloat-abi=hard"),
    "cortex-m55": ("-mcpu=cortex-m55", "-mthumb", "-mfloat-abi=hard"),
}
"""Options of gcc; the M33 is one without DSP extension."""
WITH_DSP = ("cortex-m4", "cortex-m7", "cortex-m55")
WITH_MVE = ("cortex-m55",)


def named(name: str) -> Graph:
    """Two convolutions and a sum, under this name."""
    return replace(residual(), name=name)


def write_converted(directory: Path, board: str = "nucleo_f446re", graph: Graph | None = None) -> Path:
    """What `sapmcu convert` writes of the small graph, native engine; returns `directory`."""
    chosen = graph or residual()
    return write_graph_project(directory, board, chosen, varied_inputs(chosen, np.random.default_rng(1)))


def write_converted_by_rows(directory: Path, board: str = "nucleo_f446re", *, gives_rows: bool = False) -> Path:
    """The same with --input-rows; gives_rows: and with --output-rows."""
    graph = residual()
    program, reason = plan_native(native_graph(graph)[0], NativeWish(Optimize.SRAM, None, 1 << 20, True, gives_rows))
    assert program is not None, reason
    (data,) = varied_inputs(graph, np.random.default_rng(1))[0]
    vector = Vector((data.tobytes(),), (run_graph(graph, [data])[graph.outputs[0]].tobytes(),))
    write_files(
        directory, emit_native_project(graph, write_tflite(graph), load_board(board), (vector,), ORIGIN, program)
    )
    return directory


def write_export(project: Path, out: Path, kind: str) -> Path:
    """The library; returns `out`."""
    export_project(project, out, ExportFormat(kind), f"sapmcu export {project.name} --as {kind}", force=False)
    return out
