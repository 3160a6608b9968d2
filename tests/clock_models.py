# SPDX-License-Identifier: Apache-2.0
"""Each board's clock tree. Those of nRF53, RP2040 and RP2350 are here, too."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

from clock_tree import ClockTree
from clock_trees_stm32 import F4Facts, Stm32F4, Stm32G0, Stm32L4
from clock_trees_stm32_new import Stm32H7, Stm32U5


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
