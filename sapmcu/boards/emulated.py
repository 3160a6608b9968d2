# SPDX-License-Identifier: Apache-2.0
"""A board as QEMU can stand in for it: the machine with its core, with no more memory than the board."""

from __future__ import annotations

from dataclasses import replace

from sapmcu.boards.board import Board, Region, RegionKind, all_boards
from sapmcu.boards.clock import ClockChoice

FPGAIO_BASES = {
    "mps2-an385": 0x4002_8000,
    "mps2-an386": 0x4002_8000,
    "mps2-an500": 0x4002_8000,
    "mps2-an505": 0x5030_2000,
    "mps3-an547": 0x5930_2000,
}
"""Registers with the cycle-up counter. Sources: Arm AN385, AN505 and AN547, memory maps; QEMU 7.2, hw/arm/mps2*.c."""


def emulated_board(board: Board) -> Board | None:
    """The board itself where QEMU has it, else one with the memory of an MPS machine cut to the board's sizes.

    Regions of the board that hold data lie one behind the other in the machine's RAM, that of the stack first: what
    overflows the stack leaves the memory, as on the board; of memory outside the MCU there may be less. None where the
    board has more than the machine.
    """
    if board.emulator.is_exact:
        return replace(board, choice=ClockChoice.RESET)  # QEMU has no clock trees
    exact = [one for one in all_boards() if one.emulator.is_exact]
    machine = next((one for one in exact if one.emulator.qemu_machine == board.emulator.qemu_machine), None)
    if machine is None:
        return None
    flash, ram = machine.region(machine.defaults.code), machine.region(machine.defaults.arena[-1])
    code = board.region(board.defaults.code)
    regions = [replace(code, base=flash.base, setup=())]
    base = ram.base
    defaults = board.defaults
    wanted = (defaults.stack, defaults.data, *defaults.arena, defaults.inputs, defaults.outputs)
    for name in dict.fromkeys(filter(None, wanted)):
        region = board.region(name)
        is_outside = region.kind in (RegionKind.PSRAM, RegionKind.SDRAM)
        size = min(region.size_bytes, ram.end - base) if is_outside else region.size_bytes
        regions.append(Region(region.name, region.kind, base, size))
        base = regions[-1].end
    if code.size_bytes > flash.size_bytes or base > ram.end:
        return None
    return replace(
        machine,
        name=board.name,
        title=f"{machine.title} with the memory of {board.title}",
        fpu=board.fpu,
        dsp=board.dsp,
        mve=board.mve,
        core=board.core,
        memory=tuple(regions),
        defaults=replace(board.defaults, code_offset_bytes=0),
    )
