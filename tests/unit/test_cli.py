# SPDX-License-Identifier: Apache-2.0
"""What the command line takes and says before anything is done."""

from __future__ import annotations

import shlex
import sys

import pytest
from command import sapmcu

from sapmcu.cli.group import cli, command_line
from sapmcu.flash.flash import UF2
from sapmcu.flash.table import METHODS

NOT_OF_BOARD = (
    ("run", "--engine", "tflm"),
    ("run", "--tflm", "lib"),
    ("run", "--emulator", "qemu"),
    ("run", "--link", "uart"),
    ("run", "--toolchain", "gcc"),
    ("run", "--prefer", "size"),
    ("run", "--wait-states", "5"),
    ("run", "--profile"),
    ("run", "--speed-report"),
    ("test", "--engine", "native"),
    ("test", "--emulator", "qemu"),
)


@pytest.mark.parametrize("options", NOT_OF_BOARD, ids=" ".join)
def test_options_that_a_board_can_not_follow_are_refused(
    options: tuple[str, ...], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    command, *others = options
    ran = sapmcu(capsys, monkeypatch, command, "project", "--port", "/dev/ttyACM99", *others)
    assert ran.code == 2 and f"leave out {others[0]}\n" in ran.err


def test_all_of_them_are_named_at_once_but_not_the_environment(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAPMCU_TFLM", "lib")
    port = ("run", "project", "--port", "/dev/ttyACM99")
    assert "leave out --link, --prefer\n" in sapmcu(capsys, monkeypatch, *port, "--prefer=speed", "--link=uart").err
    assert sapmcu(capsys, monkeypatch, *port).err.startswith("error: project/")  # there is none


@pytest.mark.parametrize("options", [("--baud", "9600"), ("--timeout", "5")], ids=" ".join)
def test_options_of_a_port_need_one(
    options: tuple[str, ...], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = sapmcu(capsys, monkeypatch, "test", "project", *options)
    assert ran.code == 2 and f"{options[0]} goes with --port only" in ran.err


def test_the_recorded_command_can_be_pasted(monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ["convert", "my model.h5", "--board", "stm32h7", "-o", "it's $HOME"]
    monkeypatch.setattr(sys, "argv", ["/usr/bin/sapmcu", *arguments])
    assert shlex.split(command_line()) == ["sapmcu", *arguments]


@pytest.mark.parametrize("command", ["", *cli.commands])
def test_help_fits_into_80_columns(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    ran = sapmcu(capsys, monkeypatch, *filter(None, [command]), "--help")
    assert ran.code == 0 and max(map(len, ran.out.splitlines())) <= 80


def test_help_names_each_method_of_flashing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = " ".join(sapmcu(capsys, monkeypatch, "flash", "--help").out.split())
    assert f"One of the board's: {', '.join((*METHODS, UF2))}, or " in text
