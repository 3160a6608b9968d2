# SPDX-License-Identifier: Apache-2.0
"""Boards' peripherals as far as a UART's code sees them, in unicorn: a file of registers with a UART in it.

Sources: those that the C files of firmware/port/uart name. A UART that isn't on as it must be neither sends nor
receives; what a manual forbids is an AssertionError, which `Peripherals.problems` keeps, since unicorn swallows it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from clock_models import CLOCK_TREES
from uart_facts import HFCLKSTART, HFCLKSTAT, NRF, RP2, missing, registers_after_reset

from sapmcu.boards.board import Board
from sapmcu.boards.steps import Action

BASE, SIZE = 0x4000_0000, 0x2000_0000
MANY_POLLS = 3
ENDLESS = 1000
"""Reads of one register after another: nothing changes any more."""
PINS_OF_NRF = range(0x508, 0x518)
"""PSEL: pins, though they lie in the UART."""


class Uart:
    """One UART: `waiting` bytes come from the host, `sent` ones go to it; `idle()` is called when all are dealt with.

    is_slow: bytes come one by one, so that whoever has taken one and asks again gets none.
    """

    def __init__(self, registers: dict[int, int], base: int, memory: Any, idle: Callable[[], None]) -> None:
        self.registers, self.base, self.memory, self.idle = registers, base, memory, idle
        self.waiting, self.sent = bytearray(), bytearray()
        self.is_slow, self.polls = False, 0

    def __getitem__(self, offset: int) -> int:
        return self.registers.get(self.base + offset, 0)

    def __setitem__(self, offset: int, value: int) -> None:
        self.registers[self.base + offset] = value

    def has_byte(self) -> bool:
        """The answer to a poll; one of a status register may as well ask whether it may send. Some in a row that find
        nothing come when all has been acted upon."""
        self.polls += 1
        if not self.waiting and self.polls > MANY_POLLS:
            self.idle()
        return bool(self.waiting) and (self.polls > 1 or not self.is_slow)

    def take(self) -> int:
        assert self.waiting, "reads a byte that hasn't come"
        self.polls = 0
        return self.waiting.pop(0)

    def send(self, byte: int) -> None:
        assert 0 <= byte < 256
        self.polls = 0
        self.sent.append(byte)

    def read(self, offset: int) -> int:
        return self[offset]

    def write(self, offset: int, value: int) -> None:
        self[offset] = value

    def divider(self) -> float:
        """Clocks a bit."""
        raise NotImplementedError


class Cmsdk(Uart):
    def read(self, offset: int) -> int:
        if offset == 0x4:
            return 2 * (self[0x8] & 2 and self.has_byte())
        return self.take() if offset == 0 else self[offset]

    def write(self, offset: int, value: int) -> None:
        if offset == 0:
            assert self[0x8] & 1 and self[0x10] >= 16, "sends while it is off"
            self.send(value)
        else:
            self[offset] = value

    def divider(self) -> float:
        return self[0x10]


class Stm32V1(Uart):
    status, received, transmitted, brr, cr1, is_on, enables = 0x00, 0x04, 0x04, 0x08, 0x0C, 1 << 13, (0x10, 0x14)
    cr3_value = 0

    def read(self, offset: int) -> int:
        if offset == self.status:
            return (1 << 7 | self.has_byte() << 5) if self.is_enabled() else 0
        return self.take() if offset == self.received else self[offset]

    def write(self, offset: int, value: int) -> None:
        if offset == self.transmitted:
            assert self.is_enabled(), "sends while it is off"
            self.send(value)
        else:
            assert offset == self.cr1 or not self[self.cr1] & self.is_on, "is configured while it is on"
            self[offset] = value

    def is_enabled(self) -> bool:
        cr2, cr3 = self.enables
        return self[self.cr1] == self.is_on | 1 << 3 | 1 << 2 and self[cr2] == 0 and self[cr3] == self.cr3_value

    def divider(self) -> float:
        return self[self.brr]


class Stm32V2(Stm32V1):
    status, received, transmitted, brr, cr1, is_on, enables = 0x1C, 0x24, 0x28, 0x0C, 0x00, 1 << 0, (0x04, 0x08)
    cr3_value = 1 << 12


class Stm32Lpuart(Stm32V2):
    def divider(self) -> float:
        return self[self.brr] / 256


class Pl011(Uart):
    divisor = 0
    """As it was when LCR_H was written, which takes it over."""

    def read(self, offset: int) -> int:
        if offset == 0x18:
            return (not (self[0x30] & 0x201 == 0x201 and self.has_byte())) << 4
        return self.take() & 0xFF | 0xF00 * (len(self.waiting) == 1) if offset == 0 else self[offset]

    def write(self, offset: int, value: int) -> None:
        assert offset in (0, 0x30) or not self[0x30] & 1, "is configured while it is on"
        if offset == 0:
            assert self[0x30] & 0x101 == 0x101 and self[0x2C] == 0x70, "sends while it isn't on with 8N1"
            self.send(value)
        if offset == 0x2C:
            self.divisor = self[0x24] << 6 | self[0x28]
        self[offset] = value

    def divider(self) -> float:
        return self.divisor / 4


class NrfUart(Uart):
    def read(self, offset: int) -> int:
        if offset == 0x108 and self[0x000] and not self[offset]:
            self[offset] = int(self.has_byte())
        if offset == 0x518:
            assert not self[0x108], "reads RXD before it clears its event"
            return self.take()
        return self[offset]

    def write(self, offset: int, value: int) -> None:
        self[offset] = value
        if offset == 0x000:
            assert self[0x500] == 4, "starts while it is off"
        if offset == 0x51C:
            assert self[0x008] and not self[0x11C], "sends before the last byte has gone"
            self.send(value)
            self[0x11C] = 1

    def divider(self) -> float:
        return 2**32 / self[0x524]


class NrfUarte(Uart):
    def read(self, offset: int) -> int:
        if offset == 0x110 and self[0x000] and self.has_byte():
            self.memory.mem_write(self.buffer(0x534), bytes([self.take()]))
            self[0x000], self[0x110] = 0, 1
        return self[offset]

    def write(self, offset: int, value: int) -> None:
        self[offset] = value
        assert offset not in (0x000, 0x008) or self[0x500] == 8, "starts while it is off"
        if offset == 0x008:
            self.send(self.memory.mem_read(self.buffer(0x544), 1)[0])
            self[0x120] = 1

    def buffer(self, pointer: int) -> int:
        assert self[pointer] >> 28 == 2 and self[pointer + 4] == 1, "EasyDMA reaches SRAM only; here one byte of it"
        return self[pointer]

    def divider(self) -> float:
        return 2**32 / self[0x524]


MODELS: Mapping[str, type[Uart]] = {
    "cmsdk": Cmsdk,
    "stm32_v1": Stm32V1,
    "stm32_v2": Stm32V2,
    "stm32_lpuart": Stm32Lpuart,
    "pl011": Pl011,
    "nrf_uart": NrfUart,
    "nrf_uarte": NrfUarte,
}


class Peripherals:
    """All of a board's peripherals, mapped into unicorn. was_missing: what wasn't on when the UART was first used."""

    endless = ENDLESS

    def __init__(self, board: Board, uc: Any, idle: Callable[[], None]) -> None:
        assert board.uart is not None and board.uart.port is not None
        self.board, self.family = board, board.uart.port.family
        self.registers = registers_after_reset(board)
        self.clocks = CLOCK_TREES[board.name](self.registers)
        self.uart = MODELS[self.family](self.registers, board.uart.base, uc, idle)
        self.was_missing: list[str] | None = None
        self.problems: list[str] = []
        self._idle, self._reads = idle, 0
        uc.mmio_map(BASE, SIZE, self._read, None, self._write, None)
        for step in board.start:
            if step.action is Action.PAIRS:  # in flash that nobody has written
                uc.mem_map(step.register & ~0xFFF, 0x1000)
                uc.mem_write(step.register & ~0xFFF, bytes([0xFF]) * 0x1000)

    def _offset_in_uart(self, address: int) -> int | None:
        offset = address - self.uart.base
        is_pin = self.family.startswith("nrf") and offset in PINS_OF_NRF
        return offset if 0 <= offset < 0x1000 and not is_pin else None

    def _use(self) -> None:
        if self.was_missing is None:
            self.was_missing = missing(self.board, self.registers)

    def _read(self, _: Any, offset: int, size: int, __: Any) -> int:
        address, inside = BASE + offset, self._offset_in_uart(BASE + offset)
        try:
            assert size == 4 and address % 4 == 0, "isn't accessed by words"
            if inside is None:
                return self._status(address)
            self._use()
            return int(self.uart.read(inside))
        except AssertionError as error:
            self.problems.append(f"{address:#x} {error}")
            return 0

    def _write(self, _: Any, offset: int, size: int, value: int, __: Any) -> None:
        address, inside = BASE + offset, self._offset_in_uart(BASE + offset)
        try:
            assert size == 4 and address % 4 == 0, "isn't accessed by words"
            if inside is None:
                self._reads = 0
                self.clocks.write(address, value)
            else:
                self._use()
                self.uart.write(inside, value)
        except AssertionError as error:
            self.problems.append(f"{address:#x} {error}")

    def _status(self, address: int) -> int:
        """Registers that say what others have brought about; the rest reads as it was written."""
        self._reads += 1
        if self._reads > self.endless:
            self._idle()
        assert self._reads < self.endless, "is waited for without end"
        get = self.registers.get
        if self.board.name in RP2:
            facts = RP2[self.board.name]
            followed = {
                facts.resets + 8: 0xFFFF_FFFF & ~get(facts.resets, 0),
                facts.xosc + 4: (get(facts.xosc, 0) >> 12 == 0xFAB) << 31,
                facts.clocks + 0x38: 1 << (get(facts.clocks + 0x30, 0) & 3),
            }
        elif self.board.name in NRF:
            clock = NRF[self.board.name].clock
            followed = {clock + HFCLKSTAT: 0x1_0001 * get(clock + HFCLKSTART, 0)}
        else:
            followed = {}
        return followed[address] if address in followed else self.clocks.read(address)
