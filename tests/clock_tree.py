# SPDX-License-Identifier: Apache-2.0
"""Clock trees as the manuals describe them: what runs at which frequency, and in which order it may be set up.

A model sees each access of firmware to registers. What needs time is ready only after it has been asked for some times,
and counts as ready once the firmware has read so: whoever doesn't wait breaks a rule, which is an AssertionError. The
models know nothing of the boards' files.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

POLLS = 3
"""How often a bit is read before it is ready."""


class ClockTree:
    """One that stays as it is after reset. registers: shared with the other models of a board, by address."""

    after_reset: ClassVar[Mapping[int, int]] = {}
    is_broken = False
    """What is waited for never comes."""

    def __init__(self, registers: dict[int, int], reset_hz: float, uart_hz: float) -> None:
        self.registers, self._reset_hz, self._uart_hz = registers, reset_hz, uart_hz
        self.seen: set[str] = set()
        self._asked: dict[str, int] = {}
        registers.update(self.after_reset)

    def get(self, address: int) -> int:
        return self.registers.get(address, 0)

    def field(self, address: int, low: int, width: int) -> int:
        return self.get(address) >> low & (1 << width) - 1

    def core_hz(self) -> float:
        return self._reset_hz

    def uart_hz(self) -> float:
        return self._uart_hz

    def ready(self, what: str, *, is_on: bool) -> bool:
        """Whether the bit `what` reads as set now; that firmware has seen it is noted."""
        if not is_on or self.is_broken:
            self._asked.pop(what, None)
            self.seen.discard(what)
            return False
        self._asked[what] = self._asked.get(what, 0) + 1
        if self._asked[what] > POLLS:
            self.seen.add(what)
        return what in self.seen

    def begins(self, what: str) -> None:
        """It is no longer ready."""
        self.seen.discard(what)
        self._asked.pop(what, None)

    def read(self, address: int) -> int:
        return self.get(address)

    def write(self, address: int, value: int) -> None:
        """Take it over, then check what the manual asks for."""
        self.registers[address] = value


def divided(hz: float, code: int, *, is_ahb: bool = False) -> float:
    """By the code of HPRE or PPRE: 0xxx by 1; 100 by 2, ...; AHB's 4 bits leave out 32."""
    if is_ahb:
        return hz / (1 if code < 8 else (2, 4, 8, 16, 64, 128, 256, 512)[code - 8])
    return hz / (1 if code < 4 else 2 << (code - 4))
