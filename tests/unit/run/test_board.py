# SPDX-License-Identifier: Apache-2.0
"""A board at a serial port: the device's C at the far end of a pseudo-terminal, on lines of all kinds."""

from __future__ import annotations

import fcntl
import os
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import Popen

import pytest
from device_program import ROW_MODEL, compile_device, needs_gcc, row_sum
from native_project import BYTES, SHA256, added, model_source
from serial_peer import Line, Peer, Terminal

from sapmcu.errors import ToolError
from sapmcu.ir.vectors import Vector
from sapmcu.run import board as module
from sapmcu.run.board import BoardSession, Expected
from sapmcu.run.protocol import END, Command, DeviceError, Status, encode, encode_request
from sapmcu.run.serial_port import SerialStream, only_port

EXPECTED = Expected(SHA256.hex(), "host_board")
BAUD = 115_200
DATA = bytes([END, 0xDB, 0xDC, 0xDD, *range(BYTES - 4)])
VECTOR = Vector((DATA,), (added(DATA, 8), added(DATA, 3)))


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compile_device(tmp_path_factory.mktemp("device"), model_source())


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits as they are for a faster line."""
    monkeypatch.setattr(module, "REPLY_S", 0.3)
    monkeypatch.setattr(module, "BITS_PER_BYTE", 0.5)
    monkeypatch.setattr(module, "QUIET_S", 0.05)
    monkeypatch.setattr(module, "DRAIN_S", 0.2)


def board_at(peer: Terminal, expected: Expected = EXPECTED) -> BoardSession:
    return BoardSession(peer.name, BAUD, expected, run_s=0.5)


@needs_gcc
def test_a_board_runs_vectors_and_counts_its_runs(program: Path) -> None:
    with Peer([str(program)]) as peer, board_at(peer) as session:
        assert (session.identity.model, session.identity.board) == ("adder", "host_board")
        outputs, counters = session.invoke(VECTOR)
        assert outputs == VECTOR.outputs and counters.runs == 2  # the first run after a start is done twice
        assert session.invoke(VECTOR)[1].runs == 3


def nth(number: int, change: Line) -> Line:
    """A line that does something to what comes at its n-th turn."""
    turns = iter(range(1 << 30))

    def line(data: bytes) -> bytes:
        return change(data) if next(turns) == number else data

    return line


DISTURBANCES: dict[str, Line] = {
    "lost": lambda data: b"",
    "its last byte lost": lambda data: data[:-1],
    "its first byte lost": lambda data: data[1:],
    "a bit flipped": lambda data: data[:3] + bytes([data[3] ^ 4]) + data[4:],
    "cut short": lambda data: data[: len(data) // 2],
    "twice": lambda data: data + data,
    "behind garbage": lambda data: b"\x55\xaa garbage \xdb\x00" + data,
    "before text": lambda data: data + b"warning: hot\r\n",
    "between END": lambda data: bytes([END] * 5) + data + bytes([END] * 5),
}


@needs_gcc
@pytest.mark.parametrize("what", DISTURBANCES)
@pytest.mark.parametrize("to_device", [True, False], ids=["request", "reply"])
def test_one_disturbance_anywhere_changes_no_result(program: Path, what: str, to_device: bool) -> None:
    """Who it is, counters, the input, the run, an output; the run that counts."""
    for number in (0, 1, 3, 4, 5, 8):
        line = nth(number, DISTURBANCES[what])
        lines = {"to_device": line} if to_device else {"to_host": line}
        with Peer([str(program)], **lines) as peer, board_at(peer) as session:
            assert session.invoke(VECTOR)[0] == VECTOR.outputs, number


@pytest.fixture(scope="module")
def rows_program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compile_device(tmp_path_factory.mktemp("rows"), ROW_MODEL)


@needs_gcc
@pytest.mark.parametrize("what", ["lost", "a bit flipped", "twice"])
@pytest.mark.parametrize("to_device", [True, False], ids=["request", "reply"])
def test_rows_that_are_disturbed_come_again(rows_program: Path, what: str, to_device: bool) -> None:
    """The last question for a row, asked twice, begins a new run over the outputs of the last: that is noticed."""
    vector = Vector((DATA,), (row_sum(DATA),))
    for number in (15, 16, 17, 20, 25, 26, 27):  # of the run that counts: its start, rows, the end, the output
        line = nth(number, DISTURBANCES[what])
        lines = {"to_device": line} if to_device else {"to_host": line}
        with Peer([str(rows_program)], **lines) as peer, board_at(peer, Expected("00" * 32, "host_board")) as session:
            assert session.invoke(vector)[0] == vector.outputs, number


@needs_gcc
@pytest.mark.parametrize("seed", range(6))
def test_a_bad_line_gives_right_results_or_none(program: Path, seed: int) -> None:
    """It drops, flips, doubles and adds bytes, a little more with each seed."""
    draw = random.Random(seed)

    def bad(data: bytes) -> bytes:
        out = bytearray()
        for byte in data:
            kind = draw.random() / (0.0001 * (1 + seed) ** 2)
            out += {0: b"", 1: bytes([byte ^ 1 << draw.randrange(8)]), 2: bytes([byte] * 2)}.get(
                int(kind), bytes([byte])
            )
            out += b"\xc0" if 3 < kind < 3.2 else b""
        return bytes(out)

    right = 0
    with Peer([str(program)], bad, bad) as peer:
        try:
            with board_at(peer) as session:
                for _ in range(10):
                    assert session.invoke(VECTOR)[0] == VECTOR.outputs
                    right += 1
        except ToolError as error:
            assert error.exit_code == 3 and seed > 0
    assert right == 10 or seed > 0


@needs_gcc
def test_a_line_that_doubles_everything_is_refused(program: Path) -> None:
    with (
        Peer([str(program)], lambda data: data + data) as peer,
        board_at(peer) as session,
        pytest.raises(ToolError) as caught,
    ):
        session.invoke(VECTOR)
    assert "too bad: 4 attempts" in caught.value.message
    assert caught.value.details == ("the board started again or ran twice: it counts 3 runs, not 2",) or any(
        "twice" in line for line in caught.value.details
    )


@needs_gcc
def test_a_slow_line_is_waited_for(program: Path) -> None:
    def slow(data: bytes) -> bytes:
        time.sleep(0.05)
        return data

    with Peer([str(program)], slow, slow) as peer, board_at(peer) as session:
        assert session.invoke(VECTOR)[0] == VECTOR.outputs


@needs_gcc
def test_a_board_that_starts_again_in_mid_run_is_noticed(program: Path) -> None:
    """The run that follows its start would be one of an empty input."""
    peer = Peer([str(program)])

    def restart(data: bytes) -> bytes:
        if data[1:2] == bytes([Command.RUN]):
            turns.append(data)
            if len(turns) == 2:  # the first run that counts
                return data + encode_request(Command.READ_COUNTERS, 9) + data
        return data

    turns: list[bytes] = []
    peer._lines = restart, peer._lines[1]
    with peer, board_at(peer) as session:
        assert session.invoke(VECTOR)[0] == VECTOR.outputs
        assert len(turns) == 3


@needs_gcc
@pytest.mark.parametrize("frames", range(1, 9))
def test_unplugging_in_mid_transfer_is_said(program: Path, frames: int) -> None:
    left = [frames]

    def cut(data: bytes) -> bytes:
        left[0] -= 1
        if left[0] == 0:
            threading.Thread(target=peer.unplug).start()
            return data[: len(data) // 2]
        return data

    peer = Peer([str(program)], cut)
    with peer, pytest.raises(ToolError, match="is gone: the board was unplugged") as caught, board_at(peer) as session:
        session.invoke(VECTOR)
    assert caught.value.exit_code == 3 and "connect it" in (caught.value.hint or "")


@needs_gcc
def test_a_run_that_takes_too_long_names_the_option(tmp_path: Path) -> None:
    source = model_source().replace("SAPMCU_END_OP(0);", "for (volatile long i = 1; i; ++i) {\n}\n")
    hung = compile_device(tmp_path, source)
    begin = time.monotonic()
    with (
        Peer([str(hung)]) as peer,
        board_at(peer) as session,
        pytest.raises(ToolError, match=r"no reply to run in 0\.\d+ s") as caught,
    ):
        session.invoke(VECTOR)
    assert "--timeout" in (caught.value.hint or "") and time.monotonic() - begin < 10


@needs_gcc
@pytest.mark.parametrize(
    ("expected", "message"),
    [
        (Expected("00" * 32, "host_board"), "is of another model: adder"),
        (Expected(SHA256.hex(), "rpi_pico"), "is for host_board, the project for rpi_pico"),
    ],
)
def test_another_firmware_is_refused(program: Path, expected: Expected, message: str) -> None:
    with Peer([str(program)]) as peer, pytest.raises(ToolError, match=message) as caught:
        board_at(peer, expected)
    assert "sapmcu flash" in (caught.value.hint or "")


class Babbler(Terminal):
    """Says the same again and again."""

    def __init__(self, text: bytes) -> None:
        super().__init__()
        self._text = text
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._babble)
        self._thread.start()

    def _babble(self) -> None:
        while not self._ends.wait(0.01):
            self.send(self._text)
            self.receive(0)

    def unplug(self) -> None:
        self._ends.set()
        self._thread.join()
        super().unplug()


SAYINGS = {
    b"": ("nothing answers at", (), "sapmcu flash DIR"),
    b"Zephyr 3.7: hello\r\n": ("is no reply", ("Zephyr 3.7: hello",), "another firmware"),
    b"\x00\xf8\x86\xff\xe0\x00\x98": ("is no reply", (), "another baud rate"),
    b"\x00\xf8\xc0\x86\xff\xc0": ("is no reply", (), "another baud rate"),
    encode(bytes([Status.OK, 200, 77, 0, 0, 0, 0, 0])): ("is no reply", (), "another firmware"),
}


@pytest.mark.parametrize("saying", SAYINGS)
def test_what_is_no_device_is_described(saying: bytes) -> None:
    message, details, hint = SAYINGS[saying]
    begin = time.monotonic()
    with Babbler(saying) as peer, pytest.raises(ToolError, match=message) as caught:
        board_at(peer)
    assert caught.value.exit_code == 3 and hint in (caught.value.hint or "")
    assert set(details) <= set(caught.value.details)
    assert time.monotonic() - begin < 8


@contextmanager
def other_program(port: str) -> Iterator[str]:
    """One that has the port open, without a lock."""
    with Path(port).open("rb", buffering=0) as file, Popen(["sleep", "60"], stdin=file) as process:
        try:
            yield f"sleep (process {process.pid}) has {port} open, too: end it"
        finally:
            process.kill()


@pytest.mark.needs("sleep")
@pytest.mark.parametrize("saying", [b"", b"Zephyr 3.7: hello\r\n"])
def test_a_program_that_reads_the_same_port_is_named(saying: bytes) -> None:
    with Babbler(saying) as peer, other_program(peer.name) as named, pytest.raises(ToolError) as caught:
        board_at(peer)
    assert named in caught.value.details


@needs_gcc
@pytest.mark.needs("sleep")
def test_it_is_named_where_the_line_is_too_bad(program: Path) -> None:
    with (
        Peer([str(program)], lambda data: data + data) as peer,
        board_at(peer) as session,
        other_program(peer.name) as named,
        pytest.raises(ToolError, match="too bad: 4 attempts") as caught,
    ):
        session.invoke(VECTOR)
    assert caught.value.details[-1] == named


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    with Terminal() as one:
        yield one


def test_a_port_that_is_not_there_lists_those_that_are(monkeypatch: pytest.MonkeyPatch) -> None:
    from serial.tools import list_ports, list_ports_common

    board = list_ports_common.ListPortInfo("/dev/ttyACM7")
    board.description, board.serial_number, board.hwid = "STLINK-V3", "0669FF", "USB VID:PID=0483:374E"
    monkeypatch.setattr(list_ports, "comports", lambda: [list_ports_common.ListPortInfo("/dev/ttyS0"), board])
    with pytest.raises(ToolError, match="there is no port /dev/ttyACM9") as caught:
        SerialStream("/dev/ttyACM9", BAUD)
    assert caught.value.details == ("/dev/ttyACM7: STLINK-V3, serial number 0669FF",)
    assert only_port() == "/dev/ttyACM7"
    monkeypatch.setattr(list_ports, "comports", list)
    with pytest.raises(ToolError, match="no serial port is there"):
        only_port()
    monkeypatch.setattr(list_ports, "comports", lambda: [board, board])
    with pytest.raises(ToolError, match="2 serial ports are there") as caught:
        only_port()
    assert "--port" in (caught.value.hint or "")


def test_a_port_in_use_is_said_with_who_uses_it(terminal: Terminal) -> None:
    other = os.open(terminal.name, os.O_RDWR | os.O_NOCTTY)
    try:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(ToolError, match=f"{terminal.name} is in use by") as caught:
            SerialStream(terminal.name, BAUD)
    finally:
        os.close(other)
    assert "serial monitor" in (caught.value.hint or "")


def test_a_port_without_permission_names_the_group(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests may run as root, who may do anything."""

    def refuse(*_: object, **__: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(ToolError, match="you have no permission to use") as caught:
        SerialStream(terminal.name, BAUD)
    assert "sudo usermod -aG" in (caught.value.hint or "") and "log in again" in (caught.value.hint or "")


@pytest.mark.parametrize("kind", ["file", "directory"])
def test_what_is_no_serial_port_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path
    if kind == "file":
        path = tmp_path / "port"
        path.write_bytes(b"")
    with pytest.raises(ToolError, match="is no serial port"):
        SerialStream(str(path), BAUD)


@pytest.mark.parametrize("baud", [1 << 31, 99_999_999_999])
def test_a_rate_beyond_all_ports_is_blamed_and_not_the_port(terminal: Terminal, baud: int) -> None:
    with pytest.raises(ToolError, match=f"no serial port takes {baud:,} baud") as caught:
        SerialStream(terminal.name, baud)
    assert "--baud" in (caught.value.hint or "")


def test_a_lost_device_error_is_one_of_a_tool(terminal: Terminal) -> None:
    stream = SerialStream(terminal.name, BAUD)
    terminal.unplug()
    with pytest.raises(DeviceError, match="is gone"):
        stream.read(1)
    with pytest.raises(DeviceError, match="is gone"):
        stream.write(b"x")
    stream.close()
