# SPDX-License-Identifier: Apache-2.0
"""A board's serial port: where it is, what turns it on, and the number that makes its baud rate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sapmcu.boards.steps import RegisterStep

MAX_BAUD_ERROR = 0.025
"""Of either side; a byte of 8N1 is lost where both together are off by about 5 %: half a bit in 9.5."""


@dataclass(frozen=True, slots=True)
class UartFamily:
    """UARTs with the same registers.

    source: below firmware/port/uart. The divisor is clock · scale / baud and lies in `divisors`, or, where scale is 0,
    the value that the manual lists for a baud rate.
    """

    source: str
    scale: int = 0
    divisors: range = range(0)
    values: Mapping[int, int] = field(default_factory=dict)

    def divisor(self, clock_hz: int, baud: int) -> int | None:
        """None where the baud rate can't be made from the clock."""
        if self.scale == 0:
            return self.values.get(baud)
        divisor = (2 * clock_hz * self.scale + baud) // (2 * baud)
        if divisor not in self.divisors or abs(clock_hz * self.scale / divisor / baud - 1) > MAX_BAUD_ERROR:
            return None
        return divisor


FAMILIES: Mapping[str, UartFamily] = {
    "cmsdk": UartFamily("cmsdk.c", 1, range(16, 1 << 20)),
    "nrf_uart": UartFamily("nrf_uart.c", values={115_200: 0x01D7_E000, 1_000_000: 0x1000_0000}),
    "nrf_uarte": UartFamily("nrf_uarte.c", values={115_200: 0x01D6_0000, 1_000_000: 0x1000_0000}),
    "pl011": UartFamily("pl011.c", 4, range(1 << 6, 1 << 22)),
    "stm32_lpuart": UartFamily("stm32_v2.c", 256, range(0x300, 1 << 20)),
    "stm32_v1": UartFamily("stm32_v1.c", 1, range(16, 1 << 16)),
    "stm32_v2": UartFamily("stm32_v2.c", 1, range(16, 1 << 16)),
}
"""Sources: those that the C files name; registers BAUDDIV, BAUDRATE, UARTIBRD with UARTFBRD, USART_BRR, LPUART_BRR."""


@dataclass(frozen=True, slots=True)
class UartPort:
    """How firmware drives the UART. clock_hz: what the UART runs from after the steps. divisor: makes the baud rate.

    fast_divisor: the same with the board's fast clock, None where it has none.
    """

    family: str
    clock_hz: int
    divisor: int
    setup: tuple[RegisterStep, ...]
    fast_divisor: int | None = None


@dataclass(frozen=True, slots=True)
class Uart:
    """The serial port that the on-board debugger passes on, or the pins to connect one to.

    port: None where sapmcu doesn't know how to turn it on.
    """

    peripheral: str
    base: int
    tx: str
    rx: str
    baud: int
    is_on_debugger: bool
    port: UartPort | None = None
