# SPDX-License-Identifier: Apache-2.0
"""Firmware in Renode: the whole conversation with its Monitor and with the firmware's UART, against a stand-in that is
a real program with real sockets (tests/fake_renode.py); and in Renode itself where it is installed."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import pytest
from command import sapmcu
from exported import write_converted, write_converted_by_rows
from fake_renode import EMPTY_SPAN, SPAN
from firmware_project import ORIGIN, write_files

from sapmcu.boards.board import load_board
from sapmcu.emit.renode import emit_renode
from sapmcu.emit.renode.suite import LIBRARY
from sapmcu.emulation import build_project, run_project, test_project
from sapmcu.errors import ToolError, UserError
from sapmcu.ir.build import Engine, Link
from sapmcu.ir.run import Run
from sapmcu.run import renode
from sapmcu.run.renode_monitor import Monitor, MonitorError, monitor_path
from sapmcu.run.session import Firmware, run_vectors, test_vectors
from sapmcu.run.tcp import free_port
from sapmcu.vectors import load_vectors

pytestmark = pytest.mark.needs("arm-none-eabi-gcc", "qemu-system-arm")
FAKE = Path(__file__).parents[1] / "fake_renode.py"
BOARD = "mps2_an386"
INSTRUCTIONS = SPAN - EMPTY_SPAN + renode.EMPTY_CALL_INSTRUCTIONS


def with_renode(directory: Path, board: str = BOARD) -> Path:
    write_files(directory, emit_renode(load_board(board), "residual", Engine.NATIVE, ORIGIN))
    return directory


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `sapmcu convert` writes for a board that QEMU has; blanks are in its path."""
    return with_renode(write_converted(tmp_path_factory.mktemp("a project"), BOARD))


@pytest.fixture(scope="module")
def built(project: Path) -> Firmware:
    return build_project(project, "renode")


def ran(built: Firmware) -> Run:
    """The first vector."""
    return run_vectors(built, "renode", load_vectors(built.directory)[:1])


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Renode is the stand-in; FAKE_RENODE says how it misbehaves."""
    program = tmp_path / "renode"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{FAKE}" "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("SAPMCU_RENODE", str(program))
    return monkeypatch


def test_vectors_are_equal_and_instructions_counted(built: Firmware, fake: pytest.MonkeyPatch) -> None:
    done = ran(built)
    assert done.emulator == "renode" and done.outputs_equal is True
    assert done.measurement.instructions == INSTRUCTIONS
    assert done.stack_bytes > 0
    tested = test_vectors(built, "renode", load_vectors(built.directory))
    assert len(tested.results) >= 3 and tested.first_difference is None


def test_all_calls_of_an_inference_by_rows_are_counted(tmp_path: Path, fake: pytest.MonkeyPatch) -> None:
    done = run_project(with_renode(write_converted_by_rows(tmp_path / "project", BOARD)), "renode")
    assert done.outputs_equal is True
    calls, rest = divmod(done.measurement.instructions or 0, INSTRUCTIONS)
    assert (calls, rest) == (5, 0), "four rows of the input, and the call behind the last"


def test_renode_can_be_on_path(built: Firmware, fake: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fake.delenv("SAPMCU_RENODE")
    fake.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert ran(built).outputs_equal is True


@pytest.mark.parametrize("mode", ["slow", "colours"])
def test_a_monitor_may_be_slow_and_coloured(built: Firmware, fake: pytest.MonkeyPatch, mode: str) -> None:
    fake.setenv("FAKE_RENODE", mode)
    assert ran(built).measurement.instructions == INSTRUCTIONS


def test_without_counts_nothing_is_made_up(built: Firmware, fake: pytest.MonkeyPatch) -> None:
    fake.setenv("FAKE_RENODE", "no-counts")
    done = ran(built)
    assert done.outputs_equal is True and done.measurement.instructions is None


def test_nothing_is_left_running(built: Firmware, fake: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ran(built)
    deadline = time.monotonic() + 10
    while (left := processes(str(tmp_path), str(built.directory))) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert left == []


def processes(*words: str) -> list[str]:
    """Command lines of this host that name one of these."""
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            lines.append(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue
    return [line for line in lines if "pytest" not in line and any(word in line for word in words)]


@pytest.mark.parametrize(
    ("mode", "message", "detail"),
    [
        ("dies-at-start", "Renode ended when it started", "no license to simulate"),
        ("refuses", "Renode refused a command", "peripheral doesn't exist"),
        ("hangs-up", "Renode closed its Monitor", "command: start"),
        ("dies", "the device ended", "Monitor available in telnet mode"),
        ("silent", "Renode's Monitor didn't answer in 2 s", None),
        ("no-uart", "Renode opened no port", None),
        ("silent-device", "the device didn't answer in 2 s", None),
    ],
)
def test_each_way_to_fail_has_its_sentence(
    built: Firmware, fake: pytest.MonkeyPatch, mode: str, message: str, detail: str | None
) -> None:
    if mode in ("silent", "no-uart"):
        fake.setattr(renode, "START_TIMEOUT_S", 2.0)
    fake.setenv("FAKE_RENODE", mode)
    timeout_s = 2.0 if mode == "silent-device" else 60.0
    with (
        pytest.raises(ToolError, match=message) as caught,
        renode.RenodeSession(built.build.elf, built.project, built.directory / "renode", timeout_s) as session,
    ):
        session.device.identify()
        session.device.write_input(0, bytes(200))
    assert caught.value.exit_code == 3
    assert detail is None or any(detail in line for line in caught.value.details), caught.value.details


@pytest.mark.parametrize(
    ("version", "core", "sentence"),
    [
        ("1.15.3", "cortex-m4", "Renode 1.15.3 is too old: a cortex-m4 needs 1.16.0 or newer"),
        ("1.16.0", "cortex-m55", "Renode 1.16.0 is too old: a cortex-m55 needs 1.16.1 or newer"),
        ("one", "cortex-m4", "doesn't tell its version"),
    ],
)
def test_a_renode_that_is_too_old_is_refused(fake: pytest.MonkeyPatch, version: str, core: str, sentence: str) -> None:
    fake.setenv("FAKE_RENODE_VERSION", version)
    with pytest.raises(ToolError, match=sentence) as caught:
        renode.find_renode(core)
    assert caught.value.hint is not None and "SAPMCU_RENODE" in caught.value.hint


@pytest.mark.parametrize("version", ["1.16.0", "1.16.1", "1.17.0", "2.0.0"])
def test_newer_ones_are_taken(fake: pytest.MonkeyPatch, version: str) -> None:
    fake.setenv("FAKE_RENODE_VERSION", version)
    assert renode.find_renode("cortex-m4") == os.environ["SAPMCU_RENODE"]


def test_without_renode_it_says_where_to_get_it(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("SAPMCU_RENODE", raising=False)
    monkeypatch.setattr(shutil, "which", lambda name: None if name == "renode" else f"/usr/bin/{name}")
    done = sapmcu(capsys, monkeypatch, "test", project, "--emulator", "renode")
    assert done.code == 3
    assert done.err.startswith("error: Renode is not installed\nhint: https://github.com/renode/renode")
    monkeypatch.setenv("SAPMCU_RENODE", str(tmp_path / "absent"))
    monkeypatch.undo()
    monkeypatch.setenv("SAPMCU_RENODE", str(tmp_path / "absent"))
    with pytest.raises(ToolError, match="which is no program"):
        renode.find_renode("cortex-m4")


def test_a_project_without_files_for_renode_is_told_so(tmp_path: Path, fake: pytest.MonkeyPatch) -> None:
    project = write_converted(tmp_path / "project", BOARD)
    with pytest.raises(UserError, match=r"renode/mps2_an386.resc is not there"):
        run_project(project, "renode")


def test_the_first_op_that_differs_is_named(tmp_path: Path, fake: pytest.MonkeyPatch) -> None:
    project = with_renode(write_converted(tmp_path / "project", BOARD))
    source = project / "firmware/sapmcu_residual.c"
    assert "1, -2, 3, 4" in source.read_text()
    source.write_text(source.read_text().replace("1, -2, 3, 4", "1, -2, 3, 5"))
    difference = test_project(project, "renode").first_difference
    assert difference is not None and difference.op == 0


def test_renode_has_no_semihosting(project: Path, fake: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="in Renode the host reaches the firmware through its UART"):
        run_project(project, "renode", link=Link.SEMIHOSTING)
    assert build_project(project, "renode").build.target == "uart"


def test_the_command_line_takes_renode(
    project: Path, fake: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    done = sapmcu(capsys, fake, "run", project, "--emulator", "renode", "--json")
    assert (done.code, json.loads(done.out)["outputs_equal"]) == (0, True), done.err
    done = sapmcu(capsys, fake, "test", project, "--emulator", "renode", "--link", "uart")
    assert done.code == 0, done.err


@contextmanager
def talk(greeting: bytes, answer: bytes = b"") -> Iterator[Monitor]:
    """A Monitor whose other end has sent all it says already, and then hangs up."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(greeting)
        monitor = Monitor(ours, 2.0)
        theirs.sendall(answer)
        theirs.shutdown(socket.SHUT_WR)
        yield monitor


def test_telnet_may_be_cut_anywhere() -> None:
    """Negotiation, a subnegotiation and a doubled 255, byte by byte; what looks like a prompt inside a line is none."""
    text = b"\xff\xfd\x00\xff\xfa\x1f\x00\x50\x00\x18\xff\xf0Renode (x) 1\r\n\xff\xff(a) \n\r(monitor) "
    for cut in range(1, len(text)):
        ours, theirs = socket.socketpair()
        with ours, theirs:
            theirs.sendall(text[:cut])
            theirs.sendall(text[cut:])
            assert Monitor(ours, 2.0).banner.split("\n")[0] == "Renode (x) 1"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b"help\n\r(m) ", ""),
        (b"help\n\r0x00000000\r\n(m) ", "0x00000000"),
        (b"\x1b[33m(m) \x1b[0mhelp\n\r\x1b[91ma\r\nb\r\n\x1b[0m\x1b[33m(m) \x1b[0m", "a\nb"),
    ],
)
def test_the_answer_stands_between_echo_and_prompt(answer: bytes, expected: str) -> None:
    with talk(b"(m) ", answer) as monitor:
        assert monitor.command("help") == expected


def test_an_error_of_the_monitor_is_told_with_the_command() -> None:
    answer = b"cpu X\n\rThere was an error executing command 'cpu X': \r\nno X.\r\n(m) "
    with talk(b"(m) ", answer) as monitor:
        with pytest.raises(MonitorError, match="Renode refused a command") as caught:
            monitor.command("cpu X")
        assert caught.value.details == ("command: cpu X", "There was an error executing command 'cpu X':", "no X.")
        with pytest.raises(MonitorError, match="closed its Monitor"):
            monitor.command("cpu Y")


def test_paths_are_written_as_the_monitor_takes_them(tmp_path: Path) -> None:
    assert monitor_path(tmp_path / "a b") == f"@{tmp_path}/a\\ b"
    with pytest.raises(MonitorError, match="can't take the path"):
        monitor_path(tmp_path / "a;b")


def robot_library() -> ModuleType:
    """The suite's library as Robot Framework imports it: alone."""
    spec = importlib.util.spec_from_file_location("sapmcu_vectors", LIBRARY)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("by_rows", [False, True])
def test_the_suites_library_runs_the_vectors(tmp_path: Path, by_rows: bool) -> None:
    """Against the same firmware in QEMU, whose UART is a TCP port."""
    write = write_converted_by_rows if by_rows else write_converted
    project = write(tmp_path / "project", BOARD)
    built, port = build_project(project, "qemu", link=Link.UART), free_port()
    options = ("-display", "none", "-monitor", "none", "-serial", f"tcp:127.0.0.1:{port},server=on,wait=on")
    library = robot_library()
    for spoilt in (False, True):
        if spoilt:
            expected = project / "testdata/0000_output_0.bin"
            expected.write_bytes(bytes([expected.read_bytes()[0] ^ 1]) + expected.read_bytes()[1:])
        command = ["qemu-system-arm", "-machine", "mps2-an386", *options, "-kernel", str(built.build.elf)]
        with subprocess.Popen(command) as qemu:
            try:
                deadline = time.monotonic() + 20
                while True:
                    try:
                        if spoilt:
                            with pytest.raises(
                                AssertionError, match="vector 0, output 0: 1 of 32 bytes differ; byte 0"
                            ):
                                library.vectors_should_be_equal(str(port), str(project / "testdata"))
                        else:
                            library.vectors_should_be_equal(port, str(project / "testdata"))
                        break
                    except ConnectionRefusedError:
                        assert time.monotonic() < deadline
                        time.sleep(0.05)
            finally:
                qemu.kill()


@pytest.mark.needs("robot")
@pytest.mark.parametrize("is_spoilt", [False, True])
def test_robot_framework_runs_the_suite(
    tmp_path: Path, project: Path, built: Firmware, fake: pytest.MonkeyPatch, is_spoilt: bool
) -> None:
    """Robot Framework itself; Renode's keywords, and what is behind them, are the stand-in's."""
    (tmp_path / "keywords.robot").write_text(f"*** Settings ***\nLibrary    {FAKE.with_name('renode_keywords.py')}\n")
    testdata = Path(shutil.copytree(project / "testdata", tmp_path / "testdata"))
    if is_spoilt:
        (testdata / "0001_output_0.bin").write_bytes(bytes(32))
    variables = {
        "RENODEKEYWORDS": tmp_path / "keywords.robot",
        "BIN": built.build.elf,
        "TESTDATA": testdata,
    }
    given = [word for name, value in variables.items() for word in ("--variable", f"{name}:{value}")]
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "robot",
            "--output",
            "NONE",
            "--log",
            "NONE",
            "--report",
            "NONE",
            *given,
            project / "renode",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode == 0) != is_spoilt, done.stdout + done.stderr
    if is_spoilt:
        assert "vector 1, output 0:" in done.stdout


REAL = shutil.which(os.environ.get("SAPMCU_RENODE", "renode"))


@pytest.mark.skipif(REAL is None, reason="Renode is in no package registry: tested where somebody installed it")
@pytest.mark.parametrize("board", ["mps2_an386", "nucleo_h743zi2", "nucleo_f446re", "rpi_pico", "arduino_nano33ble"])
def test_in_renode_itself(tmp_path: Path, board: str) -> None:
    project = with_renode(write_converted(tmp_path, board), board)
    done = run_project(project, "renode")
    assert done.outputs_equal is True
    unicorn = run_project(project, "unicorn").measurement.instructions
    assert done.measurement.instructions == unicorn
