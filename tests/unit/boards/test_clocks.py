# SPDX-License-Identifier: Apache-2.0
"""Each board's way to its fast clock, against a model of its clock tree: what it reaches, and that each step counts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from clock_models import CLOCK_TREES
from clock_tree import POLLS, ClockTree
from uart_facts import RP2

from sapmcu.boards.board import Board, all_boards, load_board
from sapmcu.boards.clock import ClockChoice, FastClock
from sapmcu.boards.steps import Action, RegisterStep

FAST = [board.name for board in all_boards() if board.clock.fast is not None]
WITHOUT_EFFECT_HERE = {
    "PLLON off: a boot loader may use it",
    "PLLRDY: it is off",
    "1 us at 60 MHz or more, before the AHB runs at 120 MHz",
    "ODEN: over-drive, for more than 180 MHz",
    "VOS: scale 1 once the PLL runs",
    "CACHEEN: cache of flash",
    "CACHE: cache of flash",
    "EN: cache of flash",
    "SWS: it does",
    "it is",
    "they do",
    "it runs",
    "APB4 / 2",
    "AHB / 1, APB1 / 1, APB2 / 1",
    "AUXSRC: PLL_SYS",
    "REFDIV: 12 MHz",
    "VOSRDY: the voltage is there",
    "VOSRDY",
    "revision V, as 480 MHz needs",
}
"""Where leaving a step out changes nothing that the models know: caches; waits for a switch that nothing later depends
on, or for a bit that waits for others have shown; what is so after reset already; another silicon."""


def fast_clock(board: Board) -> FastClock:
    assert board.clock.fast is not None
    return board.clock.fast


def take(tree: ClockTree, steps: Sequence[RegisterStep]) -> bool:
    """As firmware/port/steps.c; False where a wait ends in vain."""
    for step in steps:
        if step.action is Action.WRITE:
            tree.write(step.register, step.value)
        elif step.action is Action.CHANGE:
            tree.write(step.register, tree.read(step.register) & ~step.mask | step.value)
        elif step.action is Action.WAIT and not any(
            tree.read(step.register) & step.mask == step.value for _ in range(2 * POLLS)
        ):
            return False
    return True


def reached(board: Board, steps: Sequence[RegisterStep]) -> tuple[float, float]:
    """(core, UART) in Hz. Raises: AssertionError where the order is wrong."""
    tree = CLOCK_TREES[board.name]({})
    if board.name in RP2:
        tree.write(RP2[board.name].resets, 0xFFFF_FFFF)
    assert take(tree, steps), "waits in vain"
    return tree.core_hz(), tree.uart_hz()


@pytest.mark.parametrize("name", FAST)
def test_the_steps_reach_the_fast_clock(name: str) -> None:
    fast = fast_clock(load_board(name))
    assert reached(load_board(name), fast.setup) == (fast.core_hz, fast.uart_hz)


@pytest.mark.parametrize("name", FAST)
def test_no_step_can_be_left_out(name: str) -> None:
    board = load_board(name)
    fast = fast_clock(board)
    for index, step in enumerate(fast.setup):
        try:
            is_noticed = reached(board, fast.setup[:index] + fast.setup[index + 1 :]) != (fast.core_hz, fast.uart_hz)
        except (AssertionError, ZeroDivisionError):
            is_noticed = True
        assert is_noticed or step.why in WITHOUT_EFFECT_HERE, f"step {index}, {step.name}: {step.why}"


@pytest.mark.parametrize("name", FAST)
def test_no_wait_can_come_late(name: str) -> None:
    """Each wait moved behind the step that follows it: the models know that it was needed there, but for those whose
    answer is the same later."""
    board = load_board(name)
    steps = fast_clock(board).setup
    ready = [
        one for one in range(len(steps) - 1) if steps[one].action is Action.WAIT and "RDY: it has" in steps[one].why
    ]
    for index in ready:
        later = (*steps[:index], *steps[index + 1 :], steps[index])
        with pytest.raises(AssertionError):
            reached(board, later)


@pytest.mark.parametrize("name", FAST)
def test_a_clock_that_never_comes_leaves_that_of_reset(name: str) -> None:
    board = load_board(name)
    tree = CLOCK_TREES[name]({})
    tree.is_broken = True
    if board.name in RP2:
        tree.write(RP2[board.name].resets, 0)
    is_done = take(tree, fast_clock(board).setup)
    assert tree.core_hz() == board.clock.start_hz or (is_done and name == "nrf5340dk"), "its divider needs no wait"


def test_a_pause_is_as_long_as_its_manual_asks_for() -> None:
    """RM0432, "Dynamic voltage scaling management": 1 us; at 60 MHz, a turn of the loop is one cycle or more."""
    (pause,) = [one for one in fast_clock(load_board("stm32l4")).setup if one.action is Action.PAUSE]
    assert pause.value >= 60


def test_silicon_before_revision_v_stays_at_64_mhz() -> None:
    """RM0433, DBGMCU_IDC: REV_ID 0x1003 is revision Y, which DS12110 gives 400 MHz."""
    tree = CLOCK_TREES["nucleo_h743zi2"]({})
    tree.write(0x5C00_1000, 0x1003_6450)
    assert not take(tree, fast_clock(load_board("nucleo_h743zi2")).setup)
    assert tree.core_hz() == 64e6


def test_the_docs_have_the_clocks_of_the_boards_files() -> None:
    text = (Path(__file__).parents[3] / "docs" / "boards.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([a-z0-9_, ]+) \| (\d+)(?: MHz)? \| (\d+)(?: MHz)? \|", text, re.MULTILINE)
    said = {name: (int(reset), int(fast)) for names, reset, fast in rows for name in names.split(", ")}
    real = {
        board.name: (round(board.clock.start_hz / 1e6), round(board.clock.core_hz(ClockChoice.FAST) / 1e6))
        for board in all_boards()
        if not board.name.startswith("mps")
    }
    assert said == real
