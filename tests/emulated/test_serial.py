# SPDX-License-Identifier: Apache-2.0
"""`sapmcu run` and `test --port`: real firmware with its UART driver in QEMU, at the far end of a pseudo-terminal."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen

import numpy as np
import pytest
from command import sapmcu
from native_project import write_graph_project
from small_graphs import residual
from strategies import varied_inputs

from sapmcu.emulation import build_project
from sapmcu.errors import ToolError
from sapmcu.ir.build import Link
from sapmcu.ir.firmware import target_name
from sapmcu.on_board import SerialPort, run_on_board, test_on_board

pytestmark = pytest.mark.needs("arm-none-eabi-gcc", "qemu-system-arm", "serial")
BOARDS = ("nucleo_f446re", "netduinoplus2", "mps3_an547")
"""A board that a machine stands in for, one that QEMU has, and a Cortex-M55."""


@contextmanager
def powered(elf: Path, machine: str) -> Iterator[str]:
    """A firmware that runs already when its port is opened, as on a board."""
    command = ["qemu-system-arm", "-machine", machine, "-nographic", "-monitor", "none", "-serial", "pty"]
    with Popen([*command, "-kernel", str(elf)], stdout=PIPE, stderr=DEVNULL, text=True) as process:
        assert process.stdout is not None
        said = re.search(r"redirected to (\S+)", process.stdout.readline())
        assert said is not None
        yield said[1]
        process.kill()


def write(directory: Path, board: str, patch: dict[str, str] | None = None) -> Path:
    graph = residual()
    return write_graph_project(directory, board, graph, varied_inputs(graph, np.random.default_rng(1)), patch)


def power(project: Path) -> tuple[Path, str]:
    """(ELF, machine)"""
    built = build_project(project, "qemu", "gcc", link=Link.UART)
    return built.build.elf, built.project.targets[target_name("qemu", Link.UART)].machine


@pytest.mark.parametrize("board", BOARDS)
def test_all_vectors_are_equal_at_a_serial_port(tmp_path: Path, board: str) -> None:
    project = write(tmp_path, board)
    with powered(*power(project)) as port:
        for _ in range(2):  # the port may be opened again and again
            done = test_on_board(project, SerialPort(port, run_s=20))
            assert len(done.results) >= 3 and done.first_difference is None
            assert (done.emulator, done.port, done.identity.board) == (None, port, board)
        run = run_on_board(project, SerialPort(port, run_s=20))
    assert run.outputs_equal is True and run.stack_bytes > 0
    assert run.clock_hz is not None


def test_the_command_line_takes_a_port(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    project = write(tmp_path, "nucleo_f446re")
    junit = tmp_path / "report.xml"
    with powered(*power(project)) as port:
        done = sapmcu(capsys, monkeypatch, "run", project, "--port", port)
        assert done.code == 0 and f"one inference on cortex-m4 at {port}" in done.out, done.err
        done = sapmcu(capsys, monkeypatch, "run", project, "--port", port, "--json")
        said = json.loads(done.out)
        assert (said["outputs_equal"], said["emulator"], said["port"]) == (True, None, port)
        done = sapmcu(capsys, monkeypatch, "test", project, "--port", port, "--junit", junit)
        assert done.code == 0 and "vectors equal in every byte" in done.out
        assert f"at {port}" in junit.read_text()
    done = sapmcu(capsys, monkeypatch, "run", project, "--port", "/dev/ttyACM99")
    assert done.code == 3 and done.err.startswith("error: there is no port /dev/ttyACM99\n")
    done = sapmcu(capsys, monkeypatch, "test", project, "--port", "/dev/ttyACM99", "--emulator", "qemu")
    assert done.code == 2 and "--port runs the firmware that is flashed" in done.err


def test_a_wrong_byte_on_the_board_names_the_op(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    project = write(tmp_path, "nucleo_f446re")
    vectors = sorted((project / "testdata").glob("0000_output*"))
    elf, machine = power(project)
    data = bytearray(vectors[0].read_bytes())
    data[1] ^= 1
    vectors[0].write_bytes(data)
    with powered(elf, machine) as port:
        done = sapmcu(capsys, monkeypatch, "test", project, "--port", port, "--json")
    assert done.code == 1 and "differ from those in testdata" in done.err
    (difference,) = json.loads(done.out)["differences"]
    assert (difference["vector"], difference["index"]) == (0, 1)


def test_a_firmware_of_another_project_is_refused(tmp_path: Path) -> None:
    one, other = write(tmp_path / "one", "nucleo_f446re"), write(tmp_path / "other", "nucleo_l4r5zi")
    with powered(*power(one)) as port:
        with pytest.raises(ToolError, match="is for nucleo_f446re, the project for nucleo_l4r5zi"):
            run_on_board(other, SerialPort(port))
        (one / "model.tflite").write_bytes(b"another")
        with pytest.raises(ToolError, match="is of another model: residual") as caught:
            run_on_board(one, SerialPort(port))
    assert caught.value.exit_code == 3


def test_a_fault_on_the_board_is_told_when_it_starts_again(tmp_path: Path) -> None:
    project = write(tmp_path, "nucleo_f446re", {"    END_OP(0);": '__asm__ volatile("udf #0");'})
    begin = time.monotonic()
    with powered(*power(project)) as port:
        with pytest.raises(ToolError, match=f"the firmware at {port} failed and started again, by HardFault") as caught:
            run_on_board(project, SerialPort(port, run_s=60))
        details = "\n".join(caught.value.details)
    assert "unexpected exception 03" in details
    assert re.search(r"at \w+ \(sapmcu_residual\.c:\d+\), if native-gcc-qemu-uart is what is flashed", details)
    assert time.monotonic() - begin < 40


def test_the_fixture_of_pytest_takes_a_port(tmp_path: Path) -> None:
    project = write(tmp_path / "project", "nucleo_f446re")
    (tmp_path / "test_user.py").write_text("def test_model(sapmcu_device):\n    sapmcu_device.run()\n")
    plugin = ("-p", "no:sapmcu", "-p", "sapmcu.pytest_plugin", "-p", "no:cacheprovider", "--rootdir", str(tmp_path))
    with powered(*power(project)) as port:
        command = [sys.executable, "-m", "pytest", *plugin, "--sapmcu-project", "project", "--sapmcu-port", port]
        done = subprocess.run([*command, "test_user.py"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "1 passed" in done.stdout, done.stdout + done.stderr
