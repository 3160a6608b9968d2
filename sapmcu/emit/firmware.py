# SPDX-License-Identifier: Apache-2.0
"""firmware/, testdata/ and renode/ of all engines that a model fits with: what they share is one file."""

from __future__ import annotations

from dataclasses import dataclass

from sapmcu.boards.board import Board
from sapmcu.emit.native_project import emit_native_project
from sapmcu.emit.origin import Origin
from sapmcu.emit.project import emit_project
from sapmcu.emit.readme import emit_readme
from sapmcu.emit.renode import emit_renode
from sapmcu.emit.vectors import embedded
from sapmcu.ir.build import Engine, Prefer
from sapmcu.ir.graph import Graph
from sapmcu.ir.native import NativeProgram
from sapmcu.ir.vectors import Vector


@dataclass(frozen=True)
class Deployment:
    """What every engine's firmware is made of. tflm_graph: computes what graph does, planned for TFLM. model: the
    .tflite file of tflm_graph. prefer: what was asked for."""

    graph: Graph
    tflm_graph: Graph
    model: bytes
    board: Board
    vectors: tuple[Vector, ...]
    origin: Origin
    prefer: Prefer | None = None


def emit_firmware(what: Deployment, tflm_arena_bytes: int | None, program: NativeProgram | None) -> dict[str, bytes]:
    """Path relative to the output directory -> bytes. None for an engine leaves it out.

    Raises: UserError where an arena has no place on the board, or TFLM lacks an op.
    """
    files: dict[str, bytes] = {}
    arenas: dict[Engine, int] = {}
    if tflm_arena_bytes is not None:
        arenas[Engine.TFLM] = tflm_arena_bytes
        tflm = what.tflm_graph, what.model, what.board, tflm_arena_bytes
        files = emit_project(*tflm, what.vectors, what.origin, what.prefer)
    if program is not None:
        arenas[Engine.NATIVE] = program.plan.arena_bytes
        native = emit_native_project(
            what.graph, what.model, what.board, what.vectors, what.origin, program, what.prefer
        )
        assert all(files.get(path, data) == data for path, data in native.items()), "the engines' files collide"
        files |= native
    apart = {} if program is None else program.plan.apart_bytes
    readme = emit_readme(what.graph.name, what.board, arenas, len(embedded(what.vectors)), what.origin, apart)
    renode = emit_renode(what.board, what.graph.name, next(one for one in Engine if one in arenas), what.origin)
    return {**files, **renode, "firmware/README.md": readme}
