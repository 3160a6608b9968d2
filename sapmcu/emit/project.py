# SPDX-License-Identifier: Apache-2.0
"""Model, board and test vectors -> the files of a firmware project. Pure: same input, same bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Template

from sapmcu.boards.board import Board, all_boards
from sapmcu.boards.core import Fpu
from sapmcu.boards.placement import Placement, place_memory
from sapmcu.emit.c_source import c_comment
from sapmcu.emit.origin import Origin
from sapmcu.emit.targets import Targets, board_defines, emit_targets
from sapmcu.emit.tflm import emit_model_data, emit_model_ops
from sapmcu.emit.vectors import embedded, emit_testdata, emit_vectors, verify_vectors
from sapmcu.firmware_files import firmware_file
from sapmcu.ir.build import Engine
from sapmcu.ir.firmware import FILE_NAMES, FirmwareProject
from sapmcu.ir.graph import Graph
from sapmcu.ir.vectors import Vector

TEMPLATES = Path(__file__).parent / "templates"

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
    "engine/sapmcu_serve.c": "engine/sapmcu_serve.c",
    "include/sapmcu/model.h": "include/sapmcu/model.h",
    "include/sapmcu/port.h": "include/sapmcu/port.h",
    "include/sapmcu/protocol.h": "include/sapmcu/protocol.h",
    "ld/sections.ld": "ld/sections.ld",
    "port/libc_stubs.c": "port/cortex_m/libc_stubs.c",
    "port/stack.c": "port/cortex_m/stack.c",
    "port/startup.c": "port/cortex_m/startup.c",
}
"""Path in the project -> path below firmware/."""

MODEL_SOURCES = ("model_data.cc",)
SERVED_SOURCES = (
    *MODEL_SOURCES,
    *("serve.cc", "interpreter.cc", "debug_log.cc", "engine/sapmcu_serve.c"),
    *("port/libc_stubs.c", "port/stack.c", "port/startup.c"),
)
"""Of the firmware that serves the model to a host; CMakeLists.txt builds the one that stands alone."""

TFLM_ARCHS: Mapping[tuple[str, Fpu], str] = {
    ("cortex-m4", Fpu.SINGLE): "cortex-m4+fp",
    ("cortex-m7", Fpu.SINGLE): "cortex-m7+fp",
    ("cortex-m7", Fpu.DOUBLE): "cortex-m7+fp",
}
"""TARGET_ARCH of TFLM's Makefile where it isn't the core's name. Source: cortex_m_generic_makefile.inc, 90b983c2."""


def emit_project(
    graph: Graph, model: bytes, board: Board, arena_bytes: int, vectors: Sequence[Vector], origin: Origin
) -> dict[str, bytes]:
    """firmware/ and testdata/: path relative to the output directory -> bytes.

    model: the .tflite file that graph was read from. arena_bytes: what TFLM needs at least, with its temporaries.

    Raises: UserError where the arena has no place on the board, or TFLM lacks an op.
    """
    verify_vectors(graph, vectors)
    placement = place_memory(board, arena_bytes)
    targets = emit_targets(board, arena_bytes, ("ld", "ld/tflm-qemu"), origin)
    firmware = {
        **emit_model_data(graph, model, arena_bytes, origin),
        **emit_model_ops(graph, origin),
        **emit_vectors(graph, vectors, origin),
        "board.cmake": _board_cmake(board, origin),
        **targets.files,
        **{path: firmware_file(source) for path, source in VERBATIM.items()},
        FILE_NAMES[Engine.TFLM]: _project(board, targets).to_json(),
        "README.md": _readme(graph, board, placement, len(embedded(vectors)), origin),
    }
    return {
        **{f"firmware/{path}": data for path, data in sorted(firmware.items())},
        **emit_testdata(graph, vectors),
    }


def _project(board: Board, targets: Targets) -> FirmwareProject:
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
    )


def _float_abi(board: Board) -> str:
    return "soft" if board.fpu is Fpu.NONE else "hard"


def _target_arch(board: Board) -> str:
    return TFLM_ARCHS.get((board.core, board.fpu), board.core)


def _board_cmake(board: Board, origin: Origin) -> bytes:
    lines = [
        *(f"# {line}" for line in origin.lines),
        f"set(SAPMCU_BOARD {board.name})",
        f"set(SAPMCU_CORE {board.core})",
        f"set(SAPMCU_CORE_OPTIONS {' '.join(board.compiler_options)})",
        f"set(SAPMCU_FLOAT_ABI {_float_abi(board)})",
        f"set(SAPMCU_DEFINITIONS{' SAPMCU_HAS_VTOR' if board.core_facts.has_vtor else ''})",
        f"set(SAPMCU_ELF_ARCHS {' '.join(board.core_facts.elf_archs)})",
        f"set(SAPMCU_TFLM_TARGET_ARCH {_target_arch(board)})",
    ]
    return ("\n".join(lines) + "\n").encode("ascii")


def _readme(graph: Graph, board: Board, placement: Placement, vectors: int, origin: Origin) -> bytes:
    template = Template((TEMPLATES / "firmware_readme.md").read_text(encoding="utf-8"))
    text = template.substitute(
        model=c_comment(graph.name).replace("`", "'"),
        title=board.title,
        version=origin.version,
        command=c_comment(origin.command).replace("`", "'"),
        core=board.core,
        float_abi=_float_abi(board),
        target_arch=_target_arch(board),
        vectors=vectors,
        run=_run_hint(board),
        uart=_uart_hint(board),
        memory="\n".join(_memory_rows(board, placement)),
    )
    return text.encode("utf-8")


def _run_hint(board: Board) -> str:
    if board.emulator.is_exact:
        return (
            f"```\nqemu-system-arm -machine {board.emulator.qemu_machine} -nographic \\\n"
            "    -semihosting-config enable=on,target=native -kernel build/firmware.elf\n```"
        )
    twins = [other.name for other in all_boards() if other.emulator.is_exact and other.core == board.core]
    if not twins:
        return f"QEMU has neither this board nor another with its core, {board.core}."
    return (
        f"QEMU doesn't have this board, but others with its core: convert for `--board {twins[0]}` to run the same\n"
        "application there."
    )


def _uart_hint(board: Board) -> str:
    uart = board.uart
    if uart is None or uart.port is None:
        return (
            "The firmware talks to the host through semihosting: on a board it needs a debugger with that switched on."
        )
    place = "which its debugger passes on as a serial port" if uart.is_on_debugger else "to connect an adapter to"
    return (
        f"What `sapmcu build` makes talks to the host through {uart.peripheral}, TX {uart.tx}, RX {uart.rx},\n"
        f"{place}: {uart.baud:,} baud, 8N1.\n"
        "`sapmcu test . --link uart` runs the same through a UART in QEMU. With `--link semihosting`, what\n"
        "`sapmcu build` makes needs a debugger with semihosting switched on."
    )


def _memory_rows(board: Board, placement: Placement) -> list[str]:
    roles = {
        "code and constants": placement.code,
        f"stack, {placement.stack_bytes:,} bytes": placement.stack,
        "data": placement.data,
        f"arena, {placement.arena_bytes:,} bytes": placement.arena,
    }
    rows = []
    for region in board.memory:
        holds = "; ".join(role for role, used in roles.items() if used == region)
        rows.append(f"| {region.name} | {region.base:#010x} | {region.size_bytes:,} | {holds} |")
    return rows
