# SPDX-License-Identifier: Apache-2.0
"""Clock trees of STM32H7 and U5, whose voltages come in steps that must be ready."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from clock_tree import ClockTree, divided


class Stm32H7(ClockTree):
    """Source: RM0433: chapters RCC (PLL, RCC_D1CFGR to RCC_CFGR), PWR ("System supply startup": PWR_CR3 is written
    once, before which VOS can't change; "VOS0 activation/deactivation sequence"), FLASH (wait states at VOS0); data
    sheet DS12110, General operating conditions: revision V."""

    cr, cfgr, d1, d2, d3 = (0x5802_4400 + offset for offset in (0x00, 0x10, 0x18, 0x1C, 0x20))
    source, pllcfgr, pll1, apb4enr = (0x5802_4400 + offset for offset in (0x28, 0x2C, 0x30, 0xF4))
    csr1, cr3, d3cr = 0x5802_4804, 0x5802_480C, 0x5802_4818
    pwrcr, acr, idc = 0x5800_042C, 0x5200_2000, 0x5C00_1000
    after_reset: ClassVar[Mapping[int, int]] = {
        cr: 0x5,
        source: 0x0202_0200,
        pllcfgr: 0x01FF_0000,
        pll1: 0x0101_0280,
        cr3: 0x6,
        acr: 0x37,
        idc: 0x2003_6450,
        d3cr: 0x4000,
    }

    def __init__(self, registers: dict[int, int]) -> None:
        super().__init__(registers, 64e6, 64e6)

    def pll_hz(self) -> float:
        divm, n, p = self.field(self.source, 4, 6), self.field(self.pll1, 0, 9) + 1, self.field(self.pll1, 9, 7) + 1
        assert self.field(self.source, 0, 2) == 0, "PLLSRC: not HSI"
        assert divm, "DIVM1: no input"
        given, ranges = 64e6 / divm, ((1e6, 2e6), (2e6, 4e6), (4e6, 8e6), (8e6, 16e6))
        low, high = ranges[self.field(self.pllcfgr, 2, 2)]
        assert low <= given <= high, "PLL1RGE: another range"
        assert not self.field(self.pllcfgr, 1, 1) and 192e6 <= given * n <= 960e6, "the wide VCO runs at 192 to 960 MHz"
        assert self.field(self.pllcfgr, 16, 1) and not self.field(self.pllcfgr, 0, 1), "DIVP1EN, no fraction"
        assert p == 1 or p % 2 == 0, "DIVP1 is even"
        return given * n / p

    def core_hz(self) -> float:
        hz = self.pll_hz() if self.field(self.cfgr, 0, 3) == 3 else 64e6
        return divided(hz, self.field(self.d1, 8, 4), is_ahb=True)

    def axi_hz(self) -> float:
        return divided(self.core_hz(), self.field(self.d1, 0, 4), is_ahb=True)

    def uart_hz(self) -> float:
        return divided(self.axi_hz(), self.field(self.d2, 4, 3))

    def read(self, address: int) -> int:
        value = self.get(address)
        if address == self.cr:
            return value & ~(1 << 25) | self.ready("PLL1RDY", is_on=bool(value >> 24 & 1)) << 25
        if address == self.csr1:
            return self.ready("ACTVOSRDY", is_on=self.get(self.cr3) & 7 == 2) << 13
        if address == self.d3cr:
            return value & ~(1 << 13) | self.ready("VOSRDY", is_on=True) << 13
        if address == self.cfgr:
            return value & ~0x38 | (3 if self.ready("SWS", is_on=value & 7 == 3) else 0) << 3
        if address == self.acr:
            self.seen.add(f"latency {value & 15}")
        return value

    def write(self, address: int, value: int) -> None:
        before = self.get(address)
        super().write(address, value)
        if address in (self.source, self.pllcfgr, self.pll1) and value != before:
            assert not self.get(self.cr) >> 24 & 1, "PLL1 changes while it runs"
        if address == self.d3cr and (value ^ before) >> 14:
            assert "ACTVOSRDY" in self.seen, "VOS changes before the supply is configured"
            self.begins("VOSRDY")
        if address == self.pwrcr and value & 1:
            assert self.get(self.apb4enr) & 2, "SYSCFG has no clock"
            assert self.field(self.d3cr, 14, 2) == 3 and "VOSRDY" in self.seen, "VOS0 starts from VOS1"
            self.begins("VOSRDY")
        if address in (self.cfgr, self.d1, self.d2, self.d3):
            self._check()

    def _check(self) -> None:
        if self.field(self.cfgr, 0, 3) == 3:
            assert "PLL1RDY" in self.seen, "switches to a PLL that hasn't locked"
            assert "VOSRDY" in self.seen, "switches before the voltage is there"
        is_vos0 = self.get(self.pwrcr) & 1 and self.field(self.d3cr, 14, 2) == 3
        highest = 480e6 if is_vos0 else 400e6 if self.field(self.d3cr, 14, 2) == 3 else 200e6
        assert self.core_hz() <= highest and self.axi_hz() <= highest / 2, "too fast for its voltage"
        assert highest < 480e6 or self.get(self.idc) >> 16 == 0x2003, "only revision V has VOS0"
        buses = ((self.d1, 4), (self.d2, 4), (self.d2, 8), (self.d3, 4))
        assert all(divided(self.axi_hz(), self.field(*bus, 3)) <= highest / 4 for bus in buses), "a bus is too fast"
        latency, signal = self.field(self.acr, 0, 4), self.field(self.acr, 4, 2)
        if is_vos0:  # 70, 70, 40, 40 and 15 MHz
            assert self.axi_hz() <= (70e6, 140e6, 185e6, 225e6, 240e6)[min(latency, 4)], "flash needs more wait states"
            assert self.axi_hz() <= (70e6, 185e6, 240e6, 240e6)[signal], "WRHIGHFREQ"
            assert f"latency {latency}" in self.seen, "wait states aren't read back"


class Stm32U5(ClockTree):
    """Source: RM0456: chapters RCC (PLL1, RCC_CFGR1, RCC_CFGR2), PWR ("Dynamic voltage scaling management", "EPOD
    booster": needed above 55 MHz, fed by PLL1's input of 4 to 16 MHz), FLASH (wait states, range 1), ICACHE."""

    cr, cfgr1, cfgr2, pllcfgr, pll1, ahb3enr = (0x4602_0C00 + offset for offset in (0x00, 0x1C, 0x20, 0x28, 0x34, 0x94))
    vosr, acr, icache_cr, icache_sr = 0x4602_080C, 0x4002_2000, 0x4003_0400, 0x4003_0404
    after_reset: ClassVar[Mapping[int, int]] = {cr: 0x35, acr: 0x1, pll1: 0x0101_0280, icache_sr: 1}

    def __init__(self, registers: dict[int, int]) -> None:
        super().__init__(registers, 4e6, 4e6)

    def input_hz(self) -> float:
        assert self.field(self.pllcfgr, 0, 2) == 2, "PLL1SRC: not HSI16"
        return 16e6 / (self.field(self.pllcfgr, 8, 4) + 1)

    def pll_hz(self) -> float:
        n, r = self.field(self.pll1, 0, 9) + 1, self.field(self.pll1, 24, 7) + 1
        assert 4e6 <= self.input_hz() <= 16e6, "PLL1's input is 4 to 16 MHz"
        assert (self.field(self.pllcfgr, 2, 2) == 3) == (self.input_hz() > 8e6), "PLL1RGE: another range"
        assert 128e6 <= self.input_hz() * n <= 544e6, "the VCO runs at 128 to 544 MHz"
        assert self.field(self.pllcfgr, 18, 1) and (r == 1 or r % 2 == 0), "PLL1REN; R is 1 or even"
        return self.input_hz() * n / r

    def core_hz(self) -> float:
        hz = self.pll_hz() if self.field(self.cfgr1, 0, 2) == 3 else 4e6
        return divided(hz, self.field(self.cfgr2, 0, 4), is_ahb=True)

    def uart_hz(self) -> float:
        return divided(self.core_hz(), self.field(self.cfgr2, 8, 3))

    def read(self, address: int) -> int:
        value = self.get(address)
        if address == self.cr:
            value = value & ~(1 << 25) | self.ready("PLL1RDY", is_on=bool(value >> 24 & 1)) << 25
            return value & ~(1 << 10) | self.ready("HSIRDY", is_on=bool(value >> 8 & 1)) << 10
        if address == self.vosr:
            voltage = self.ready("VOSRDY", is_on=value >> 16 & 3 == 3) << 15
            return value & ~0xC000 | voltage | self.ready("BOOSTRDY", is_on=bool(value >> 18 & 1)) << 14
        if address == self.cfgr1:
            return value & ~0xC | (3 if self.ready("SWS", is_on=value & 3 == 3) else 0) << 2
        if address == self.icache_sr:
            return not self.ready("ICACHE", is_on=True)
        if address == self.acr:
            self.seen.add(f"latency {value & 15}")
        return value

    def write(self, address: int, value: int) -> None:
        before = self.get(address)
        super().write(address, value)
        if address in (self.pllcfgr, self.pll1) and value != before:
            assert not self.get(self.cr) >> 24 & 1, "PLL1 changes while it runs"
        if address == self.vosr:
            assert self.get(self.ahb3enr) & 4, "PWR has no clock"
            if value & ~before & 1 << 18:
                boost = self.field(self.pllcfgr, 12, 4)
                assert 4e6 <= self.input_hz() / (2 * boost or 1) <= 16e6, "the booster's input is 4 to 16 MHz"
                assert "HSIRDY" in self.seen, "the booster starts before HSI16"
        if address == self.cr and value >> 24 & 1:
            assert "HSIRDY" in self.seen, "PLL1 starts before HSI16"
        if address == self.icache_cr and value & 1:
            assert "ICACHE" in self.seen, "ICACHE is still being emptied"
        if address in (self.cfgr1, self.cfgr2):
            self._check()

    def _check(self) -> None:
        if self.field(self.cfgr1, 0, 2) == 3:
            assert "PLL1RDY" in self.seen, "switches to a PLL that hasn't locked"
        mhz, latency = self.core_hz() / 1e6, self.get(self.acr) & 15
        assert mhz <= (160 if "VOSRDY" in self.seen else 25), "too fast for its voltage"
        assert mhz <= 55 or "BOOSTRDY" in self.seen, "too fast without the booster"
        if self.field(self.vosr, 16, 2) == 3:
            assert mhz <= 32 * (latency + 1), "flash needs more wait states"
        assert mhz <= 25 or f"latency {latency}" in self.seen, "wait states aren't read back"
