# SPDX-License-Identifier: Apache-2.0
"""What a firmware is linked for: the board, and the machine that stands in for it in QEMU."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sapmcu.boards.board import Board, BootCode, Region
from sapmcu.boards.emulated import FPGAIO_BASES, emulated_board
from sapmcu.boards.placement import NOTHING_APART, STACK_BYTES, Placement, place_memory
from sapmcu.emit.board import BOARD_HEADERS, BOOT_SOURCES, emit_board
from sapmcu.emit.c_source import c_comment
from sapmcu.emit.origin import Origin, block_comment
from sapmcu.emit.uart import emit_uart, uart_sources
from sapmcu.firmware_files import firmware_file
from sapmcu.ir.build import Link
from sapmcu.ir.firmware import QEMU, FirmwareTarget, MemoryRegion, target_name
from sapmcu.ir.native import Apart

SEMIHOSTING = {"port/semihosting.c": "port/cortex_m/semihosting.c"}
UART_HEADER = "port/uart/uart.h"
BOARD_COUNTER = {"port/dwt.c": "port/cortex_m/dwt.c"}
SYSTICK_COUNTER = {"port/systick.c": "port/cortex_m/systick.c"}
MPS_COUNTER = {"port/fpgaio.c": "port/mps/fpgaio.c"}
"""Path in the project -> path below firmware/."""
BOOT_BYTES = 0x100
"""Source: RP2040 Datasheet, 2.8.1.3, Second stage."""


@dataclass(frozen=True, slots=True)
class Targets:
    """files: their linker files and the sources that not all of them take; path in the project -> bytes."""

    targets: Mapping[str, FirmwareTarget]
    files: Mapping[str, bytes]


def board_defines(board: Board) -> tuple[str, ...]:
    """What the hand-written sources must know of the board."""
    has_vtor = ("SAPMCU_HAS_VTOR",) if board.core_facts.has_vtor else ()
    return f'SAPMCU_CORE="{board.core}"', f'SAPMCU_BOARD="{board.name}"', *has_vtor


def emit_targets(
    board: Board,
    arena_bytes: int,
    linker_dirs: tuple[str, str],
    origin: Origin,
    stack_bytes: int = STACK_BYTES,
    apart_bytes: Mapping[Apart, int] = NOTHING_APART,
) -> Targets:
    """linker_dirs: where memory.ld goes, for the board and for QEMU.

    Raises: UserError where the arena has no place on the board.
    """
    targets: dict[str, FirmwareTarget] = {}
    files: dict[str, bytes] = {}
    machine = emulated_board(board)
    for one, linker_dir, emulator in ((board, linker_dirs[0], None), (machine, linker_dirs[1], QEMU)):
        if one is None:
            continue
        placement = place_memory(one, arena_bytes, stack_bytes, apart_bytes)
        counter, defines = _counter(one, emulator)
        name = "board" if emulator is None else emulator
        facts = board_file(linker_dir)
        files |= {
            f"{linker_dir}/memory.ld": _memory_ld(one, placement, origin),
            facts: emit_board(one, placement, origin),
        }
        boot = BOOT_SOURCES[one.boot] if emulator is None else {}
        for link, sources, generated in _ports(one, name, origin):
            copied = {**sources, **counter, **boot}
            targets[target_name(emulator, link)] = FirmwareTarget(
                link=link,
                linker_dir=linker_dir,
                memory=_regions(placement),
                machine=one.emulator.qemu_machine if one.emulator.is_exact else "",
                sources=(*copied, facts, *(path for path in generated if path.endswith(".c"))),
                defines=defines,
            )
            files |= {**{path: firmware_file(source) for path, source in copied.items()}, **generated}
    headers = {path: firmware_file(source) for path, source in BOARD_HEADERS.items()}
    return Targets(targets, {**files, **headers})


def board_file(linker_dir: str) -> str:
    """Path of what startup must know of the board, which depends on the memory in use: one for each linker_dir."""
    name = linker_dir.removeprefix("ld").strip("/") or "tflm"
    return f"port/board_{name.replace('-', '_')}.c"


def _ports(board: Board, name: str, origin: Origin) -> Iterator[tuple[Link, Mapping[str, str], Mapping[str, bytes]]]:
    """How the host reaches a firmware: the sources that it takes and the files that are generated for it."""
    yield Link.SEMIHOSTING, SEMIHOSTING, {}
    if board.uart is not None and board.uart.port is not None:
        yield (
            Link.UART,
            uart_sources(board),
            {f"port/uart_{name}.c": emit_uart(board, origin), UART_HEADER: firmware_file(UART_HEADER)},
        )


def _counter(board: Board, emulator: str | None) -> tuple[Mapping[str, str], tuple[str, ...]]:
    """Sources and defines of what counts: the core's own cycles, in an emulator the board's clock where it has one.

    SysTick counts cycles on a board only: an emulator's runs at a rate of its own.
    """
    if emulator is None:
        return (BOARD_COUNTER if board.core_facts.has_cycle_counter else SYSTICK_COUNTER), ()
    base = FPGAIO_BASES.get(board.emulator.qemu_machine)
    return (BOARD_COUNTER, ()) if base is None else (MPS_COUNTER, (f"SAPMCU_FPGAIO_BASE={base:#x}u",))


def _regions(placement: Placement) -> tuple[MemoryRegion, ...]:
    return tuple(
        MemoryRegion(region.name, region.base, region.size_bytes, region == placement.code)
        for region in placement.regions
    )


def _memory_ld(board: Board, placement: Placement, origin: Origin) -> bytes:
    has_boot = board.boot is BootCode.RP2040_STAGE2
    aliases = {
        "CODE": placement.code,
        "DATA": placement.data,
        "STACK": placement.stack,
        "ARENA": placement.arena,
        "INPUTS": placement.apart.get(Apart.INPUT, placement.arena),
        "OUTPUTS": placement.apart.get(Apart.OUTPUT, placement.arena),
    }
    used = [region for region in board.memory if region in aliases.values()]
    lines = [
        *block_comment((f"Memory of {c_comment(board.title)} ({c_comment(board.mcu)}).", *origin.lines)),
        "MEMORY",
        "{",
        *([f"    boot (rx) : ORIGIN = {placement.code.base:#010x}, LENGTH = {BOOT_BYTES:#x}"] if has_boot else []),
        *(_region_line(region, board) for region in used),
        "}",
        "",
        f'REGION_ALIAS("BOOT", {"boot" if has_boot else placement.code.name});',
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
