# SPDX-License-Identifier: Apache-2.0
"""The device protocol through a UART in QEMU: the code that boards run drives it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from command import sapmcu
from native_project import BYTES, added, model_source, write_graph_project, write_native_project
from small_graphs import residual
from strategies import varied_inputs

from sapmcu.boards.board import load_board
from sapmcu.build.firmware import build_firmware
from sapmcu.build.project import load_project
from sapmcu.emulation import build_project, default_emulator, run_project, test_project
from sapmcu.errors import UserError
from sapmcu.ir.build import Link
from sapmcu.run.protocol import END, ESC, Command, Device, DeviceError, encode_request
from sapmcu.run.session import Firmware, Session, start, target_of, test_vectors
from sapmcu.vectors import load_vectors

pytestmark = pytest.mark.needs("arm-none-eabi-gcc", "qemu-system-arm")
MACHINES = (
    *("mps2_an385", "mps2_an386", "mps2_an500", "mps2_an505", "mps3_an547"),
    *("netduinoplus2", "bbc_microbit", "nucleo_h743zi2"),
)
"""Boards that QEMU has, and one that a machine stands in for."""
GARBAGE = (
    b"\x00\x01\xff noise",
    bytes([END, ESC, 0x00, END]),
    encode_request(Command.RUN, 7, b"\xff\xff\xff\xff")[:9],
    encode_request(Command.WRITE_INPUT, 8, bytes(40))[1:-1].replace(b"\x00", b"\x01", 1),
    bytes(300),
)


def adder(directory: Path, board: str, model: str | None = None) -> Firmware:
    write_native_project(directory, board, model)
    build = build_firmware(directory, "gcc", target=target_of("qemu", Link.UART))
    return Firmware(load_project(directory / "firmware"), build)


def check_adder(device: Device, data: bytes) -> None:
    device.write_input(0, data)
    device.run()
    assert (device.read_output(0, BYTES), device.read_output(1, BYTES)) == (added(data, 8), added(data, 3))


def send(session: Session, data: bytes) -> None:
    session.device._stream.write(data)


@pytest.mark.parametrize("board", MACHINES)
def test_a_device_answers_through_its_uart_and_recovers_from_garbage(tmp_path: Path, board: str) -> None:
    with start(adder(tmp_path, board), "qemu") as session:
        send(session, b"typed by hand\r\n")
        assert session.device.identify().core == load_project(tmp_path / "firmware").core
        check_adder(session.device, bytes(range(200, 200 + BYTES)))
        for garbage in GARBAGE:
            send(session, garbage)
            check_adder(session.device, bytes([END, ESC, 0xDC, 0xDD]) * 12)
        assert session.device.read_counters().runs == 1 + len(GARBAGE)


@pytest.mark.parametrize("board", MACHINES)
def test_all_vectors_of_a_network_are_equal_through_the_uart(tmp_path: Path, board: str) -> None:
    graph = residual()
    write_graph_project(tmp_path, board, graph, varied_inputs(graph, np.random.default_rng(1)))
    built = build_project(tmp_path, "qemu", "gcc", link=Link.UART)
    done = test_vectors(built, "qemu", load_vectors(tmp_path))
    assert len(done.results) >= 3 and done.first_difference is None


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `sapmcu convert` writes for a board that QEMU lacks."""
    graph, directory = residual(), tmp_path_factory.mktemp("project")
    return write_graph_project(directory, "nucleo_f446re", graph, varied_inputs(graph, np.random.default_rng(1)))


def test_run_and_test_take_qemu_for_a_uart(project: Path) -> None:
    assert default_emulator(project, link=Link.UART) == "qemu"
    done = test_project(project, link=Link.UART)
    assert done.emulator == "qemu" and done.first_difference is None
    with pytest.raises(UserError, match="unicorn models no UART"):
        run_project(project, "unicorn", link=Link.UART)


def test_the_command_line_takes_a_link(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    done = sapmcu(capsys, monkeypatch, "run", project, "--link", "uart", "--json")
    assert (done.code, json.loads(done.out)["outputs_equal"]) == (0, True), done.err
    for link, target in ((), "uart"), (("--link", "semihosting"), "board"), (("--link", "uart"), "uart"):
        done = sapmcu(capsys, monkeypatch, "build", project, *link, "--json")
        assert (done.code, json.loads(done.out)["target"]) == (0, target), done.err
    done = sapmcu(capsys, monkeypatch, "test", project, "--link", "uart", "--emulator", "unicorn")
    assert done.code == 1 and done.err.startswith("error: unicorn models no UART\nhint: ")


def test_both_links_count_the_same_instructions(project: Path) -> None:
    uart, semihosting = (run_project(project, "qemu", link=link).measurement for link in (Link.UART, Link.SEMIHOSTING))
    assert uart.instructions is not None
    assert uart.instructions == semihosting.instructions and uart.stack_bytes == semihosting.stack_bytes


def test_a_fault_is_told_through_the_uart_and_the_board_starts_again(tmp_path: Path) -> None:
    """QEMU ends where a board would start again."""
    source = model_source().replace("SAPMCU_END_OP(0);", '__asm__ volatile("udf #0");')
    with start(adder(tmp_path, "nucleo_f446re", source), "qemu") as session:
        check = session.device.identify()
        with pytest.raises(DeviceError, match="the device ended") as caught:
            session.device.run()
    assert check.model == "adder" and "unexpected exception 03" in caught.value.details


def test_text_between_frames_is_skipped(tmp_path: Path) -> None:
    source = model_source().replace("SAPMCU_END_OP(1);", 'sapmcu_port_write("op 1 done\\n", 10);')
    source = source.replace("#include", '#include "sapmcu/port.h"\n#include', 1)
    with start(adder(tmp_path, "mps2_an386", source), "qemu") as session:
        check_adder(session.device, bytes(BYTES))
        check_adder(session.device, bytes(range(BYTES)))
        assert session.device._reader.text() == ("op 1 done", "op 1 done")


def test_a_board_without_a_known_uart_says_so(tmp_path: Path) -> None:
    board = load_board("nucleo_f446re")
    assert board.uart is not None
    write_native_project(tmp_path, replace(board, uart=replace(board.uart, port=None)))
    assert build_project(tmp_path).build.target == "board"
    with pytest.raises(UserError, match="no firmware with the UART of nucleo_f446re"):
        build_project(tmp_path, link=Link.UART)
    assert build_project(tmp_path, "qemu", link=Link.UART).build.target == "qemu-uart"
