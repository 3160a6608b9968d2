# SPDX-License-Identifier: Apache-2.0
"""What is made of what a board says of its start."""

from __future__ import annotations

from pathlib import Path

import pytest
from native_project import write_native_project

from sapmcu.boards.board import BOARD_DIR, load_board
from sapmcu.errors import UserError
from sapmcu.ir.run import BoardState, latency_us
from sapmcu.on_board import core_hz, project_board, start_notes

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


def test_a_board_of_ones_own_is_known_from_its_copy(tmp_path: Path) -> None:
    text = (BOARD_DIR / "nucleo_f446re.toml").read_text(encoding="utf-8").replace("baud = 115_200", "baud = 57_600")
    mine = tmp_path / "my.toml"
    mine.write_text(text.replace('"nucleo_f446re"', '"my_board"', 1).replace('"stm32f4"', '"other"'), encoding="utf-8")
    project = write_native_project(tmp_path / "project", load_board(str(mine)))
    assert project_board(project) == ("my_board", None)
    copy = project / "firmware/board.toml"
    copy.write_bytes(mine.read_bytes())
    name, board = project_board(project)
    assert name == "my_board" and board is not None and board.uart is not None and board.uart.baud == 57_600
    copy.write_bytes((BOARD_DIR / "nucleo_f446re.toml").read_bytes())
    with pytest.raises(UserError, match="is of nucleo_f446re, the firmware for my_board"):
        project_board(project)
