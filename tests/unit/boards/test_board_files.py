# SPDX-License-Identifier: Apache-2.0
"""Every board file holds together; adding a board adds no test."""

from __future__ import annotations

from collections import Counter

import pytest

from sapmcu.boards.board import BOARD_DIR, Board, RegionKind, all_boards, load_board
from sapmcu.boards.core import CORES, Fpu
from sapmcu.boards.placement import largest_arena_bytes

EXPECTED = {
    "nucleo_h743zi2",
    "nucleo_f767zi",
    "stm32f746g_disco",
    "nucleo_f446re",
    "nucleo_l4r5zi",
    "b_u585i_iot02a",
    "nucleo_g0b1re",
    "arduino_nano33ble",
    "nrf5340dk",
    "rpi_pico",
    "rpi_pico2",
    "mps2_an385",
    "mps2_an386",
    "mps2_an500",
    "mps2_an505",
    "mps3_an547",
}
QEMU_MACHINES = {core.qemu_machine for core in CORES.values()} | {"netduinoplus2", "microbit"}


@pytest.mark.parametrize("board", all_boards(), ids=lambda board: board.name)
def test_board_is_valid(board: Board) -> None:
    """What the loader checks (keys, types, overlaps, core and its options) holds too: all_boards() has loaded it."""
    assert (BOARD_DIR / f"{board.name}.toml").is_file()
    assert board.region(board.defaults.code).kind in (RegionKind.FLASH, RegionKind.ITCM)
    assert board.flash_bytes >= 64 * 1024
    assert largest_arena_bytes(board) >= 8 * 1024
    assert {RegionKind.PSRAM, RegionKind.SDRAM}.isdisjoint(
        board.region(name).kind for name in (board.defaults.data, board.defaults.stack, *board.defaults.arena)
    ), "external memory needs code that starts it"
    assert board.clock.reset_hz <= board.clock.internal_hz <= board.clock.max_hz
    assert board.sources
    assert all(source.document and source.revision and source.facts for source in board.sources)
    assert board.emulator.unicorn_cpu == board.core_facts.unicorn_cpu
    assert board.emulator.qemu_machine in QEMU_MACHINES
    assert board.flash_methods or board.emulator.is_exact
    assert board.uart is not None
    assert 0x4000_0000 <= board.uart.base < 0x6000_0000, "where Armv6-M to Armv8-M have their peripherals"


@pytest.mark.parametrize("board", all_boards(), ids=lambda board: board.name)
def test_code_starts_where_a_vector_table_may(board: Board) -> None:
    start = board.region(board.defaults.code).base + board.defaults.code_offset_bytes
    assert start % 256 == 0


def test_all_promised_boards_are_there() -> None:
    assert {board.name for board in all_boards()} >= EXPECTED


def test_no_two_boards_share_a_name_or_alias() -> None:
    names = Counter(name for board in all_boards() for name in (board.name, *board.aliases))
    assert [name for name, count in names.items() if count > 1] == []


def test_stm32h7_is_the_nucleo_h743zi2() -> None:
    board = load_board("stm32h7")
    assert board.name == "nucleo_h743zi2"
    assert (board.core, board.fpu, board.dsp, board.mve) == ("cortex-m7", Fpu.DOUBLE, True, False)
    assert board.flash_bytes == 2 * 1024 * 1024
    assert [(region.name, region.base, region.size_bytes) for region in board.memory[2:4]] == [
        ("dtcm", 0x2000_0000, 128 * 1024),
        ("axi_sram", 0x2400_0000, 512 * 1024),
    ]


def test_compiler_options_name_the_core_and_the_float_abi() -> None:
    options = {board.name: " ".join(board.compiler_options) for board in all_boards()}
    assert options["nucleo_h743zi2"] == "-mcpu=cortex-m7 -mthumb -mfpu=fpv5-d16 -mfloat-abi=hard"
    assert options["mps2_an386"] == "-mcpu=cortex-m4 -mthumb -mfpu=fpv4-sp-d16 -mfloat-abi=hard"
    assert options["nucleo_g0b1re"] == "-mcpu=cortex-m0plus -mthumb -mfloat-abi=soft"
