# SPDX-License-Identifier: Apache-2.0
"""The flash tools themselves, asked for a probe that nobody has: they take our arguments, and say what we expect.

The serial number is one that no probe has, so that a board that happens to be connected is left alone.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sapmcu.boards.board import load_board
from sapmcu.flash.failures import Kind, explain, failure
from sapmcu.flash.job import Job
from sapmcu.flash.table import METHODS
from sapmcu.flash.tool import require_tool, run_command

NOBODY = "no-such-probe"
BOARDS = {
    "pyocd": ("arduino_nano33ble", "rpi_pico2"),
    "openocd": ("nucleo_h743zi2", "nucleo_g0b1re", "netduinoplus2"),
    "stlink": ("nucleo_f446re",),
    "dfu": ("netduinoplus2",),
}
"""pyocd: chips that it knows without a pack. openocd: with and without a file for the interface, all in 0.12."""
CASES = [
    pytest.param(method, board, marks=pytest.mark.needs(METHODS[method].tool.name))
    for method, boards in BOARDS.items()
    for board in boards
]


def job(directory: Path, method: str, name: str) -> Job:
    board = load_board(name)
    paths = [directory / f"firmware.{suffix}" for suffix in ("elf", "bin", "hex")]
    for path in paths:
        path.write_bytes(bytes(64))
    arguments = next(one.arguments for one in board.flash_methods if one.tool == method)
    base = board.region(board.defaults.code).base
    return Job(board, *paths, base, 64, arguments, NOBODY)


@pytest.mark.parametrize(("method", "board"), CASES)
def test_the_tool_takes_our_arguments_and_misses_the_probe(tmp_path: Path, method: str, board: str) -> None:
    wanted, chosen = job(tmp_path, method, board), METHODS[method]
    path = require_tool(chosen.tool)
    for step in chosen.steps(wanted):
        for file, text in step.files.items():
            file.write_text(text)
        done = run_command((str(path), *step.arguments), 60)
        expected = failure(Kind.NO_PROBE, chosen.tool.name, wanted, chosen.tool.get)
        assert explain(done, chosen.patterns, wanted, chosen.tool.get).message == expected.message, done.output


@pytest.mark.needs("pyocd")
def test_pyocd_lists_its_probes_as_we_read_them() -> None:
    assert METHODS["pyocd"].list_probes(require_tool(METHODS["pyocd"].tool)) is not None


@pytest.mark.needs("pyocd")
@given(st.text(st.characters(exclude_characters='"\\', codec="ascii", categories=["L", "N", "Zs", "P"]), min_size=1))
def test_pyocd_takes_a_path_in_quotes_as_one_word(name: str) -> None:
    from pyocd.utility.cmdline import split_command_line

    assert split_command_line(f'compare 0x08000000 "/tmp/{name}"') == ["compare", "0x08000000", f"/tmp/{name}"]
