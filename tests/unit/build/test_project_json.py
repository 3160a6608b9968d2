# SPDX-License-Identifier: Apache-2.0
"""build.json: what is written reads back; what is wrong is refused, all of it at once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from native_project import write_native_project

from sapmcu.boards.board import all_boards, load_board
from sapmcu.boards.emulated import emulated_board
from sapmcu.build.project import load_project
from sapmcu.errors import UserError
from sapmcu.ir.firmware import FirmwareProject


def project(tmp_path: Path, board: str = "nucleo_h743zi2") -> tuple[Path, FirmwareProject]:
    firmware = write_native_project(tmp_path, board) / "firmware"
    return firmware, load_project(firmware)


def test_what_is_written_reads_back(tmp_path: Path) -> None:
    firmware, loaded = project(tmp_path)
    assert (firmware / "build.json").read_bytes() == loaded.to_json()
    assert loaded.core_options == load_board("nucleo_h743zi2").compiler_options
    assert loaded.targets["qemu"].machine == "mps2-an500"
    assert [region.name for region in loaded.targets["board"].memory] == ["flash", "dtcm"]


@pytest.mark.parametrize("board", all_boards(), ids=lambda board: board.name)
def test_every_board_has_a_machine_with_no_more_memory_than_it(board: Any) -> None:
    machine = emulated_board(board)
    assert machine is not None and machine.emulator.is_exact
    assert machine.compiler_options == board.compiler_options
    for name in {board.defaults.code, board.defaults.data, board.defaults.stack, *board.defaults.arena}:
        assert machine.region(name).size_bytes <= board.region(name).size_bytes


def test_the_stack_of_a_machine_is_at_the_bottom_of_its_ram() -> None:
    board = load_board("nucleo_h743zi2")
    machine = emulated_board(board)
    assert machine is not None
    assert machine.region("dtcm").base == 0x2000_0000
    assert machine.region("axi_sram").base == machine.region("dtcm").end


def test_all_violations_are_listed(tmp_path: Path) -> None:
    firmware, loaded = project(tmp_path)
    table = json.loads(loaded.to_json())
    table["core"] = 4
    table["core_options"] = ["-fplugin=evil.so"]
    table["sources"] = ["../outside.c", "-o", "missing.c"]
    table["targets"]["qemu"]["memory"][0]["size_bytes"] = -1
    table["targets"]["qemu"]["memory"][1]["executable"] = 1
    (firmware / "build.json").write_text(json.dumps(table))
    with pytest.raises(UserError, match="not valid") as caught:
        load_project(firmware)
    text = "\n".join(caught.value.details)
    for part in (
        "core: must be a text",
        "'-fplugin=evil.so', which is no option of the core",
        "'../outside.c', which is no path inside",
        "'-o', which is no path inside",
        "missing.c: there is no such file",
        "model_sources: names sapmcu_adder.c",
        "targets.qemu.memory[0].size_bytes: must be an unsigned 32-bit number",
        "targets.qemu.memory[1].executable: must be true or false",
    ):
        assert part in text, part


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": 2}', "\x00"])
def test_what_is_no_build_json_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "build.json").write_text(text)
    with pytest.raises(UserError):
        load_project(tmp_path)


def test_a_directory_without_one_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="can't be read"):
        load_project(tmp_path)
