# SPDX-License-Identifier: Apache-2.0
"""The firmware around a native model: which hand-written files it takes, and build.json that says how to build it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sapmcu.boards.board import Board
from sapmcu.boards.emulated import FPGAIO_BASES, emulated_board
from sapmcu.boards.placement import STACK_BYTES, Placement, place_memory
from sapmcu.emit.origin import Origin
from sapmcu.emit.project import emit_board
from sapmcu.firmware_files import firmware_file
from sapmcu.ir.firmware import FILE_NAME, FirmwareProject, FirmwareTarget, MemoryRegion

APP_SOURCES: Mapping[str, str] = {
    "main.c": "apps/native/main.c",
    "engine/sapmcu_serve.c": "engine/sapmcu_serve.c",
    "freestanding/string.c": "freestanding/string.c",
    "port/semihosting.c": "port/cortex_m/semihosting.c",
    "port/stack.c": "port/cortex_m/stack.c",
    "port/startup.c": "port/cortex_m/startup.c",
}
BOARD_COUNTER = {"port/dwt.c": "port/cortex_m/dwt.c"}
MPS_COUNTER = {"port/fpgaio.c": "port/mps/fpgaio.c"}
OTHER_FILES: Mapping[str, str] = {
    "freestanding/include/string.h": "freestanding/include/string.h",
    "include/sapmcu/model.h": "include/sapmcu/model.h",
    "include/sapmcu/port.h": "include/sapmcu/port.h",
    "include/sapmcu/protocol.h": "include/sapmcu/protocol.h",
    "ld/sections.ld": "ld/sections.ld",
}
"""Path in the project -> path below firmware/, as in APP_SOURCES."""


def emit_native_app(
    board: Board,
    arena_bytes: int,
    models: Mapping[str, bytes],
    kernels: Sequence[str],
    headers: Sequence[str],
    origin: Origin,
    stack_bytes: int = STACK_BYTES,
) -> dict[str, bytes]:
    """firmware/ of a native project: path relative to it -> bytes.

    models: generated .c and .h files; one of them defines sapmcu_models. kernels: .c files to build, headers: .h files
    that they include, both relative to firmware/, where they keep their place. arena_bytes: of all models together.
    Raises: UserError where the arena has no place on the board.
    """
    placement = place_memory(board, arena_bytes, stack_bytes)
    counters = {**BOARD_COUNTER}
    targets = {"board": _target(board, placement, "ld/native", BOARD_COUNTER, ())}
    files = {f"ld/native/{name}": data for name, data in _linker_files(board, placement, origin)}
    machine = emulated_board(board)
    if machine is not None:
        twin = place_memory(machine, arena_bytes, stack_bytes)
        base = FPGAIO_BASES.get(machine.emulator.qemu_machine)
        counter, defines = (BOARD_COUNTER, ()) if base is None else (MPS_COUNTER, (f"SAPMCU_FPGAIO_BASE={base:#x}u",))
        targets["qemu"] = _target(machine, twin, "ld/native-qemu", counter, defines)
        counters.update(counter)
        files.update({f"ld/native-qemu/{name}": data for name, data in _linker_files(machine, twin, origin)})
    sources = sorted(name for name in models if name.endswith(".c"))
    project = FirmwareProject(
        board=board.name,
        core=board.core,
        core_options=board.compiler_options,
        unicorn_cpu=board.emulator.unicorn_cpu,
        sources=(*sources, *sorted(kernels), *APP_SOURCES),
        model_sources=tuple(sources),
        includes=(".", "include", "freestanding/include"),
        defines=(f'SAPMCU_CORE="{board.core}"', *(("SAPMCU_HAS_VTOR",) if board.core_facts.has_vtor else ())),
        linker_script="ld/sections.ld",
        targets=targets,
    )
    copied = {**APP_SOURCES, **counters, **OTHER_FILES, **{path: path for path in (*kernels, *headers)}}
    files.update({path: firmware_file(source) for path, source in copied.items()})
    return dict(sorted({**files, **models, FILE_NAME: project.to_json()}.items()))


def _linker_files(board: Board, placement: Placement, origin: Origin) -> list[tuple[str, bytes]]:
    return [("memory.ld", emit_board(board, placement, origin)["ld/memory.ld"])]


def _target(
    board: Board, placement: Placement, linker_dir: str, counter: Mapping[str, str], defines: Sequence[str]
) -> FirmwareTarget:
    in_use = dict.fromkeys((placement.code, placement.stack, placement.data, placement.arena))
    return FirmwareTarget(
        linker_dir=linker_dir,
        memory=tuple(
            MemoryRegion(region.name, region.base, region.size_bytes, region == placement.code) for region in in_use
        ),
        machine=board.emulator.qemu_machine if board.emulator.is_exact else "",
        sources=tuple(counter),
        defines=tuple(defines),
    )
