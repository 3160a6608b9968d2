# SPDX-License-Identifier: Apache-2.0
"""Model, board and test vectors -> the files of a firmware project. Pure: same input, same bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sapmcu.boards.board import Board
from sapmcu.emit.board import BOARD_SOURCES, BOOT_SOURCES
from sapmcu.emit.origin import Origin
from sapmcu.emit.readme import float_abi, target_arch
from sapmcu.emit.targets import Targets, board_defines, board_file, emit_targets
from sapmcu.emit.tflm import emit_model_data, emit_model_ops
from sapmcu.emit.vectors import emit_testdata, emit_vectors, verify_vectors
from sapmcu.firmware_files import firmware_file
from sapmcu.ir.build import Engine, Prefer
from sapmcu.ir.firmware import FILE_NAMES, FirmwareProject
from sapmcu.ir.graph import Graph
from sapmcu.ir.vectors import Vector

VERBATIM: Mapping[str, str] = {
    "CMakeLists.txt": "apps/tflm/CMakeLists.txt",
    "main.cc": "apps/tflm/main.cc",
    "serve.cc": "apps/tflm/serve.cc",
    "console.h": "apps/tflm/console.h",
    "interpreter.h": "apps/tflm/interpreter.h",
    "interpreter.cc": "apps/tflm/interpreter.cc",
    "debug_log.cc": "apps/tflm/debug_log.cc",
    "cmake/arm-none-eabi-gcc.cmake": "cmake/arm-none-eabi-gcc.cmake",
    "cmake/tflm.cmake": "cmake/tflm.cmake",
    "engine/frames.h": "engine/frames.h",
    "engine/sapmcu_frames.c": "engine/sapmcu_frames.c",
    "engine/sapmcu_serve.c": "engine/sapmcu_serve.c",
    "include/sapmcu/model.h": "include/sapmcu/model.h",
    "include/sapmcu/port.h": "include/sapmcu/port.h",
    "include/sapmcu/protocol.h": "include/sapmcu/protocol.h",
    "include/sapmcu/small.h": "include/sapmcu/small.h",
    "ld/sections.ld": "ld/sections.ld",
    "port/libc_stubs.c": "port/cortex_m/libc_stubs.c",
    **BOARD_SOURCES,
}
"""Path in the project -> path below firmware/."""

MODEL_SOURCES = ("model_data.cc",)
SERVED_SOURCES = (
    *MODEL_SOURCES,
    *("serve.cc", "interpreter.cc", "debug_log.cc", "engine/sapmcu_frames.c", "engine/sapmcu_serve.c"),
    "port/libc_stubs.c",
    *BOARD_SOURCES,
)
"""Of the firmware that serves the model to a host; CMakeLists.txt builds the one that stands alone."""


def emit_project(
    graph: Graph,
    model: bytes,
    board: Board,
    arena_bytes: int,
    vectors: Sequence[Vector],
    origin: Origin,
    prefer: Prefer | None = None,
) -> dict[str, bytes]:
    """firmware/ and testdata/: path relative to the output directory -> bytes.

    model: the .tflite file that graph was read from. arena_bytes: what TFLM needs at least, with its temporaries.
    prefer: what the project remembers.

    Raises: UserError where the arena has no place on the board, or TFLM lacks an op.
    """
    verify_vectors(graph, vectors)
    targets = emit_targets(board, arena_bytes, ("ld", "ld/tflm-qemu"), origin)
    firmware = {
        **emit_model_data(graph, model, arena_bytes, origin),
        **emit_model_ops(graph, origin),
        **emit_vectors(graph, vectors, origin),
        "board.cmake": _board_cmake(board, origin),
        **targets.files,
        **{path: firmware_file(source) for path, source in VERBATIM.items()},
        FILE_NAMES[Engine.TFLM]: _project(board, targets, prefer).to_json(),
    }
    return {
        **{f"firmware/{path}": data for path, data in sorted(firmware.items())},
        **emit_testdata(graph, vectors),
    }


def _project(board: Board, targets: Targets, prefer: Prefer | None) -> FirmwareProject:
    return FirmwareProject(
        board=board.name,
        core=board.core,
        core_options=board.compiler_options,
        unicorn_cpu=board.emulator.unicorn_cpu,
        sources=SERVED_SOURCES,
        model_sources=MODEL_SOURCES,
        includes=(".", "include"),
        defines=board_defines(board),
        linker_script="ld/sections.ld",
        targets=targets.targets,
        prefer=prefer,
    )


def _board_cmake(board: Board, origin: Origin) -> bytes:
    lines = [
        *(f"# {line}" for line in origin.lines),
        f"set(SAPMCU_BOARD {board.name})",
        f"set(SAPMCU_CORE {board.core})",
        f"set(SAPMCU_CORE_OPTIONS {' '.join(board.compiler_options)})",
        f"set(SAPMCU_FLOAT_ABI {float_abi(board)})",
        f"set(SAPMCU_DEFINITIONS{' SAPMCU_HAS_VTOR' if board.core_facts.has_vtor else ''})",
        f"set(SAPMCU_BOARD_SOURCES {' '.join((*BOARD_SOURCES, board_file('ld'), *BOOT_SOURCES[board.boot]))})",
        f"set(SAPMCU_ELF_ARCHS {' '.join(board.core_facts.elf_archs)})",
        f"set(SAPMCU_TFLM_TARGET_ARCH {target_arch(board)})",
    ]
    return ("\n".join(lines) + "\n").encode("ascii")
