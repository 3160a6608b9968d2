# SPDX-License-Identifier: Apache-2.0
"""What is made of what a board says of its start."""

from __future__ import annotations

from sapmcu.boards.board import load_board
from sapmcu.ir.run import BoardState, latency_us
from sapmcu.on_board import core_hz, start_notes

GOOD = BoardState(480_000_000, 0, 0, ("power",), None)
SLOW = BoardState(64_000_000, 0, 7, ("pin",), None)


def test_the_clock_is_what_the_firmware_says() -> None:
    board = load_board("nucleo_h743zi2")
    assert [core_hz(state, board) for state in (GOOD, SLOW, None)] == [480_000_000, 64_000_000, 64_000_000]
    assert core_hz(BoardState(0, 0, 0, (), None), None) is None


def test_a_step_that_waited_in_vain_is_told() -> None:
    assert start_notes(GOOD) == start_notes(None) == ()
    assert start_notes(SLOW) == ("step 7 of the board's clock waited in vain; its core runs at 64 MHz",)


def test_latency_comes_from_cycles_and_clock() -> None:
    assert latency_us(4_800_000, 480_000_000) == 10_000
    assert latency_us(None, 480_000_000) is None and latency_us(10, None) is None
