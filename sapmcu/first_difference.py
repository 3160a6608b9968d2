# SPDX-License-Identifier: Apache-2.0
"""Which op is the first to give other bytes than the reference."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from sapmcu.boards.board import Board, all_boards
from sapmcu.boards.converted import converted_board
from sapmcu.build.firmware import build_firmware
from sapmcu.build.project import load_project
from sapmcu.emit.native_project import emit_native_project
from sapmcu.emit.origin import Origin
from sapmcu.errors import ToolError, UserError
from sapmcu.ir.build import Prefer
from sapmcu.ir.graph import Array, Graph
from sapmcu.ir.native import Apart, ArenaPlan
from sapmcu.ir.vectors import Vector
from sapmcu.run import qemu, renode, unicorn
from sapmcu.run.protocol import Device
from sapmcu.run.session import Firmware, start, target_of


@dataclass(frozen=True, slots=True)
class Rebuild:
    """How to build a firmware once more, with a plan of whole tensors."""

    board: str
    emulator: str
    toolchain: str | None
    prefer: Prefer | None


def first_different_op(firmware: Firmware, rebuild: Rebuild, project_dir: Path, vector: Vector) -> int | None:
    """Index in the graph that the native engine makes of model.tflite. None where it can't be told.

    Where the plan isn't of whole tensors, a firmware that has such a plan is built with the project's own kernels.
    """
    with start(firmware, rebuild.emulator) as session:
        op = first_op_that_differs(session.device, project_dir, vector)
        if op is not None or _has_whole_plan(session.device, project_dir):
            return op
    return _first_in_whole_plan(rebuild, project_dir, vector)


def first_op_that_differs(device: Device, project_dir: Path, vector: Vector) -> int | None:
    """Index of the first op whose result in the arena isn't the reference's.

    None where nothing can be compared: the firmware is of another model than project_dir/model.tflite, or can't stop
    behind an op, or its plan isn't that of whole tensors, or the reference lacks an op. Raises: DeviceError.
    """
    from sapmcu.reference import run_graph

    if not _has_whole_plan(device, project_dir):
        return None
    graph = _graph(project_dir)
    try:
        values = run_graph(graph, _arrays(graph, vector))
    except UserError:
        return None
    plan = _whole_plan(graph, project_dir)
    for index, op in enumerate(graph.ops):
        for number, data in enumerate(vector.inputs):
            device.write_input(number, data)
        device.run(index + 1)
        for name in op.outputs:
            expected = values[name].tobytes()
            offset = None if name in plan.homes else plan.offset_bytes.get(name)
            if offset is not None and device.read_arena(offset, len(expected)) != expected:
                return index
    return None


def _graph(project_dir: Path) -> Graph:
    """Raises: OSError, UserError."""
    from sapmcu.frontends.tflite import read_tflite
    from sapmcu.pipeline import native_graph

    path = project_dir / "model.tflite"
    graph, *_ = native_graph(read_tflite(path.read_bytes(), path.stem, str(path)))
    return graph


def _whole_plan(graph: Graph, project_dir: Path) -> ArenaPlan:
    """For the kernels that the project has, with inputs and outputs where its firmware has them. Raises: UserError."""
    from sapmcu.lower.graph import lower_graph

    project = load_project(project_dir / "firmware")
    apart = [one for one in Apart if one in project.apart]
    return lower_graph(graph, twins=project.twins, apart=apart, filters=project.filters).plan


def _has_whole_plan(device: Device, project_dir: Path) -> bool:
    try:
        model = (project_dir / "model.tflite").read_bytes()
        graph = _graph(project_dir)
        arena_bytes = _whole_plan(graph, project_dir).arena_bytes
    except (OSError, UserError):
        return False
    identity = device.identify()
    is_of_model = identity.op_count == len(graph.ops) and identity.sha256 == hashlib.sha256(model).hexdigest()
    return is_of_model and identity.arena_bytes == arena_bytes


def _first_in_whole_plan(rebuild: Rebuild, project_dir: Path, vector: Vector) -> int | None:
    """None, too, where no board with this core has room for it, or all its ops give the reference's bytes."""
    for board in _boards(project_dir / "firmware", rebuild.board):
        with TemporaryDirectory() as directory:
            try:
                _write_whole_project(Path(directory), board, project_dir, vector)
                emulator = _emulator(rebuild.emulator, board)
                target = target_of(emulator)
                build = build_firmware(Path(directory), rebuild.toolchain, rebuild.prefer, target=target)
                firmware = Firmware(load_project(Path(directory, "firmware")), build)
                with start(firmware, emulator) as session:
                    return first_op_that_differs(session.device, Path(directory), vector)
            except (OSError, UserError, ToolError):
                continue
    return None


def _emulator(chosen: str, board: Board) -> str:
    """Not Renode, which needs what convert writes of the board: the same kernels are in another."""
    if chosen != renode.NAME:
        return chosen
    return unicorn.NAME if board.emulator.unicorn_cpu is not None else qemu.NAME


def _boards(firmware: Path, name: str) -> list[Board]:
    """The project's board, then others with its kernels, those with most memory first."""
    try:
        board = converted_board(firmware, name)
    except UserError:
        board = None
    if board is None:
        return []
    alike = (one for one in all_boards() if (one.core, one.twins) == (board.core, board.twins) and one.name != name)
    return [board, *sorted(alike, key=lambda one: (-one.flash_bytes - one.sram_bytes, one.name))]


def _write_whole_project(directory: Path, board: Board, project_dir: Path, vector: Vector) -> None:
    """Kernels and the like that the project has, too, are the project's. Raises: OSError, UserError."""
    from sapmcu.lower.graph import lower_graph

    model, graph = (project_dir / "model.tflite").read_bytes(), _graph(project_dir)
    filters = load_project(project_dir / "firmware").filters
    program = lower_graph(graph, twins=board.twins, filters=filters)
    files = emit_native_project(graph, model, board, [vector], Origin("", ""), program)
    for path, data in {**files, "model.tflite": model}.items():
        own = project_dir / path
        is_hand_written = path.startswith(("firmware/kernels/", "firmware/engine/", "firmware/include/"))
        target = directory / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(own.read_bytes() if is_hand_written and own.is_file() else data)


def _arrays(graph: Graph, vector: Vector) -> list[Array]:
    tensors = [graph.tensors[name] for name in graph.inputs]
    return [
        np.frombuffer(data, tensor.dtype.numpy).reshape(tensor.shape)
        for tensor, data in zip(tensors, vector.inputs, strict=True)
    ]
