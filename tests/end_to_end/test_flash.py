# SPDX-License-Identifier: Apache-2.0
"""`sapmcu flash` as a user types it, with tools that only record what they are told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command import sapmcu
from fake_tools import FakeTools, make_fake_tools
from native_project import write_native_project

from sapmcu.boards.board import BOARD_DIR, load_board
from sapmcu.flash import probes as usb

pytestmark = pytest.mark.needs("arm-none-eabi-gcc")


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeTools:
    fakes = make_fake_tools(tmp_path / "fakes", monkeypatch)
    fakes.add("openocd")
    monkeypatch.setattr(usb, "USB_DEVICES", tmp_path / "no-usb")
    fakes.answer("--version", "Open On-Chip Debugger 0.12.0")
    return fakes


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return write_native_project(tmp_path / "project", "nucleo_f446re")


def test_a_project_is_built_written_and_verified(
    tools: FakeTools, project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tools.answer("program", "** Verified OK **")
    done = sapmcu(capsys, monkeypatch, "flash", project, "--method", "openocd")
    assert done.code == 0, done.err
    assert done.out.startswith("flashed nucleo_f446re by openocd: ") and "equal in every byte" in done.out
    elf = project / "build" / "native-gcc-uart" / "firmware.elf"
    assert elf.is_file() and f"program {{{elf}}} verify reset exit" in tools.calls[-1]


def test_a_dry_run_prints_commands_for_a_shell(
    tools: FakeTools, project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    done = sapmcu(capsys, monkeypatch, "flash", project, "--method", "openocd", "--dry-run")
    assert done.code == 0 and done.out.endswith("verify reset exit'\n") and len(done.out.splitlines()) == 1
    done = sapmcu(capsys, monkeypatch, "flash", project, "--method", "openocd", "--dry-run", "--json")
    said = json.loads(done.out)
    assert list(said) == ["schema", "board", "method", "commands", "elf", "size_bytes", "is_dry", "is_verified"]
    assert (said["board"], said["method"], said["is_dry"], said["is_verified"]) == (
        "nucleo_f446re",
        "openocd",
        True,
        False,
    )
    assert tools.calls == []


def test_failures_end_with_exit_code_3(
    tools: FakeTools, project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tools.answer("program", "Error: open failed", code=1)
    done = sapmcu(capsys, monkeypatch, "flash", project, "--method", "openocd")
    assert done.code == 3 and done.err.splitlines()[-1].startswith("hint: connect the debugger of NUCLEO-F446RE")
    assert "error: openocd finds no probe\n" in done.err


def test_another_board_than_the_project_is_for_is_refused(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    done = sapmcu(capsys, monkeypatch, "flash", project, "--board", "nucleo_h743zi2")
    assert done.code == 1 and "is for nucleo_f446re, not for nucleo_h743zi2" in done.err


def test_a_board_of_ones_own_is_named_by_its_file(
    tools: FakeTools, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (BOARD_DIR / "nucleo_f446re.toml").read_text(encoding="utf-8").replace('"nucleo_f446re"', '"my_board"', 1)
    mine = tmp_path / "my.toml"
    mine.write_text(text.replace('aliases = ["stm32f4"]\n', ""), encoding="utf-8")
    project = write_native_project(tmp_path / "mine", load_board(str(mine)))
    done = sapmcu(capsys, monkeypatch, "flash", project)
    assert done.code == 1 and "my_board, which isn't one of sapmcu's" in done.err and "--board FILE.toml" in done.err
    done = sapmcu(capsys, monkeypatch, "flash", project, "--board", mine, "--method", "openocd", "--dry-run")
    assert done.code == 0 and "-f board/st_nucleo_f4.cfg" in done.out, done.err
    (project / "firmware/board.toml").write_bytes(mine.read_bytes())
    done = sapmcu(capsys, monkeypatch, "flash", project, "--method", "openocd", "--dry-run")
    assert done.code == 0 and "-f board/st_nucleo_f4.cfg" in done.out, done.err


def test_a_project_runs_no_command_of_its_own(
    tools: FakeTools, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    table = '\n[flash.mine]\ncommand = "mine {elf}"\n'
    text = (BOARD_DIR / "nucleo_f446re.toml").read_text(encoding="utf-8") + table
    mine = tmp_path / "my.toml"
    mine.write_text(text.replace("board/st_nucleo_f4.cfg", "my.cfg"), encoding="utf-8")
    (tmp_path / "my.cfg").write_text("exec true")
    project = write_native_project(tmp_path / "mine", load_board(str(mine)))
    (project / "firmware/board.toml").write_bytes(mine.read_bytes())
    for method in ("mine", "openocd"):
        flash = ("flash", project, "--method", method, "--dry-run")
        done = sapmcu(capsys, monkeypatch, *flash)
        assert done.code == 1 and f"note: [flash.{method}] of the project runs a command of its own" in done.err
        assert sapmcu(capsys, monkeypatch, *flash, "--board", mine).code == 0
