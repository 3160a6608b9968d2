# SPDX-License-Identifier: Apache-2.0
"""What turns on each board's clocks and UART, against what is known of its MCU: pins, clocks, baud rate."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from uart_facts import STM32, missing, registers_after_reset

from sapmcu.boards.board import BOARD_DIR, Board, all_boards, load_board
from sapmcu.boards.steps import Action, RegisterStep
from sapmcu.boards.uart import FAMILIES, MAX_BAUD_ERROR, UartPort

BOARDS = pytest.mark.parametrize("board", all_boards(), ids=lambda board: board.name)


def port_of(board: Board) -> UartPort:
    assert board.uart is not None and board.uart.port is not None
    return board.uart.port


def every_step(board: Board) -> list[RegisterStep]:
    """Those with a register of a peripheral: pairs lie in flash."""
    fast = () if board.clock.fast is None else board.clock.fast.setup
    regions = [step for region in board.memory for step in region.setup or ()]
    steps = (*board.start, *regions, *fast, *board.reset.clear, *port_of(board).setup)
    return [step for step in steps if step.action not in (Action.PAUSE, Action.PAIRS)]


def after_setup(board: Board, before: Mapping[int, int]) -> dict[int, int]:
    """The registers that the steps leave behind."""
    registers = dict(before)
    for step in (*board.start, *port_of(board).setup):
        if step.action in (Action.WRITE, Action.CHANGE):
            registers[step.register] = registers.get(step.register, 0) & ~step.mask | step.value
    return registers


@BOARDS
def test_every_register_has_one_name_and_is_a_peripherals(board: Board) -> None:
    steps = every_step(board)
    for step in steps:
        is_fmc = step.name.startswith("FMC_") and 0xA000_0140 <= step.register < 0xA000_0160
        assert 0x4000_0000 <= step.register < 0x6000_0000 or is_fmc, f"{step.name} is no peripheral's"
        assert step.value & ~step.mask == 0 and step.mask
        assert re.fullmatch(r"[A-Z]\w+(\.[A-Z]+|\[\d+\])?", step.name)
    named = {(step.name, step.register) for step in steps}
    assert len({name for name, _ in named}) == len({register for _, register in named}) == len(named)


@BOARDS
def test_the_baud_rate_is_near_enough(board: Board) -> None:
    port = port_of(board)
    units = {"cmsdk": 1, "stm32_v1": 1, "stm32_v2": 1, "stm32_lpuart": 1 / 256, "pl011": 16 / 64}
    if port.family in units:
        baud = port.clock_hz / (port.divisor * units[port.family])
    else:  # Nordic's registers hold baud · 2^32 / 16 MHz, rounded as the manual says
        baud = port.divisor * 16e6 / 2**32
    assert abs(baud / 115_200 - 1) < MAX_BAUD_ERROR


@BOARDS
def test_clocks_and_pins_are_on_after_the_steps(board: Board) -> None:
    assert missing(board, after_setup(board, registers_after_reset(board))) == []
    assert missing(board, registers_after_reset(board)) or not port_of(board).setup


@pytest.mark.parametrize("name", STM32)
def test_steps_of_an_stm32_leave_other_bits_alone(name: str) -> None:
    board = load_board(name)
    steps = port_of(board).setup
    assert all(step.action is Action.CHANGE for step in steps)
    registers = after_setup(board, {step.register: 0xFFFF_FFFF for step in (*board.start, *steps)})
    assert missing(board, registers) == []
    for register, value in registers.items():
        touched = sum(step.mask for step in (*board.start, *steps) if step.register == register)
        assert value | touched == 0xFFFF_FFFF


def test_a_divisor_is_the_nearest() -> None:
    assert FAMILIES["stm32_v2"].divisor(16_000_000, 115_200) == 139
    assert FAMILIES["stm32_lpuart"].divisor(4_000_000, 115_200) == 8889
    assert FAMILIES["pl011"].divisor(12_000_000, 115_200) == (6 << 6) + 33


@pytest.mark.parametrize(
    ("family", "clock_hz", "baud"),
    [
        ("stm32_v2", 1_000_000, 115_200),  # 8.7: fewer than 16 samples a bit
        ("cmsdk", 2_000_000, 108_108),  # 18.5: 2.7 % off
        ("stm32_lpuart", 100_000_000, 9_600),  # more than 20 bits
        ("nrf_uart", 16_000_000, 115_201),  # not one of the manual's
    ],
)
def test_a_baud_rate_that_can_not_be_made_is_none(family: str, clock_hz: int, baud: int) -> None:
    assert FAMILIES[family].divisor(clock_hz, baud) is None


def test_a_board_may_leave_out_how_its_uart_is_turned_on(tmp_path: Path) -> None:
    text = (BOARD_DIR / "nucleo_g0b1re.toml").read_text(encoding="utf-8")
    start = text.index('family = "stm32_v2"')
    end = text.index("]\n", text.index("setup = [", start)) + 2
    (tmp_path / "mine.toml").write_text(text[:start] + text[end:], encoding="utf-8")
    uart = load_board(str(tmp_path / "mine.toml")).uart
    assert uart is not None and uart.peripheral == "USART2" and uart.port is None
