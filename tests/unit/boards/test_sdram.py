# SPDX-License-Identifier: Apache-2.0
"""The SDRAM of 32F746GDISCOVERY: its pins, and the commands that start it, in the order that the manual asks for."""

from __future__ import annotations

from sapmcu.boards.board import load_board
from sapmcu.boards.steps import Action, RegisterStep

PINS = {
    **{
        f"A{bit}": pin
        for bit, pin in enumerate(["F0", "F1", "F2", "F3", "F4", "F5", "F12", "F13", "F14", "F15", "G0", "G1"])
    },
    **{
        f"D{bit}": pin
        for bit, pin in enumerate(
            ["D14", "D15", "D0", "D1", "E7", "E8", "E9", "E10", "E11", "E12", "E13", "E14", "E15", "D8", "D9", "D10"]
        )
    },
    "BA0": "G4",
    "BA1": "G5",
    "NBL0": "E0",
    "NBL1": "E1",
    "SDCLK": "G8",
    "SDNWE": "H5",
    "SDCKE0": "C3",
    "SDNE0": "H3",
    "SDNRAS": "F11",
    "SDNCAS": "G15",
}
"""Sources: Zephyr 4.0, stm32f746g_disco.dts, fmc; DS10916, Alternate functions: AF12."""
SDCR1, SDTR1, SDCMR, SDRTR, SDSR = (0xA000_0000 + offset for offset in (0x140, 0x148, 0x150, 0x154, 0x158))
"""Source: RM0385, chapter FMC, SDRAM controller registers."""


def setup() -> tuple[RegisterStep, ...]:
    steps = load_board("stm32f746g_disco").region("sdram").setup
    assert steps is not None
    return steps


def after_setup() -> dict[int, int]:
    registers: dict[int, int] = {}
    for step in setup():
        if step.action in (Action.WRITE, Action.CHANGE):
            registers[step.register] = registers.get(step.register, 0) & ~step.mask | step.value
    return registers


def test_all_pins_are_the_fmcs_and_no_other() -> None:
    registers = after_setup()
    ports = dict.fromkeys(pin[0] for pin in PINS.values())
    for port in ports:
        gpio = 0x4002_0000 + 0x400 * (ord(port) - ord("A"))
        pins = {int(pin[1:]) for pin in PINS.values() if pin[0] == port}
        alternate = {pin for pin in range(16) if registers[gpio] >> 2 * pin & 3 == 2}
        fast = {pin for pin in range(16) if registers[gpio + 8] >> 2 * pin & 3 == 3}
        af12 = {pin for pin in range(16) if registers.get(gpio + 0x20 + pin // 8 * 4, 0) >> pin % 8 * 4 & 15 == 12}
        assert pins == alternate == fast == af12, port
        assert registers[0x4002_3830] >> ord(port) - ord("A") & 1, "RCC_AHB1ENR"
    assert registers[0x4002_3838] & 1, "RCC_AHB3ENR: FMCEN"


def test_commands_come_in_order_each_when_the_last_is_done() -> None:
    """RM0385, SDRAM initialization: clock, 100 us, precharge, refreshes, mode register, refresh rate."""
    steps = setup()
    commands = [index for index, step in enumerate(steps) if step.register == SDCMR]
    assert [steps[index].value & 7 for index in commands] == [1, 2, 3, 4]
    assert all(steps[index].value & 1 << 4 for index in commands), "CTB1: bank 1"
    for index in commands:
        wait = steps[index + 1]
        assert (wait.register, wait.action, wait.mask, wait.value) == (SDSR, Action.WAIT, 1 << 5, 0)
    (pause,) = [index for index, step in enumerate(steps) if step.action is Action.PAUSE]
    assert commands[0] < pause < commands[1] and steps[pause].value >= 16e6 * 100e-6
    order = [step.register for step in steps if step.register in (SDCR1, SDTR1, SDCMR, SDRTR)]
    assert order == [SDCR1, SDTR1, SDCMR, SDCMR, SDCMR, SDCMR, SDRTR]


def test_times_hold_from_the_clock_of_reset_to_the_fast_one() -> None:
    """Of MT48LC4M32B2-6A in ns; RM0385, FMC_SDTR1: TWR covers what TRAS and TRC leave; FMC_SDRTR."""
    registers, fast_hz, reset_hz = after_setup(), 216e6 / 2, 16e6 / 2
    control, timing = registers[SDCR1], registers[SDTR1]
    assert (control & 3, control >> 2 & 3, control >> 4 & 3, control >> 6 & 1) == (0, 1, 1, 1), (
        "8, 12, 16 bits, 4 banks"
    )
    assert control >> 10 & 3 == 2 and control >> 9 & 1 == 0, "SDCLK: HCLK / 2; not write-protected"
    mode = registers_of_mode()
    assert control >> 7 & 3 == 3 and mode >> 4 & 7 == 3 and mode & 7 == 0 and mode >> 9 & 1, "CAS 3, bursts of 1"
    tmrd, txsr, tras, trc, twr, trp, trcd = ((timing >> 4 * field & 15) + 1 for field in range(7))
    for cycles, least_ns in ((txsr, 67), (tras, 42), (trc, 60), (trp, 18), (trcd, 18)):
        assert cycles / fast_hz >= least_ns * 1e-9
    assert tmrd >= 2 and twr >= max(2, tras - trcd, trc - trcd - trp)
    count = registers[SDRTR] >> 1
    assert count >= 41 and (count + 20) / reset_hz <= 64e-3 / 4096


def registers_of_mode() -> int:
    return next(step.value >> 9 for step in setup() if step.register == SDCMR and step.value & 7 == 4)
