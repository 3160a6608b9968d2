# SPDX-License-Identifier: Apache-2.0
"""A method that a board file describes by a command line."""

from __future__ import annotations

from pathlib import Path

import pytest
from fake_tools import FakeTools, make_fake_tools

from sapmcu.boards.board import BOARD_DIR, Board, load_board
from sapmcu.boards.flash_methods import KNOWN
from sapmcu.errors import ToolError, UserError
from sapmcu.flash.flash import UF2, FlashOptions, choose_method, flash_by_tool
from sapmcu.flash.job import Job
from sapmcu.flash.table import METHODS, method_of

TABLE = """
[flash.probe-rs]
command = "probe-rs download --chip 'STM32F446 RE' {probe} --base {base} --verify {elf}"
probe = "--probe {probe}"
verified = "Finished in [0-9.]+s"
get = "cargo install probe-rs-tools"
"""


def board_with(directory: Path, table: str) -> Board:
    text = (BOARD_DIR / "nucleo_f446re.toml").read_text(encoding="utf-8")
    path = directory / "mine.toml"
    path.write_text(f"{text}\n{table}", encoding="utf-8")
    return load_board(str(path))


def flash(directory: Path, board: Board, probe: str | None = None) -> tuple[tuple[str, ...], bool]:
    chosen = choose_method(board, "probe-rs")
    paths = [directory / f"firmware.{suffix}" for suffix in ("elf", "bin", "hex")]
    job = Job(board, *paths, 0x0800_0000, 200, chosen.arguments, probe)
    return flash_by_tool(method_of(chosen), job, FlashOptions("probe-rs", probe), lambda _: None)


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeTools:
    fakes = make_fake_tools(tmp_path / "fakes", monkeypatch)
    fakes.add("probe-rs")
    return fakes


def test_the_command_of_a_board_file_is_run(tools: FakeTools, tmp_path: Path) -> None:
    tools.answer("download", "Finished in 0.8s")
    board = board_with(tmp_path, TABLE)
    (line,), is_verified = flash(tmp_path, board)
    flash(tmp_path, board, "0483:374b")
    words = ["--base", "0x08000000", "--verify", f"{tmp_path}/firmware.elf"]
    download = ["probe-rs", "download", "--chip", "STM32F446 RE"]
    assert tools.calls == [[*download, *words], [*download, "--probe", "0483:374b", *words]]
    assert is_verified and "'STM32F446 RE'" in line


def test_what_it_must_say_is_awaited_and_what_it_says_is_shown(tools: FakeTools, tmp_path: Path) -> None:
    board = board_with(tmp_path, TABLE)
    tools.answer("download", "Error: no probe found", 1)
    with pytest.raises(ToolError, match="probe-rs finds no probe"):
        flash(tmp_path, board)


def test_without_a_word_for_it_nothing_is_called_verified(tools: FakeTools, tmp_path: Path) -> None:
    tools.answer("download", "done")
    board = board_with(tmp_path, '[flash.probe-rs]\ncommand = "probe-rs download {elf}"\n')
    assert not flash(tmp_path, board)[1]
    with pytest.raises(UserError, match="doesn't say how its tool is told a probe"):
        flash(tmp_path, board, "0483")


def test_a_tool_that_is_missing_comes_with_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolError, match="probe-rs is not installed") as caught:
        flash(tmp_path, board_with(tmp_path, TABLE))
    assert caught.value.hint == "cargo install probe-rs-tools"


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ('[flash.mine]\nspeed = "1"', "flash.mine.command is missing: sapmcu has no method mine"),
        ('[flash.mine]\ncommand = "a {efl}"', "flash.mine.command has {efl}; it can have {elf}"),
        ('[flash.mine]\ncommand = "a --probe={probe}"', "flash.mine.command has {probe} in a longer word"),
        ('[flash.mine]\ncommand = "a \'b"', "flash.mine.command can't be read: No closing quotation"),
        ('[flash.mine]\ncommand = ""', "flash.mine.command is empty"),
        ('[flash.mine]\ncommand = "a"\nverified = "("', "flash.mine.verified can't be read"),
        ('[flash.mine]\ncommand = "a"\nbaud = 3', "flash.mine.baud is unknown"),
        ('[flash.mine]\ncommand = "a"\nget = 3', "flash.mine.get is no text"),
        ('[flash.dfu]\ncommand = "a"', "flash.dfu.command is for methods that sapmcu lacks"),
    ],
)
def test_a_mistake_in_the_table_is_said_with_its_place(tmp_path: Path, table: str, expected: str) -> None:
    with pytest.raises(UserError) as caught:
        board_with(tmp_path, table)
    assert any(expected in line for line in caught.value.details), caught.value.details


def test_known_methods_are_those_that_there_are() -> None:
    assert set(KNOWN) == {*METHODS, UF2}
