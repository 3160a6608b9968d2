# SPDX-License-Identifier: Apache-2.0
"""Clock trees as the manuals describe them: what runs at which frequency, and in which order it may be set up.

A model sees each access of firmware to registers. What needs time is ready only after it has been asked for some times,
and counts as ready once the firmware has read so: whoever doesn't wait breaks a rule, which is an AssertionError. The
models know nothing of the boards' files.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
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


class Nrf53(ClockTree):
    """Source: nRF5340 Product Specification, CLOCK: HFCLKCTRL (reset value: divided by 2)."""

    control = 0x5000_5558
    after_reset: ClassVar[Mapping[int, int]] = {control: 1}

    def __init__(self, registers: dict[int, int]) -> None:
        super().__init__(registers, 64e6, 16e6)

    def core_hz(self) -> float:
        return 128e6 / (1 << self.field(self.control, 0, 2))


@dataclass(frozen=True)
class Rp2Facts:
    """highest: of the core. Sources: data sheet, Clocks, PLL, Resets; its table of operating conditions."""

    resets: int
    reset_bit: int
    pll: int
    clocks: int
    highest_hz: float


class Rp2(ClockTree):
    """RP2040 and RP2350. Source: data sheet, PLL ("Configuration": VCO 750 to 1600 MHz, 5 MHz or more in; feedback and
    reference before power, output dividers after lock), Clocks (a mux of auxiliary sources may glitch: CLK_SYS runs
    from the reference while it changes), Resets. The UART's clock is the crystal's."""

    def __init__(self, registers: dict[int, int], facts: Rp2Facts) -> None:
        super().__init__(registers, 12e6, 12e6)
        self.facts = facts
        self.cs, self.power, self.feedback, self.divide = (facts.pll + offset for offset in (0, 4, 8, 12))
        self.system, self.selected = facts.clocks + 0x3C, facts.clocks + 0x44
        registers.update({self.cs: 1, self.power: 0x2D, self.divide: 0x7_7000})

    def pll_hz(self) -> float:
        reference, times = 12e6 / self.field(self.cs, 0, 6), self.field(self.feedback, 0, 12)
        assert reference >= 5e6 and 16 <= times <= 320 and 750e6 <= reference * times <= 1600e6, (
            "the VCO is out of range"
        )
        return reference * times / self.field(self.divide, 16, 3) / self.field(self.divide, 12, 3)

    def core_hz(self) -> float:
        is_pll = self.get(self.system) & 1 and not self.field(self.system, 5, 3)
        assert not self.get(self.system) & 1 or is_pll, "CLK_SYS from what isn't there"
        return self.pll_hz() if is_pll else 12e6

    def read(self, address: int) -> int:
        value = self.get(address)
        if address == self.cs:
            return value & ~(1 << 31) | self.ready("LOCK", is_on=not self.get(self.power) & 0x21) << 31
        if address == self.facts.resets + 8:
            return 0xFFFF_FFFF & ~self.get(self.facts.resets)
        if address == self.selected:
            return 2 if self.ready("SELECTED", is_on=bool(self.get(self.system) & 1)) else 1
        return value

    def write(self, address: int, value: int) -> None:
        before = self.get(address)
        super().write(address, value)
        if self.cs <= address <= self.divide:
            assert not self.get(self.facts.resets) & self.facts.reset_bit, "PLL_SYS is in reset"
        if address in (self.cs, self.feedback) and value != before:
            assert self.get(self.power) & 0x21 == 0x21, "the PLL changes while it has power"
        if address == self.power and before & 8 and not value & 8:
            assert "LOCK" in self.seen, "its output comes before its lock"
        if address == self.system:
            assert not (before & 1 and (before ^ value) >> 5 & 7), "AUXSRC changes while it is in use"
            if value & 1:
                assert "LOCK" in self.seen and not self.get(self.power) & 0x29, "switches to a PLL that hasn't locked"
            assert self.core_hz() <= self.facts.highest_hz, "the core is too fast"


CLOCK_TREES: Mapping[str, Callable[[dict[int, int]], ClockTree]] = {
    "nucleo_f446re": lambda registers: Stm32F4(registers, F4Facts(168, 180, 45, 90, 1)),
    "netduinoplus2": lambda registers: Stm32F4(registers, F4Facts(168, None, 42, 84, 2)),
    "nucleo_f767zi": lambda registers: Stm32F4(registers, F4Facts(180, 216, 54, 108, 1)),
    "stm32f746g_disco": lambda registers: Stm32F4(registers, F4Facts(180, 216, 54, 108, 2)),
    "nucleo_h743zi2": Stm32H7,
    "nucleo_g0b1re": Stm32G0,
    "nucleo_l4r5zi": Stm32L4,
    "b_u585i_iot02a": Stm32U5,
    "arduino_nano33ble": lambda registers: ClockTree(registers, 64e6, 16e6),
    "bbc_microbit": lambda registers: ClockTree(registers, 16e6, 16e6),
    "nrf5340dk": Nrf53,
    "rpi_pico": lambda registers: Rp2(registers, Rp2Facts(0x4000_C000, 1 << 12, 0x4002_8000, 0x4000_8000, 133e6)),
    "rpi_pico2": lambda registers: Rp2(registers, Rp2Facts(0x4002_0000, 1 << 14, 0x4005_0000, 0x4001_0000, 150e6)),
    "mps2_an385": lambda registers: ClockTree(registers, 25e6, 25e6),
    "mps2_an386": lambda registers: ClockTree(registers, 25e6, 25e6),
    "mps2_an500": lambda registers: ClockTree(registers, 25e6, 25e6),
    "mps2_an505": lambda registers: ClockTree(registers, 20e6, 20e6),
}
"""By board: which of the MCU's buses feeds its UART is the data sheet's block diagram."""
