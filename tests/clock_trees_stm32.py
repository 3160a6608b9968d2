# SPDX-License-Identifier: Apache-2.0
"""Clock trees of STM32F4, F7, G0 and L4+."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from clock_tree import ClockTree, divided


@dataclass(frozen=True)
class F4Facts:
    """Highest frequencies in MHz. plain: without over-drive, which some lack. Sources: the data sheet, General
    operating conditions; the reference manual, RCC (PLL), PWR (over-drive), FLASH (wait states, 2.7 to 3.6 V)."""

    plain: int
    over_drive: int | None
    apb1: int
    apb2: int
    uart_bus: int


class Stm32F4(ClockTree):
    """STM32F4 and F7: RCC at 0x40023800, PWR at 0x40007000, FLASH at 0x40023C00.

    Sources: RM0390, RM0090, RM0385, RM0410: chapters RCC (RCC_CR, RCC_PLLCFGR, RCC_CFGR), PWR ("Entering Over-drive
    mode"), FLASH ("Increasing the CPU frequency": wait states first, and read back).
    """

    cr, pllcfgr, cfgr, apb1enr, pwr, csr, acr = (
        *(0x4002_3800, 0x4002_3804, 0x4002_3808, 0x4002_3840),
        *(0x4000_7000, 0x4000_7004, 0x4002_3C00),
    )
    after_reset: ClassVar[Mapping[int, int]] = {cr: 0x83, pllcfgr: 0x2400_3010}
    mhz_a_wait_state = 30

    def __init__(self, registers: dict[int, int], facts: F4Facts) -> None:
        super().__init__(registers, 16e6, 16e6)
        self.facts = facts

    def pll_hz(self) -> float:
        m, n, p = (self.field(self.pllcfgr, *at) for at in ((0, 6), (6, 9), (16, 2)))
        assert not self.field(self.pllcfgr, 22, 1), "PLLSRC: takes the HSE, which isn't there"
        assert m >= 2 and 1e6 <= 16e6 / m <= 2e6, "the PLL's input is 1 to 2 MHz"
        assert 50 <= n <= 432 and 100e6 <= 16e6 / m * n <= 432e6, "the VCO runs at 100 to 432 MHz"
        assert self.field(self.pllcfgr, 24, 4) >= 2, "PLLQ divides by 2 or more"
        return 16e6 / m * n / (2 * p + 2)

    def system_hz(self) -> float:
        return self.pll_hz() if self.field(self.cfgr, 0, 2) == 2 else 16e6

    def core_hz(self) -> float:
        return divided(self.system_hz(), self.field(self.cfgr, 4, 4), is_ahb=True)

    def apb_hz(self, bus: int) -> float:
        return divided(self.core_hz(), self.field(self.cfgr, 10 if bus == 1 else 13, 3))

    def uart_hz(self) -> float:
        return self.apb_hz(self.facts.uart_bus)

    def read(self, address: int) -> int:
        value = self.get(address)
        if address == self.cr:
            return value & ~(1 << 25) | self.ready("PLLRDY", is_on=bool(value >> 24 & 1)) << 25
        if address == self.csr:
            power = self.get(self.pwr)
            bits = {16: ("ODRDY", bool(power >> 16 & 1)), 17: ("ODSWRDY", bool(power >> 17 & 1))}
            bits[14] = ("VOSRDY", bool(self.get(self.cr) >> 24 & 1))
            return sum(self.ready(what, is_on=is_on) << bit for bit, (what, is_on) in bits.items())
        if address == self.cfgr:
            return value & ~0xC | self.ready("SWS", is_on=value & 3 == 2) << 3
        if address == self.acr:
            self.seen.add(f"latency {value & 15}")
        return value

    def write(self, address: int, value: int) -> None:
        before = self.get(address)
        super().write(address, value)
        if address in (self.pwr, self.csr):
            assert self.get(self.apb1enr) >> 28 & 1, "PWR has no clock"
        if address == self.pllcfgr and value != before:
            assert not self.get(self.cr) >> 24 & 1, "RCC_PLLCFGR changes while the PLL runs"
        if address == self.pwr and value & ~before & 1 << 17:
            assert "ODRDY" in self.seen, "ODSWEN before ODRDY"
        if address == self.cfgr:
            self._check()

    def _check(self) -> None:
        mhz, facts = self.core_hz() / 1e6, self.facts
        if self.field(self.cfgr, 0, 2) == 2:
            assert "PLLRDY" in self.seen, "switches to a PLL that hasn't locked"
            assert "VOSRDY" in self.seen, "switches before the voltage is there"
        if mhz > facts.plain:
            assert facts.over_drive is not None and "ODSWRDY" in self.seen, "too fast without over-drive"
        assert mhz <= (facts.over_drive or facts.plain), "the core is too fast"
        assert self.apb_hz(1) <= facts.apb1 * 1e6 and self.apb_hz(2) <= facts.apb2 * 1e6, "a bus is too fast"
        latency = self.get(self.acr) & 15
        assert mhz <= self.mhz_a_wait_state * (latency + 1), "flash needs more wait states"
        assert latency == 0 or f"latency {latency}" in self.seen, "wait states aren't read back"


class Stm32G0(ClockTree):
    """Source: RM0444: chapters RCC (RCC_CR, RCC_PLLCFGR, RCC_CFGR), FLASH (wait states, range 1)."""

    cr, cfgr, pllcfgr, acr = 0x4002_1000, 0x4002_1008, 0x4002_100C, 0x4002_2000
    after_reset: ClassVar[Mapping[int, int]] = {cr: 0x500, acr: 0x4_0600}
    wait_state_mhz: tuple[int, ...] = (24, 48, 64)
    sws, pll_code = 3, 2

    def __init__(self, registers: dict[int, int]) -> None:
        super().__init__(registers, 16e6, 16e6)

    def pll_hz(self) -> float:
        m, n, r = (self.field(self.pllcfgr, *at) for at in ((4, 3), (8, 7), (29, 3)))
        return self._pll_hz(m, n, r + 1, is_out=bool(self.field(self.pllcfgr, 28, 1)))

    def _pll_hz(self, m: int, n: int, r: int, *, is_out: bool) -> float:
        assert self.field(self.pllcfgr, 0, 2) == 2, "PLLSRC: not HSI16"
        assert 2.66e6 <= 16e6 / (m + 1) <= 16e6 and 8 <= n <= 127, "the PLL's input is 2.66 to 16 MHz"
        assert 64e6 <= 16e6 / (m + 1) * n <= 344e6, "the VCO runs at 64 to 344 MHz"
        assert is_out and r >= 2, "PLLREN: no output R"
        return 16e6 / (m + 1) * n / r

    def system_hz(self) -> float:
        return self.pll_hz() if self.field(self.cfgr, 0, self.sws) == self.pll_code else self._reset_hz

    def core_hz(self) -> float:
        return divided(self.system_hz(), self.field(self.cfgr, 8, 4), is_ahb=True)

    def uart_hz(self) -> float:
        return divided(self.core_hz(), self.field(self.cfgr, 12, 3))

    def read(self, address: int) -> int:
        value = self.get(address)
        if address == self.cr:
            return value & ~(1 << 25) | self.ready("PLLRDY", is_on=bool(value >> 24 & 1)) << 25
        if address == self.cfgr:
            is_on = self.field(self.cfgr, 0, self.sws) == self.pll_code
            switched = self.ready("SWS", is_on=is_on)
            return value & ~((1 << self.sws) - 1 << self.sws) | (self.pll_code if switched else 0) << self.sws
        if address == self.acr:
            self.seen.add(f"latency {value & 15}")
        return value

    def write(self, address: int, value: int) -> None:
        before = self.get(address)
        super().write(address, value)
        if address == self.pllcfgr and value != before:
            assert not self.get(self.cr) >> 24 & 1, "RCC_PLLCFGR changes while the PLL runs"
        if address == self.cfgr:
            self._check()

    def _check(self) -> None:
        if self.field(self.cfgr, 0, self.sws) == self.pll_code:
            assert "PLLRDY" in self.seen, "switches to a PLL that hasn't locked"
        latency = self.get(self.acr) & 15
        assert latency < len(self.wait_state_mhz), "more wait states than there are"
        assert self.core_hz() <= self.wait_state_mhz[latency] * 1e6, "too fast, or flash needs more wait states"
        assert latency == 0 or f"latency {latency}" in self.seen, "wait states aren't read back"


class Stm32L4(Stm32G0):
    """STM32L4+. Source: RM0432: chapters RCC (RCC_CR, RCC_PLLCFGR, RCC_CFGR), PWR ("Dynamic voltage scaling
    management": range 1 boost mode), FLASH (wait states, range 1 boost)."""

    apb1enr, cr5 = 0x4002_1058, 0x4000_7080
    after_reset: ClassVar[Mapping[int, int]] = {
        Stm32G0.cr: 0x63,
        Stm32G0.acr: 0x600,
        cr5: 0x100,
        Stm32G0.pllcfgr: 0x1000,
    }
    wait_state_mhz = (20, 40, 60, 80, 100, 120)
    sws, pll_code = 2, 3

    def __init__(self, registers: dict[int, int]) -> None:
        ClockTree.__init__(self, registers, 4e6, 4e6)

    def pll_hz(self) -> float:
        m, n, r = (self.field(self.pllcfgr, *at) for at in ((4, 4), (8, 7), (25, 2)))
        return self._pll_hz(m, n, 2 * (r + 1), is_out=bool(self.field(self.pllcfgr, 24, 1)))

    def uart_hz(self) -> float:
        return divided(self.core_hz(), self.field(self.cfgr, 8, 3))

    def core_hz(self) -> float:
        return divided(self.system_hz(), self.field(self.cfgr, 4, 4), is_ahb=True)

    def read(self, address: int) -> int:
        value = super().read(address)
        if address == self.cr:
            return value & ~(1 << 10) | self.ready("HSIRDY", is_on=bool(value >> 8 & 1)) << 10
        return value

    def write(self, address: int, value: int) -> None:
        was_slow = self.core_hz() <= 80e6
        super().write(address, value)
        if address == self.cr5:
            assert self.get(self.apb1enr) >> 28 & 1, "PWR has no clock"
        if address == self.cr and value >> 24 & 1:
            assert "HSIRDY" in self.seen, "the PLL starts before HSI16"
        if address == self.cfgr and self.system_hz() > 80e6:
            assert not self.get(self.cr5) >> 8 & 1, "R1MODE: too fast without boost"
            assert not was_slow or self.core_hz() <= 80e6 or "SWS" in self.seen, "passes 80 MHz without AHB / 2"
