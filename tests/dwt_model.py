# SPDX-License-Identifier: Apache-2.0
"""The data watchpoint and trace unit (DWT) in unicorn: a cycle counter that counts an instruction as a cycle.

Sources: Armv7-M (DDI 0403) and Armv8-M (DDI 0553) Architecture Reference Manuals, DWT_CTRL, DWT_CYCCNT, DEMCR;
Cortex-M7 TRM (DDI 0489): the DWT's registers can't be written before DWT_LAR has got the key.
"""

from __future__ import annotations

from typing import Any

from sapmcu.run.unicorn_machine import Machine

CTRL, CYCCNT, LAR, DEMCR = 0x1000, 0x1004, 0x1FB0, 0xEDFC
KEY, TRCENA, CYCCNTENA, NOCYCCNT = 0xC5ACCE55, 1 << 24, 1 << 0, 1 << 25


class CountingMachine(Machine):
    """is_locked: as on a Cortex-M7. has_counter: an implementation may leave it out."""

    is_locked = False
    has_counter = True
    _asked = 0

    def _read_system(self, uc: Any, offset: int, size: int, data: Any) -> int:
        is_on = self._system.get(DEMCR, 0) & TRCENA != 0
        control = self._system.get(CTRL, 0) | (0 if self.has_counter else NOCYCCNT)
        if offset == CTRL:
            return control if is_on else 0
        if offset == CYCCNT:
            return self._instructions() if is_on and self.has_counter and control & CYCCNTENA else 0
        return super()._read_system(uc, offset, size, data)

    def _write_system(self, uc: Any, offset: int, size: int, value: int, data: Any) -> None:
        if offset == LAR:
            self.is_locked = self.is_locked and value != KEY
        elif offset == CTRL and not self.is_locked and self._system.get(DEMCR, 0) & TRCENA:
            self._system[CTRL] = value
        super()._write_system(uc, offset, size, value, data)

    def _instructions(self) -> int:
        """Up to the block that runs, and one for each time that this is asked, so that it goes on within a block."""
        self._asked += 1
        return int((self.counter.counts()[0] * self.counter.instructions()).sum()) + self._asked


class LockedMachine(CountingMachine):
    is_locked = True


class CounterlessMachine(CountingMachine):
    has_counter = False
