# SPDX-License-Identifier: Apache-2.0
"""What turns on each board's UART, against what is known of its MCU: pins, clocks, baud rate."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from sapmcu.boards.board import BOARD_DIR, Board, all_boards, load_board
from sapmcu.boards.uart import FAMILIES, MAX_BAUD_ERROR, UartAction, UartPort

BOARDS = pytest.mark.parametrize("board", all_boards(), ids=lambda board: board.name)


@dataclass(frozen=True)
class Stm32:
    """gpio: address of port A. gpio_enable: the register with a bit for each port. uart_enable: register, bit.

    Sources: chapters Memory organization and RCC of the reference manual, alternate functions of the data sheet.
    """

    gpio: int
    gpio_enable: int
    uart_enable: tuple[int, int]
    alternate: int


STM32 = {
    "netduinoplus2": Stm32(0x4002_0000, 0x4002_3830, (0x4002_3844, 4), 7),
    "nucleo_f446re": Stm32(0x4002_0000, 0x4002_3830, (0x4002_3840, 17), 7),
    "nucleo_f767zi": Stm32(0x4002_0000, 0x4002_3830, (0x4002_3840, 18), 7),
    "stm32f746g_disco": Stm32(0x4002_0000, 0x4002_3830, (0x4002_3844, 4), 7),
    "nucleo_h743zi2": Stm32(0x5802_0000, 0x5802_44E0, (0x5802_44E8, 18), 7),
    "nucleo_g0b1re": Stm32(0x5000_0000, 0x4002_1034, (0x4002_103C, 17), 1),
    "nucleo_l4r5zi": Stm32(0x4800_0000, 0x4002_104C, (0x4002_105C, 0), 8),
    "b_u585i_iot02a": Stm32(0x4202_0000, 0x4602_0C8C, (0x4602_0CA4, 14), 7),
}
NRF_PINS = {
    "bbc_microbit": ({0: 0x5000_0000}, 0x700),
    "arduino_nano33ble": ({0: 0x5000_0000, 1: 0x5000_0300}, 0x700),
    "nrf5340dk": ({0: 0x5084_2500}, 0x200),
}
"""Addresses of the GPIO ports, offset of PIN_CNF."""
RP_PINS = {"rpi_pico": (0x4001_4000, 0x4001_C000), "rpi_pico2": (0x4002_8000, 0x4003_8000)}
"""IO_BANK0, PADS_BANK0."""
PADS_AFTER_RESET = {"rpi_pico": 0x56, "rpi_pico2": 0x116}
PAD_ISOLATED, PAD_OUTPUT_DISABLE, PAD_INPUT, PAD_PULL_UP = 1 << 8, 1 << 7, 1 << 6, 1 << 3


def port_of(board: Board) -> UartPort:
    assert board.uart is not None and board.uart.port is not None
    return board.uart.port


def after_setup(board: Board, before: Mapping[int, int]) -> dict[int, int]:
    """The registers that the steps leave behind; all others read 0."""
    registers = dict(before)
    for step in port_of(board).setup:
        if step.action is not UartAction.WAIT:
            registers[step.register] = registers.get(step.register, 0) & ~step.mask | step.value
    return registers


def pins(board: Board, pattern: str) -> list[tuple[str, int]]:
    """(port, number) of TX, RX."""
    assert board.uart is not None
    found = [re.fullmatch(pattern, name) for name in (board.uart.tx, board.uart.rx)]
    return [(match[1], int(match[2])) for match in found if match]


@BOARDS
def test_every_boards_uart_can_be_turned_on(board: Board) -> None:
    port = port_of(board)
    assert board.uart is not None
    for step in port.setup:
        assert 0x4000_0000 <= step.register < 0x6000_0000, f"{step.name} is no peripheral's"
        assert step.value & ~step.mask == 0 and step.mask
        assert re.fullmatch(r"[A-Z]\w+(\.[A-Z]+|\[\d+\])?", step.name)
    named = {(step.name, step.register) for step in port.setup}
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


@pytest.mark.parametrize("name", STM32)
@pytest.mark.parametrize("before", [0, 0xFFFF_FFFF])
def test_pins_and_clocks_of_an_stm32_are_on(name: str, before: int) -> None:
    board, facts = load_board(name), STM32[name]
    registers = after_setup(board, {step.register: before for step in port_of(board).setup})
    enable, bit = facts.uart_enable
    assert registers[enable] >> bit & 1
    found = pins(board, r"P([A-K])(\d+)")
    assert len(found) == 2
    for port, pin in found:
        index = ord(port) - ord("A")
        gpio = facts.gpio + 0x400 * index
        assert registers[facts.gpio_enable] >> index & 1
        assert registers[gpio] >> 2 * pin & 3 == 2, "MODER: alternate function"
        assert registers[gpio + 0x20 + pin // 8 * 4] >> pin % 8 * 4 & 15 == facts.alternate, "AFR"


@pytest.mark.parametrize("name", NRF_PINS)
def test_pins_of_an_nrf_are_the_uarts(name: str) -> None:
    board, (ports, pin_cnf) = load_board(name), NRF_PINS[name]
    assert board.uart is not None
    registers = after_setup(board, {})
    for (port, pin), select, configuration in zip(
        pins(board, r"P(\d)\.(\d\d)"), (0x50C, 0x514), (0b0011, 0b1100), strict=True
    ):
        assert registers[board.uart.base + select] == 32 * int(port) + pin
        assert registers[ports[int(port)] + pin_cnf + 4 * pin] == configuration


@pytest.mark.parametrize("name", RP_PINS)
def test_pins_of_an_rp2_are_the_uarts(name: str) -> None:
    board, (io, pads) = load_board(name), RP_PINS[name]
    registers = after_setup(board, {pads + 4: PADS_AFTER_RESET[name], pads + 8: PADS_AFTER_RESET[name]})
    for _, pin in pins(board, r"(GP)(\d)"):
        assert registers[io + 8 * pin + 4] == 2, "FUNCSEL: UART0"
        assert registers[pads + 4 + 4 * pin] & (PAD_ISOLATED | PAD_OUTPUT_DISABLE | PAD_INPUT) == PAD_INPUT
    assert registers[pads + 8] & PAD_PULL_UP


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
    start, end = text.index('family = "stm32_v2"'), text.index("]\n", text.index("setup = [")) + 2
    (tmp_path / "mine.toml").write_text(text[:start] + text[end:], encoding="utf-8")
    uart = load_board(str(tmp_path / "mine.toml")).uart
    assert uart is not None and uart.peripheral == "USART2" and uart.port is None
