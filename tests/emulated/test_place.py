# SPDX-License-Identifier: Apache-2.0
"""`convert --place`: arena, inputs, outputs and stack in regions of the user's choice, to the emulated board."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command import Ran, sapmcu
from small_graphs import residual

from sapmcu.boards.board import Board, load_board
from sapmcu.emit.tflite import write_tflite
from sapmcu.run.elf import load_program

pytestmark = pytest.mark.needs("arm-none-eabi-gcc", "unicorn", "qemu-system-arm", "tflite_micro")


class Commands:
    """The command line in a directory with a model."""

    def __init__(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self._capsys, self._monkeypatch = capsys, monkeypatch

    def __call__(self, *arguments: str) -> Ran:
        return sapmcu(self._capsys, self._monkeypatch, *arguments)

    def convert(self, board: str, *places: str) -> Ran:
        placed = [argument for place in places for argument in ("--place", place)]
        return self("convert", "residual.tflite", "--board", board, "-o", "out", "--force", *placed)


@pytest.fixture
def commands(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Commands:
    monkeypatch.chdir(tmp_path)
    Path("residual.tflite").write_bytes(write_tflite(residual()))
    return Commands(capsys, monkeypatch)


def region_of(board: Board, symbol: str) -> str:
    """Name of the region in which the firmware for the board has this symbol."""
    address = load_program(Path("out/build/native-gcc/firmware.elf")).symbols[symbol]
    return next(one.name for one in board.memory if one.base <= address < one.end)


@pytest.mark.parametrize(
    ("board", "places"),
    [
        ("nucleo_h743zi2", {"arena": "axi_sram", "input": "sram1", "output": "sram2", "stack": "dtcm"}),
        ("nucleo_h743zi2", {"input": "axi_sram"}),
        ("netduinoplus2", {"output": "sram"}),
        ("mps2_an386", {"input": "psram", "output": "psram"}),
        ("mps2_an500", {"arena": "psram", "stack": "sram"}),
        ("stm32f746g_disco", {"input": "sdram"}),
    ],
)
def test_each_part_lies_in_its_region_and_all_bytes_are_right(
    commands: Commands, board: str, places: dict[str, str]
) -> None:
    done = commands.convert(board, *(f"{role}={region}" for role, region in places.items()))
    assert done.code == 0, done.err
    for emulator in ("unicorn", "qemu"):
        done = commands("test", "out", "--engine", "native", "--emulator", emulator, "--json")
        assert done.code == 0, done.err
    symbols = {"arena": "arena", "input": "input_memory", "output": "output_memory", "stack": "sapmcu_stack_bytes"}
    found = load_board(board)
    readme = Path("out/firmware/README.md").read_text(encoding="utf-8")
    for role, region in places.items():
        if role != "stack":
            assert region_of(found, symbols[role]) == region
        row = next(line for line in readme.splitlines() if line.startswith(f"| {region} |"))
        assert {"arena": "arena, ", "input": "inputs, ", "output": "outputs, ", "stack": "stack, "}[role] in row


def test_the_report_shows_each_and_the_arena_shrinks(commands: Commands) -> None:
    together = commands.convert("nucleo_h743zi2")
    before = json.loads(Path("out/report.json").read_text())["native"]
    apart = commands.convert("nucleo_h743zi2", "input=sram1", "output=sram1")
    after = json.loads(Path("out/report.json").read_text())["native"]
    assert (together.code, apart.code) == (0, 0)
    sizes = [one.size_bytes for name in residual().inputs if (one := residual().tensors[name])]
    assert before["apart"] == [] and after["apart"][0] == ["input", "sram1", sum(sizes)]
    assert after["arena_bytes"] < before["arena_bytes"]
    assert "inputs apart" in apart.out and "bytes in sram1" in apart.out


@pytest.mark.parametrize(
    ("board", "places", "options", "expected"),
    [
        ("nucleo_h743zi2", ("inputs=dtcm",), (), "--place inputs=dtcm isn't ROLE=REGION"),
        ("nucleo_h743zi2", ("input=flash",), (), "has no such region for data"),
        ("nucleo_h743zi2", ("input=dtcm", "input=sram1"), (), "--place says input twice"),
        ("b_u585i_iot02a", ("input=psram",), (), "psram must be started first"),
        ("nucleo_h743zi2", ("stack=sram1",), (), "sram1 is off after reset"),
        ("nucleo_h743zi2", ("input=sram1",), ("--optimize", "sram"), "exclude each other"),
        ("nucleo_h743zi2", ("input=sram1",), ("--input-rows",), "exclude each other"),
    ],
)
def test_what_can_not_be_is_said(
    commands: Commands, board: str, places: tuple[str, ...], options: tuple[str, ...], expected: str
) -> None:
    placed = [argument for place in places for argument in ("--place", place)]
    done = commands("convert", "residual.tflite", "--board", board, "-o", "out", *placed, *options)
    assert done.code == 1 and expected in done.err, done.err
    assert not Path("out").exists()
