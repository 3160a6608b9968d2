# SPDX-License-Identifier: Apache-2.0
"""The text of a board, between frames and over its life."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from serial_peer import Terminal

from sapmcu.errors import ToolError
from sapmcu.run import monitor as module
from sapmcu.run.log_text import LogText
from sapmcu.run.monitor import watch
from sapmcu.run.protocol import END, HEADER, Status, encode

REPLY = encode(HEADER.pack(Status.OK, 7, 4, 0, 13) + b"some outputs!")


def text_of(*parts: bytes) -> str:
    log = LogText()
    return "".join(map(log.feed, parts)) + log.flush()


def test_text_between_frames_comes_and_frames_stay_out() -> None:
    assert text_of(b"start\r\n", bytes([END]), REPLY, REPLY, b"hot: 71 \xc2\xb0C\n", REPLY) == "start\r\nhot: 71 °C\n"


@given(st.lists(st.integers(0, 60), max_size=8))
def test_it_does_not_matter_how_the_bytes_arrive(cuts: list[int]) -> None:
    data = b"one\n" + REPLY + b"two\n" + REPLY + b"three\n"
    parts, start = [], 0
    for cut in cuts:
        parts.append(data[start : start + cut])
        start += cut
    assert text_of(*parts, data[start:]) == "one\ntwo\nthree\n"


def test_a_fault_in_the_middle_of_a_frame_is_shown() -> None:
    assert text_of(REPLY[:9], b"unexpected exception 03\n", bytes([END]), b"up\n") == "unexpected exception 03\nup\n"
    assert "lost its end\n" in text_of(b"\xc0\x00\x01" + b"lost its end\n")


@given(st.binary(max_size=400))
def test_garbage_is_no_error(data: bytes) -> None:
    text_of(data[:100], data[100:])


@pytest.fixture
def port(tmp_path: Path) -> Iterator[tuple[Path, Terminal]]:
    """A port whose name stays when the board is connected again."""
    with Terminal() as terminal:
        path = tmp_path / "ttyACM0"
        path.symlink_to(terminal.name)
        yield path, terminal


def test_a_board_that_is_connected_again_is_heard_again(
    port: tuple[Path, Terminal], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RETRY_S", 0.05)
    path, first = port
    notes: list[str] = []
    heard = watch(str(path), 115_200, notes.append)
    threading.Timer(0.2, first.send, (b"first\n",)).start()
    assert next(heard) == "first\n"
    first.unplug()
    with Terminal() as second:

        def connect() -> None:
            time.sleep(0.3)
            path.unlink()
            path.symlink_to(second.name)
            time.sleep(0.5)
            second.send(b"second\n")

        threading.Thread(target=connect).start()
        assert next(heard) == "second\n"
        heard.close()
    assert notes == [f"{path}, 115,200 baud; Ctrl-C ends", f"{path} is gone", f"{path} is there again"]


def test_a_port_that_is_not_there_at_first_is_an_error() -> None:
    with pytest.raises(ToolError, match="there is no port /dev/ttyACM99"):
        next(watch("/dev/ttyACM99", 115_200, lambda _: None))


MAIN = """\
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from sapmcu.cli import main
main()
"""
"""sapmcu where an interrupt ends it, though whoever runs the tests ignores interrupts, as a shell's background does."""


def test_the_command_prints_until_it_is_interrupted(port: tuple[Path, Terminal]) -> None:
    path, terminal = port
    command = [sys.executable, "-c", MAIN, "monitor", "--port", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ) as process:
        assert process.stdout is not None and process.stderr is not None
        assert b"Ctrl-C ends" in process.stderr.readline()
        terminal.send(b"hello\n" + REPLY + b"again\n")
        assert process.stdout.readline() == b"hello\n" and process.stdout.readline() == b"again\n"
        process.send_signal(signal.SIGINT)
        try:
            assert process.wait(10) == 130
        finally:
            process.kill()
