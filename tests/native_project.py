# SPDX-License-Identifier: Apache-2.0
"""A native firmware around a hand-written model, for tests of what builds and runs firmware.

Its two ops add 3 to each of 48 bytes, then 5, in an arena of 96: the sum is the output, the intermediate tensor lies at
offset 48 and is the second output.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from firmware_project import ORIGIN, write_files

from sapmcu.boards.board import Board, load_board
from sapmcu.emit.native import emit_model_table, emit_native
from sapmcu.emit.native_app import emit_native_app
from sapmcu.emit.native_kernels import kernel_files
from sapmcu.emit.tflite import write_tflite
from sapmcu.emit.vectors import emit_testdata
from sapmcu.ir.graph import Array, Graph
from sapmcu.ir.native import NativeProgram
from sapmcu.ir.vectors import Vector
from sapmcu.lower import lower_graph
from sapmcu.pipeline import native_graph
from sapmcu.reference import run_graph

BYTES = 48
ARENA_BYTES = 96
SHA256 = bytes(range(32))
MODEL = """
#include "sapmcu/model.h"

static SAPMCU_ARENA uint8_t arena[96];
static const uint8_t addends[2] = {1, 2};
static const uint8_t constants[200] = {[1] = 2, [2] = 3};

__attribute__((noinline)) static void add(uint8_t *y, const uint8_t *x, uint8_t addend) {
    volatile uint8_t frame[40]; /* so that the stack's use is known */
    frame[0] = (uint8_t)(addend + constants[addend]);
    for (int i = 0; i < 48; ++i) {
        y[i] = (uint8_t)(x[i] + frame[0]);
    }
}

__attribute__((always_inline)) static inline int run(uint32_t count) {
    if (count == 0) {
        return 0;
    }
    add(arena + 48, arena, addends[0]);
    SAPMCU_END_OP(0);
    if (count == 1) {
        return 0;
    }
    add(arena, arena + 48, addends[1]);
    SAPMCU_END_OP(1);
    return FAILS;
}

static int invoke(void) {
    return run(0xFFFFFFFFu);
}

static int invoke_ops(uint32_t count) {
    return run(count);
}

static const sapmcu_tensor inputs[1] = {{arena, 48}};
static const sapmcu_tensor outputs[2] = {{arena, 48}, {arena + 48, 48}};
static const sapmcu_model adder = {
    .name = "adder",
    .sha256 = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
               16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31},
    .input_count = 1,
    .output_count = 2,
    .op_count = 2,
    .inputs = inputs,
    .outputs = outputs,
    .arena = arena,
    .arena_bytes = sizeof arena,
    .invoke = invoke,
    .invoke_ops = invoke_ops,
};
const sapmcu_model *const sapmcu_models[] = {&adder};
const uint32_t sapmcu_model_count = 1;
"""


def model_source(fails_with: int = 0) -> str:
    return MODEL.replace("FAILS", str(fails_with))


def write_native_project(directory: Path, board: str | Board, model: str | None = None) -> Path:
    """Write firmware/ and its build.json; returns `directory`."""
    chosen = load_board(board) if isinstance(board, str) else board
    models = {"sapmcu_adder.c": (model or model_source()).encode()}
    files = emit_native_app(chosen, ARENA_BYTES, models, (), (), ORIGIN)
    write_files(directory / "firmware", files)
    return directory


def write_graph_project(
    directory: Path,
    board: str,
    graph: Graph,
    inputs: Sequence[Sequence[Array]],
    patch: Mapping[str, str] | None = None,
    program: NativeProgram | None = None,
) -> Path:
    """Write what `sapmcu convert` would; patch: what to replace in the model's C. Returns `directory`."""
    chosen, model = load_board(board), write_tflite(graph)
    program = program or lower_graph(native_graph(graph)[0], twins=chosen.twins)
    sources = {
        **emit_native(program, hashlib.sha256(model).hexdigest(), ORIGIN),
        **emit_model_table([program.name], ORIGIN),
    }
    source = f"sapmcu_{program.name}.c"
    for old, new in (patch or {}).items():
        assert old.encode() in sources[source], old
        sources[source] = sources[source].replace(old.encode(), new.encode())
    kernels, headers = kernel_files(program, chosen.twins)
    files = emit_native_app(chosen, program.plan.arena_bytes, sources, kernels, headers, ORIGIN)
    write_files(directory / "firmware", files)
    values = [run_graph(graph, one) for one in inputs]
    vectors = [
        Vector(
            tuple(one[name].tobytes() for name in graph.inputs), tuple(one[name].tobytes() for name in graph.outputs)
        )
        for one in values
    ]
    write_files(directory, {"model.tflite": model, **emit_testdata(graph, vectors)})
    return directory


def added(data: bytes, addend: int) -> bytes:
    return bytes((value + addend) & 0xFF for value in data)
