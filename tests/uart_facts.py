# SPDX-License-Identifier: Apache-2.0
"""What must be on before a board's UART works, by what is known of its MCU: for tests of the boards' own tables."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sapmcu.boards.board import Board


@dataclass(frozen=True)
class Stm32:
    """gpio: address of port A. gpio_enable: the register with a bit for each port. uart_enable: register, bit.

    Sources: chapters Memory organization and RCC of the reference manual, alternate functions of the data sheet.
    """

    gpio: int
    gpio_enable: int
    uart_enable: tuple[int, int]
    alternate: int


STM32: Mapping[str, Stm32] = {
    "netduinoplus2": Stm32(0x4002_0000, 0x4002_3830, (0x4002_3844, 4), 7),
    "nucleo_f446re": Stm32(0x4002_0000, 0x4002_3830, (0x4002_3840, 17), 7),
    "nucleo_f767zi": Stm32(0x4002_0000, 0x4002_3830, (0x4002_3840, 18), 7),
    "stm32f746g_disco": Stm32(0x4002_0000, 0x4002_3830, (0x4002_3844, 4), 7),
    "nucleo_h743zi2": Stm32(0x5802_0000, 0x5802_44E0, (0x5802_44E8, 18), 7),
    "nucleo_g0b1re": Stm32(0x5000_0000, 0x4002_1034, (0x4002_103C, 17), 1),
    "nucleo_l4r5zi": Stm32(0x4800_0000, 0x4002_104C, (0x4002_105C, 0), 8),
    "b_u585i_iot02a": Stm32(0x4202_0000, 0x4602_0C8C, (0x4602_0CA4, 14), 7),
}


@dataclass(frozen=True)
class Nrf:
    """Addresses of CLOCK and of the GPIO ports; offset of PIN_CNF. Source: product specification, Instances."""

    clock: int
    ports: tuple[int, ...]
    pin_cnf: int


NRF: Mapping[str, Nrf] = {
    "bbc_microbit": Nrf(0x4000_0000, (0x5000_0000,), 0x700),
    "arduino_nano33ble": Nrf(0x4000_0000, (0x5000_0000, 0x5000_0300), 0x700),
    "nrf5340dk": Nrf(0x5000_5000, (0x5084_2500,), 0x200),
}
HFCLKSTART, HFCLKSTAT, PSEL_TXD, PSEL_RXD = 0x000, 0x40C, 0x50C, 0x514


@dataclass(frozen=True)
class Rp2:
    """Addresses of blocks. resets: bits of IO_BANK0, PADS_BANK0 and UART0. Source: data sheet, Address map, Resets."""

    resets: int
    clocks: int
    xosc: int
    io: int
    pads: int
    reset_bits: int
    pad_after_reset: int


RP2: Mapping[str, Rp2] = {
    "rpi_pico": Rp2(
        0x4000_C000, 0x4000_8000, 0x4002_4000, 0x4001_4000, 0x4001_C000, 1 << 5 | 1 << 8 | 1 << 22, 0b0_0101_0110
    ),
    "rpi_pico2": Rp2(
        0x4002_0000, 0x4001_0000, 0x4004_8000, 0x4002_8000, 0x4003_8000, 1 << 6 | 1 << 9 | 1 << 26, 0b1_0001_0110
    ),
}
PAD_ISOLATED, PAD_OUTPUT_DISABLE, PAD_INPUT = 1 << 8, 1 << 7, 1 << 6
CLK_PERI_FROM_XOSC = 1 << 11 | 4 << 5


def registers_after_reset(board: Board) -> dict[int, int]:
    """Those whose value matters here; all others read 0."""
    if board.name in RP2:
        facts = RP2[board.name]
        pads = {facts.pads + 4 * pin + 4: facts.pad_after_reset for pin in (0, 1)}
        return {facts.resets: 0xFFFF_FFFF, facts.clocks + 0x3C: 0x41, **pads}
    return {}


def missing(board: Board, registers: Mapping[int, int]) -> list[str]:
    """What isn't on: clocks and pins of the board's UART."""

    def read(address: int) -> int:
        return registers.get(address, 0)

    assert board.uart is not None
    if board.name in STM32:
        checks = _stm32(STM32[board.name], _pins(board, r"P([A-K])(\d+)"), read)
    elif board.name in NRF:
        checks = _nrf(NRF[board.name], _pins(board, r"P(\d)\.(\d\d)"), board.uart.base, read)
    elif board.name in RP2:
        checks = _rp2(RP2[board.name], read)
    else:
        assert board.uart.port is not None and board.uart.port.family == "cmsdk"  # on from reset
        checks = {}
    return [what for what, is_on in checks.items() if not is_on]


def _pins(board: Board, pattern: str) -> list[tuple[str, int]]:
    """(port, number) of TX, RX."""
    assert board.uart is not None
    found = [re.fullmatch(pattern, name) for name in (board.uart.tx, board.uart.rx)]
    return [(match[1], int(match[2])) for match in found if match is not None]


def _stm32(facts: Stm32, pins: list[tuple[str, int]], read: Callable[[int], int]) -> dict[str, bool]:
    enable, bit = facts.uart_enable
    checks = {"clock of the UART": bool(read(enable) >> bit & 1), "two pins": len(pins) == 2}
    for port, pin in pins:
        index = ord(port) - ord("A")
        gpio = facts.gpio + 0x400 * index
        checks[f"clock of port {port}"] = bool(read(facts.gpio_enable) >> index & 1)
        checks[f"MODER of P{port}{pin}"] = read(gpio) >> 2 * pin & 3 == 2
        checks[f"AFR of P{port}{pin}"] = read(gpio + 0x20 + pin // 8 * 4) >> pin % 8 * 4 & 15 == facts.alternate
    return checks


def _nrf(facts: Nrf, pins: list[tuple[str, int]], uart: int, read: Callable[[int], int]) -> dict[str, bool]:
    checks = {"crystal": read(facts.clock + HFCLKSTART) == 1, "two pins": len(pins) == 2}
    for (port, pin), select, configuration in zip(pins, (PSEL_TXD, PSEL_RXD), (0b0011, 0b1100), strict=False):
        checks[f"PSEL of P{port}.{pin}"] = read(uart + select) == 32 * int(port) + pin
        checks[f"PIN_CNF of P{port}.{pin}"] = read(facts.ports[int(port)] + facts.pin_cnf + 4 * pin) == configuration
    return checks


def _rp2(facts: Rp2, read: Callable[[int], int]) -> dict[str, bool]:
    checks = {
        "crystal": read(facts.xosc) == 0xFAB_AA0,
        "clock of the cores": read(facts.clocks + 0x30) & 3 == 2 and read(facts.clocks + 0x3C) & 1 == 0,
        "clock of the UART": read(facts.clocks + 0x48) == CLK_PERI_FROM_XOSC,
        "resets": not read(facts.resets) & facts.reset_bits,
    }
    for pin in (0, 1):
        pad = read(facts.pads + 4 + 4 * pin)
        checks[f"FUNCSEL of GP{pin}"] = read(facts.io + 4 + 8 * pin) == 2
        checks[f"pad of GP{pin}"] = pad & (PAD_ISOLATED | PAD_OUTPUT_DISABLE | PAD_INPUT) == PAD_INPUT
    return checks
