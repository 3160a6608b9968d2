# SPDX-License-Identifier: Apache-2.0
"""What a firmware is linked for: the board, and the machine that stands in for it in QEMU."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sapmcu.boards.board import Board, Region
from sapmcu.boards.emulated import FPGAIO_BASES, emulated_board
from sapmcu.boards.placement import STACK_BYTES, Placement, place_memory
from sapmcu.emit.c_source import c_comment
from sapmcu.emit.origin import Origin, block_comment
from sapmcu.firmware_files import firmware_file
from sapmcu.ir.firmware import FirmwareTarget, MemoryRegion

BOARD_COUNTER = {"port/dwt.c": "port/cortex_m/dwt.c"}
MPS_COUNTER = {"port/fpgaio.c": "port/mps/fpgaio.c"}
"""Path in the project -> path below firmware/."""


@dataclass(frozen=True, slots=True)
class Targets:
    """files: their linker files and the sources that not all of them take; path in the project -> bytes."""

    targets: Mapping[str, FirmwareTarget]
    files: Mapping[str, bytes]


def board_defines(board: Board) -> tuple[str, ...]:
    """What the hand-written sources must know of the board."""
    return (f'SAPMCU_CORE="{board.core}"', *(("SAPMCU_HAS_VTOR",) if board.core_facts.has_vtor else ()))


def emit_targets(
    board: Board, arena_bytes: int, linker_dirs: tuple[str, str], origin: Origin, stack_bytes: int = STACK_BYTES
) -> Targets:
    """linker_dirs: where memory.ld goes, for the board and for QEMU.

    Raises: UserError where the arena has no place on the board.
    """
    board_dir, qemu_dir = linker_dirs
    placement = place_memory(board, arena_bytes, stack_bytes)
    counters = {**BOARD_COUNTER}
    targets = {"board": _target(board, placement, board_dir, BOARD_COUNTER, ())}
    files = {f"{board_dir}/memory.ld": _memory_ld(board, placement, origin)}
    machine = emulated_board(board)
    if machine is not None:
        twin = place_memory(machine, arena_bytes, stack_bytes)
        base = FPGAIO_BASES.get(machine.emulator.qemu_machine)
        counter, defines = (BOARD_COUNTER, ()) if base is None else (MPS_COUNTER, (f"SAPMCU_FPGAIO_BASE={base:#x}u",))
        targets["qemu"] = _target(machine, twin, qemu_dir, counter, defines)
        counters.update(counter)
        files[f"{qemu_dir}/memory.ld"] = _memory_ld(machine, twin, origin)
    return Targets(targets, {**files, **{path: firmware_file(source) for path, source in counters.items()}})


def _target(
    board: Board, placement: Placement, linker_dir: str, counter: Mapping[str, str], defines: tuple[str, ...]
) -> FirmwareTarget:
    in_use = dict.fromkeys((placement.code, placement.stack, placement.data, placement.arena))
    return FirmwareTarget(
        linker_dir=linker_dir,
        memory=tuple(
            MemoryRegion(region.name, region.base, region.size_bytes, region == placement.code) for region in in_use
        ),
        machine=board.emulator.qemu_machine if board.emulator.is_exact else "",
        sources=tuple(counter),
        defines=defines,
    )


def _memory_ld(board: Board, placement: Placement, origin: Origin) -> bytes:
    aliases = {
        "CODE": placement.code,
        "DATA": placement.data,
        "STACK": placement.stack,
        "ARENA": placement.arena,
    }
    used = [region for region in board.memory if region in aliases.values()]
    lines = [
        *block_comment((f"Memory of {c_comment(board.title)} ({c_comment(board.mcu)}).", *origin.lines)),
        "MEMORY",
        "{",
        *(_region_line(region, board) for region in used),
        "}",
        "",
        *(f'REGION_ALIAS("{alias}", {region.name});' for alias, region in aliases.items()),
        "",
        f"sapmcu_stack_bytes = {placement.stack_bytes};",
    ]
    return ("\n".join(lines) + "\n").encode("ascii")


def _region_line(region: Region, board: Board) -> str:
    is_code = region.name == board.defaults.code
    offset = board.defaults.code_offset_bytes if is_code else 0
    attributes = "rx" if is_code else "rw"
    return (
        f"    {region.name} ({attributes}) : ORIGIN = {region.base + offset:#010x}, "
        f"LENGTH = {region.size_bytes - offset:#x}"
    )
