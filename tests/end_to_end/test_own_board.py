# SPDX-License-Identifier: Apache-2.0
"""A user's own board: the example of docs/boards.md, from a path to a firmware that runs."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from command import sapmcu
from small_graphs import residual

from sapmcu.boards.board import load_board
from sapmcu.emit.tflite import write_tflite

DOCS = Path(__file__).parents[2] / "docs" / "boards.md"


def example() -> str:
    found = re.search(r"```toml\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    return found[1]


def test_the_example_is_a_board(tmp_path: Path) -> None:
    (tmp_path / "my.toml").write_text(example(), encoding="utf-8")
    board = load_board(str(tmp_path / "my.toml"))
    assert (board.name, board.clock.start_hz, len(board.reset.flags)) == ("my_board", 16_000_000, 1)


@pytest.mark.needs("arm-none-eabi-gcc", "unicorn", "tflite_micro")
@pytest.mark.parametrize("clock", ["reset", "fast"])
def test_a_board_of_ones_own_is_converted_for_built_and_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, clock: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("my.toml").write_text(example(), encoding="utf-8")
    Path("residual.tflite").write_bytes(write_tflite(residual()))
    convert = ("convert", "residual.tflite", "--board", "./my.toml", "-o", "out", "--clock", clock)
    done = sapmcu(capsys, monkeypatch, *convert)
    assert done.code == 0, done.err
    readme = Path("out/firmware/README.md").read_text(encoding="utf-8")
    assert f"The board runs at {16 if clock == 'reset' else 64} MHz (`--clock {clock}`)." in readme
    done = sapmcu(capsys, monkeypatch, "run", "out", "--json")
    assert (done.code, json.loads(done.out)["outputs_equal"]) == (0, True), done.err
    Path("my.toml").unlink()
    done = sapmcu(capsys, monkeypatch, "flash", "out", "--dry-run")
    assert done.code == 0 and "-f board/st_nucleo_g0.cfg" in done.out, done.err


def test_a_mistake_in_it_is_said_with_its_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my.toml").write_text(example().replace("core_hz = 64_000_000", "core_hz = 65_000_000"), "utf-8")
    done = sapmcu(capsys, monkeypatch, "boards", tmp_path / "my.toml")
    assert done.code == 1 and "clock.fast.core_hz must be 16,000,000 to 64,000,000, is 65,000,000" in done.err
    assert "docs/boards.md" in done.err
