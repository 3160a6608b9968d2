# SPDX-License-Identifier: Apache-2.0
"""Model, board and test vectors -> the files of a firmware project that runs on the native engine."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from sapmcu.boards.board import Board
from sapmcu.emit.native import emit_model_table, emit_native
from sapmcu.emit.native_app import emit_native_app
from sapmcu.emit.native_kernels import kernel_files
from sapmcu.emit.origin import Origin
from sapmcu.emit.vectors import emit_testdata, verify_vectors
from sapmcu.ir.build import Prefer
from sapmcu.ir.graph import Graph
from sapmcu.ir.native import NativeProgram
from sapmcu.ir.vectors import Vector
from sapmcu.lower import lower_graph


def emit_native_project(
    graph: Graph,
    model: bytes,
    board: Board,
    vectors: Sequence[Vector],
    origin: Origin,
    program: NativeProgram | None = None,
    prefer: Prefer | None = None,
) -> dict[str, bytes]:
    """firmware/ and testdata/: path relative to the output directory -> bytes.

    model: the .tflite file that graph was read from. program: the graph lowered, for instance to keep each tensor.
    prefer: what the project remembers.

    Raises: UserError for ops that the native engine can't run, and where the arena has no place on the board.
    """
    verify_vectors(graph, vectors)
    program = program or lower_graph(graph, twins=board.twins)
    sources = {
        **emit_native(program, hashlib.sha256(model).hexdigest(), origin),
        **emit_model_table([program.name], origin),
    }
    kernels, headers = kernel_files(program, board.twins)
    firmware = emit_native_app(
        *(board, program.plan.arena_bytes, sources, kernels, headers, origin),
        apart_bytes=program.plan.apart_bytes,
        prefer=prefer,
        filters=program.filters,
    )
    return {
        **{f"firmware/{path}": data for path, data in sorted(firmware.items())},
        **emit_testdata(graph, vectors),
    }
