# SPDX-License-Identifier: Apache-2.0
"""The device protocol: the host's Python against the device's C, compiled for this host with sanitizers."""

from __future__ import annotations

import subprocess
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from device_program import ROW, ROW_MODEL, compile_device, needs_gcc, row_sum
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from native_project import BYTES, SHA256, added, model_source

from sapmcu.run.process import ProcessStream
from sapmcu.run.protocol import (
    CHUNK_BYTES,
    END,
    ESC,
    HEADER,
    Command,
    Device,
    DeviceError,
    FrameReader,
    Reply,
    Status,
    decode_reply,
    encode,
    encode_request,
)

X = bytes(range(200, 200 + BYTES))
TIMEOUT_S = 20.0


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compile_device(tmp_path_factory.mktemp("device"), model_source())


@pytest.fixture
def stream(program: Path) -> Iterator[ProcessStream]:
    stream = ProcessStream([str(program)], TIMEOUT_S)
    yield stream
    stream.close()


@needs_gcc
def test_a_device_says_what_it_is(stream: ProcessStream) -> None:
    identity = Device(stream).identify()
    assert (identity.engine, identity.core, identity.build, identity.model) == ("native", "host", "gcc", "adder")
    assert identity.sha256 == SHA256.hex()
    assert (identity.input_bytes, identity.output_bytes) == ((BYTES,), (BYTES, BYTES))
    assert (identity.arena_bytes, identity.op_count, identity.model_count) == (96, 2, 1)


@needs_gcc
def test_inputs_go_in_and_outputs_come_out(stream: ProcessStream) -> None:
    device = Device(stream)
    for data in (X, bytes([END, ESC, 0xDC, 0xDD]) * 12):
        device.write_input(0, data)
        device.run()
        assert (device.read_output(0, BYTES), device.read_output(1, BYTES)) == (added(data, 8), added(data, 3))
    assert device.read_output(0, 5, offset=40) == added(data, 8)[40:45]
    assert device.read_counters().runs == 2


@needs_gcc
def test_a_run_stops_behind_an_op(stream: ProcessStream) -> None:
    device = Device(stream)
    device.write_input(0, X)
    device.run(1)
    assert device.read_arena(0, 96) == X + added(X, 3)
    device.run(0)
    with pytest.raises(DeviceError, match="no such model, tensor or range") as caught:
        device.run(3)
    assert caught.value.status is Status.BAD_ARGUMENT


@needs_gcc
@pytest.mark.parametrize(
    ("command", "payload", "model", "status"),
    [
        (0, b"", 0, Status.NO_COMMAND),
        (9, b"", 0, Status.NO_COMMAND),
        (255, b"x" * 100, 0, Status.NO_COMMAND),
        (Command.IDENTIFY, b"x", 0, Status.BAD_SIZE),
        (Command.IDENTIFY, b"", 1, Status.BAD_ARGUMENT),
        (Command.WRITE_INPUT, b"1234567", 0, Status.BAD_SIZE),
        (Command.WRITE_INPUT, bytes([1, 0, 0, 0, 0, 0, 0, 0, 9]), 0, Status.BAD_ARGUMENT),
        (Command.WRITE_INPUT, bytes(8 + 49), 0, Status.BAD_ARGUMENT),
        (Command.WRITE_INPUT, bytes([0, 0, 0, 0, 48, 0, 0, 0, 9]), 0, Status.BAD_ARGUMENT),
        (Command.WRITE_INPUT, bytes([0, 0, 0, 0, 255, 255, 255, 255, 9]), 0, Status.BAD_ARGUMENT),
        (Command.WRITE_INPUT, bytes(8 + 48), 200, Status.BAD_ARGUMENT),
        (Command.RUN, b"", 0, Status.BAD_SIZE),
        (Command.READ_OUTPUT, bytes([2, 0, 0, 0] + [0] * 8), 0, Status.BAD_ARGUMENT),
        (Command.READ_OUTPUT, bytes([0, 0, 0, 0, 1, 0, 0, 0, 48, 0, 0, 0]), 0, Status.BAD_ARGUMENT),
        (Command.READ_ARENA, bytes([0, 0, 0, 0, 97, 0, 0, 0]), 0, Status.BAD_ARGUMENT),
        (Command.READ_ARENA, bytes([255] * 8), 0, Status.BAD_ARGUMENT),
        (Command.READ_COUNTERS, b"1234", 0, Status.BAD_SIZE),
        (Command.NEXT_ROW, b"1234", 0, Status.BAD_SIZE),
        (Command.NEXT_ROW, b"", 0, Status.UNSUPPORTED),
    ],
)
def test_a_wrong_request_gets_its_error_and_changes_nothing(
    stream: ProcessStream, command: int, payload: bytes, model: int, status: Status
) -> None:
    device = Device(stream)
    device.write_input(0, X)
    stream.write(encode_request(command, 77, payload, model))
    assert next(iter(FrameReader().feed(stream.read()))) == Reply(status, 77, command, b"")
    assert device.read_arena(0, BYTES) == X


@pytest.fixture(scope="module")
def rows_program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compile_device(tmp_path_factory.mktemp("rows"), ROW_MODEL)


@pytest.fixture
def by_rows(rows_program: Path) -> Iterator[Device]:
    stream = ProcessStream([str(rows_program)], TIMEOUT_S)
    yield Device(stream)
    stream.close()


@needs_gcc
def test_rows_go_in_as_the_model_asks_for_them(by_rows: Device) -> None:
    assert by_rows.takes_rows()
    for data in (X, bytes(range(BYTES))):
        by_rows.run_by_rows([data])
        assert by_rows.read_output(0, ROW) == row_sum(data)
    assert by_rows.read_counters().runs == 2
    assert by_rows.identify().op_count == 0


@needs_gcc
def test_a_run_begins_again_in_the_middle(by_rows: Device) -> None:
    assert by_rows.next_row() == (0, 0, ROW)
    by_rows.write_input(0, X[:ROW])
    assert by_rows.next_row() == by_rows.next_row() == (0, ROW, ROW)
    by_rows.run_by_rows([X])
    assert by_rows.read_output(0, ROW) == row_sum(X)


@needs_gcc
@pytest.mark.parametrize(("offset", "length"), [(0, 11), (0, 13), (1, 12), (12, 12), (0, 24)])
def test_only_the_row_that_is_asked_for_is_taken(by_rows: Device, offset: int, length: int) -> None:
    with pytest.raises(DeviceError) as caught:
        by_rows.write_input(0, X[:ROW])  # before it is asked for
    assert caught.value.status is Status.BAD_ARGUMENT
    assert by_rows.next_row() == (0, 0, ROW)
    with pytest.raises(DeviceError) as caught:
        by_rows.write_input(0, bytes(length), offset)
    assert caught.value.status is Status.BAD_ARGUMENT
    by_rows.write_input(0, X[:ROW])
    with pytest.raises(DeviceError):
        by_rows.write_input(0, X[:ROW])  # twice
    assert by_rows.next_row() == (0, ROW, ROW)


@needs_gcc
def test_an_error_of_the_engine_comes_with_its_number(tmp_path: Path) -> None:
    stream = ProcessStream([str(compile_device(tmp_path, model_source(fails_with=42)))], TIMEOUT_S)
    try:
        with pytest.raises(DeviceError, match="the engine failed with 42"):
            Device(stream).run()
    finally:
        stream.close()


@needs_gcc
def test_a_firmware_that_cannot_stop_behind_ops_says_so(tmp_path: Path) -> None:
    without = (
        model_source()
        .replace(".invoke_ops = invoke_ops,", "")
        .replace("static int invoke_ops", "__attribute__((unused)) static int invoke_ops")
    )
    stream = ProcessStream([str(compile_device(tmp_path, without))], TIMEOUT_S)
    try:
        assert Device(stream).identify().op_count == 0
        with pytest.raises(DeviceError) as caught:
            Device(stream).run(1)
        assert caught.value.status is Status.UNSUPPORTED
    finally:
        stream.close()


@needs_gcc
def test_the_device_ends_with_its_host(program: Path) -> None:
    done = subprocess.run([program], input=b"\xc0garbage", capture_output=True, timeout=TIMEOUT_S, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def damaged_frames() -> st.SearchStrategy[bytes]:
    """Requests with bytes changed, cut or added, and plain garbage."""
    request = st.builds(
        encode_request,
        st.integers(0, 8),
        st.integers(0, 255),
        st.binary(max_size=70),
        st.integers(0, 2),
    )

    def damage(frame: bytes, position: int, kind: str, extra: bytes) -> bytes:
        place = position % len(frame)
        head, tail = frame[:place], frame[place:]
        return {"cut": head, "change": head + extra + tail[len(extra) :], "add": head + extra + tail}[kind]

    kinds = st.sampled_from(["cut", "change", "add"])
    return st.one_of(
        st.binary(max_size=300),
        st.builds(damage, request, st.integers(0, 200), kinds, st.binary(min_size=1, max_size=4)),
    )


@needs_gcc
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(garbage=damaged_frames())
def test_garbage_gets_one_error_a_frame_and_the_device_goes_on(stream: ProcessStream, garbage: bytes) -> None:
    frames = [frame for frame in garbage.split(bytes([END])) if frame not in (b"", bytes([ESC]))]
    valid = sum(decode_reply(frame) is not None for frame in frames)
    marker = encode_request(Command.READ_COUNTERS, 201, b"marker")
    stream.write(garbage + marker)
    reader, replies = FrameReader(), list[Reply]()
    while not replies or (replies[-1].sequence, replies[-1].command) != (201, Command.READ_COUNTERS):
        replies += reader.feed(stream.read())
    assert len(replies) == len(frames) + 1
    assert sum(reply.status in (Status.BAD_FRAME, Status.BAD_CRC) for reply in replies) == len(frames) - valid
    assert Device(stream).identify().model == "adder"


@given(st.binary(max_size=600), st.integers(0, 255), st.integers(0, 255), st.integers(0, 255))
def test_what_is_encoded_decodes(payload: bytes, status: int, sequence: int, command: int) -> None:
    frame = encode(HEADER.pack(status, sequence, command, 0, len(payload)) + payload)
    assert END not in frame[1:-1]
    assert list(FrameReader().feed(b"noise" + frame)) == [Reply(status, sequence, command, payload)]


@given(st.binary(max_size=300))
def test_garbage_is_no_reply(garbage: bytes) -> None:
    for reply in FrameReader().feed(garbage):  # a CRC of 32 bits meets by chance once in 2^32
        assert zlib.crc32(garbage) == -1, reply


class Scripted:
    """A stream that answers what a test says."""

    def __init__(self, *answers: bytes) -> None:
        self.sent: list[bytes] = []
        self.answers = list(answers)

    def write(self, data: bytes) -> None:
        self.sent.append(data)

    def read(self, timeout_s: float | None = None) -> bytes:
        if not self.answers:
            raise DeviceError("silence")
        return self.answers.pop(0)


def reply(status: int, sequence: int, command: int, payload: bytes = b"") -> bytes:
    return encode(HEADER.pack(status, sequence, command, 0, len(payload)) + payload)


def test_a_damaged_request_is_sent_again() -> None:
    stream = Scripted(reply(Status.BAD_CRC, 9, 99), b"text " + reply(Status.OK, 2, Command.WRITE_INPUT))
    Device(stream).write_input(0, b"abc")
    assert len(stream.sent) == 2


def test_a_run_is_never_repeated() -> None:
    stream = Scripted(reply(Status.BAD_CRC, 1, Command.RUN))
    with pytest.raises(DeviceError, match="damaged request"):
        Device(stream).run()
    assert len(stream.sent) == 1


def test_late_replies_to_older_requests_are_skipped() -> None:
    stream = Scripted(
        reply(Status.OK, 200, Command.READ_ARENA, b"old"), reply(Status.OK, 1, Command.READ_ARENA, b"new")
    )
    assert Device(stream).read_arena(0, 3) == b"new"


def test_large_tensors_go_in_parts() -> None:
    data = bytes(2 * CHUNK_BYTES + 1)
    stream = Scripted(*(reply(Status.OK, number, Command.WRITE_INPUT) for number in (1, 2, 3)))
    Device(stream).write_input(0, data)
    assert sum(len(sent) - 22 for sent in stream.sent) == len(data)


def test_an_unknown_status_is_said() -> None:
    with pytest.raises(DeviceError, match="unknown status 99"):
        Device(Scripted(reply(99, 1, Command.RUN))).run()


def test_what_a_device_printed_before_it_fell_silent_is_told() -> None:
    binary = bytes([0x80, 0x00, 0xFF]) * 9
    stream = Scripted(
        reply(Status.OK, 9, 1) + b"starting\r\n" + encode(b"") + binary + b"\nunexpected exc", b"eption 03\n"
    )
    with pytest.raises(DeviceError, match="silence") as caught:
        Device(stream).run()
    assert caught.value.details[0] == "starting" and caught.value.details[-1] == "unexpected exception 03"
    assert all(line.isprintable() for line in caught.value.details)
