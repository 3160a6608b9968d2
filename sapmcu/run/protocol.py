# SPDX-License-Identifier: Apache-2.0
"""The host's side of the device protocol, over any stream of bytes. Source: docs/SPEC.md, "Device protocol"."""

from __future__ import annotations

import re
import struct
import time
import zlib
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

from sapmcu.boards.clock import ResetReason
from sapmcu.errors import ToolError
from sapmcu.ir.run import BoardState, Counters, Fault, Identity

VERSION = 1
END, ESC, ESC_END, ESC_ESC = 0xC0, 0xDB, 0xDC, 0xDD
UNESCAPABLE = re.compile(rb"(?:[^\xdb]|\xdb[\xdc\xdd])*", re.DOTALL)
"""Each ESC is followed by what stands for END or ESC."""
HEADER = struct.Struct("<BBBBI")
CRC = struct.Struct("<I")
ALL_OPS = 0xFFFF_FFFF
NO_ROW = 0xFFFF_FFFF
CHUNK_BYTES = 4096
"""Of data in one request: what is sent again when a byte is damaged."""
TRIES = 3
MAX_REPLY_BYTES = 1 << 24
TEXT_BYTES, TEXT_LINES = 1024, 8


class Command(IntEnum):
    IDENTIFY = 1
    WRITE_INPUT = 2
    RUN = 3
    READ_OUTPUT = 4
    READ_ARENA = 5
    READ_COUNTERS = 6
    NEXT_ROW = 7
    READ_BOARD = 8


class Status(IntEnum):
    OK = 0
    BAD_FRAME = 1
    BAD_CRC = 2
    NO_COMMAND = 3
    BAD_SIZE = 4
    BAD_ARGUMENT = 5
    UNSUPPORTED = 6
    FAILED = 7
    ROW = 8


SENTENCES = {
    Status.BAD_FRAME: "the device got an incomplete request",
    Status.BAD_CRC: "the device got a damaged request",
    Status.NO_COMMAND: "the device doesn't know the command",
    Status.BAD_SIZE: "the device takes arguments of another size",
    Status.BAD_ARGUMENT: "the device has no such model, tensor or range of bytes",
    Status.UNSUPPORTED: "the firmware can't do that",
    Status.FAILED: "the engine failed",
    Status.ROW: "the device gave a row of an output, which ends nothing",
}
OTHER_VERSION = "its project is of another version of sapmcu: convert the model again, then build or flash it"
DAMAGED = (Status.BAD_FRAME, Status.BAD_CRC)


class DeviceError(ToolError):
    """The device answered with an error, or not at all (status None)."""

    def __init__(
        self, message: str, status: Status | None = None, *, output: str = "", hint: str | None = None
    ) -> None:
        super().__init__(message, output=output, hint=hint)
        self.status = status


class LineError(DeviceError):
    """A request or its reply was lost or damaged on its way, or late: what was asked may have been done."""


class Stream(Protocol):
    """Where the bytes go to and come from: a pipe, a serial port."""

    def write(self, data: bytes) -> None:
        """Send all of it. Raises: DeviceError."""

    def read(self, timeout_s: float | None = None) -> bytes:
        """One byte or more, as they come; timeout_s: None for the stream's own.

        Raises: LineError where none comes in time, DeviceError where none ever will.
        """


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a reply may take: reply_s beside what the line needs for it, run_s where the model runs first."""

    reply_s: float
    run_s: float
    bytes_per_s: float

    def limit_s(self, command: Command, request: bytes) -> float:
        """Each byte may be escaped."""
        line_s = (len(request) + 2 * CHUNK_BYTES) / self.bytes_per_s
        return line_s + (self.run_s if command in (Command.RUN, Command.NEXT_ROW) else self.reply_s)


def encode(body: bytes) -> bytes:
    """A frame: END, the body and its CRC-32 with END and ESC escaped, END."""
    plain = body + CRC.pack(zlib.crc32(body))
    escaped = plain.replace(bytes([ESC]), bytes([ESC, ESC_ESC])).replace(bytes([END]), bytes([ESC, ESC_END]))
    return bytes([END]) + escaped + bytes([END])


def encode_request(command: int, sequence: int, payload: bytes = b"", model: int = 0) -> bytes:
    return encode(HEADER.pack(command, sequence, model, 0, len(payload)) + payload)


@dataclass(frozen=True, slots=True)
class Reply:
    """status as the device sent it: it may be none that we know."""

    status: int
    sequence: int
    command: int
    payload: bytes


def decode_reply(frame: bytes) -> Reply | None:
    """The reply in the bytes between two END; None where they hold none that is whole."""
    if not UNESCAPABLE.fullmatch(frame):
        return None
    plain = frame.replace(bytes([ESC, ESC_END]), bytes([END])).replace(bytes([ESC, ESC_ESC]), bytes([ESC]))
    body, crc = plain[: -CRC.size], plain[-CRC.size :]
    if len(body) < HEADER.size or CRC.pack(zlib.crc32(body)) != crc:
        return None
    status, sequence, command, _, length = HEADER.unpack_from(body)
    payload = body[HEADER.size :]
    return Reply(status, sequence, command, payload) if len(payload) == length else None


class FrameReader:
    """Cuts what arrives at END; skips what is no frame, but remembers the end of it: text that the device printed."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._skipped = b""
        self.skipped_frames = 0
        """How many there were that are no reply: text or garbage up to an END."""

    def feed(self, data: bytes) -> Iterator[Reply]:
        """The whole replies up to here."""
        self._rest += data
        *frames, rest = self._rest.split(bytes([END]))
        self._rest = rest if len(rest) <= MAX_REPLY_BYTES else bytearray()
        for frame in frames:
            if (reply := decode_reply(bytes(frame))) is not None:
                yield reply
            elif frame:
                self.skipped_frames += 1
                self._skipped = (self._skipped + frame)[-TEXT_BYTES:]

    def text(self) -> tuple[str, ...]:
        """The last lines of text between the frames."""
        lines = (self._skipped + self._rest)[-TEXT_BYTES:].decode(errors="replace").splitlines()
        return tuple(line for line in lines if line.isprintable() and line)[-TEXT_LINES:]


class Device:
    """One model of a device. What the device got damaged is sent again, but for a run.

    tries: of each request. patience: how long a reply may take, whatever else the line may bring; None: as long as the
    stream waits.
    """

    def __init__(self, stream: Stream, model: int = 0, *, tries: int = TRIES, patience: Patience | None = None) -> None:
        self._stream = stream
        self._model = model
        self._tries = tries
        self._patience = patience
        self._sequence = 0
        self._reader = FrameReader()
        self._replies: deque[Reply] = deque()
        self._takes_rows: bool | None = None
        self._given: dict[int, bytearray] = {}
        self.stray_replies = 0
        """Replies that answer nothing that was still asked: late ones, or a request that reached the device twice."""
        self.calls = 0
        """How often the device called the model for the last invoke: once, or once a row."""

    def identify(self) -> Identity:
        """Raises: DeviceError."""
        payload = self._ask(Command.IDENTIFY)
        version, models, arena_bytes, inputs, outputs, ops = _numbers(payload, 6)
        if version != VERSION:
            raise DeviceError(
                f"the device speaks version {version} of the protocol, sapmcu {VERSION}", hint=OTHER_VERSION
            )
        sizes = _numbers(payload[56:], inputs + outputs)
        texts = payload[56 + 4 * (inputs + outputs) :].split(b"\0")
        if len(texts) != 6:
            raise DeviceError("the device's identity is not as its version says", hint=OTHER_VERSION)
        engine, core, build, model, board = (text.decode("ascii", "replace") for text in texts[:5])
        return Identity(
            engine=engine,
            core=core,
            build=build,
            model=model,
            sha256=payload[24:56].hex(),
            model_count=models,
            arena_bytes=arena_bytes,
            op_count=ops,
            input_bytes=sizes[:inputs],
            output_bytes=sizes[inputs:],
            board=board,
        )

    def write_input(self, index: int, data: bytes, offset: int = 0) -> None:
        """Raises: DeviceError."""
        for start in range(0, len(data), CHUNK_BYTES):
            part = data[start : start + CHUNK_BYTES]
            self._ask(Command.WRITE_INPUT, struct.pack("<II", index, offset + start) + part)

    def run(self, ops: int = ALL_OPS) -> None:
        """Invoke the model, or only its first ops. Raises: DeviceError."""
        self._ask(Command.RUN, struct.pack("<I", ops), tries=1)
        self.calls = 1

    def next_row(self) -> tuple[int, int, int] | None:
        """Run up to the next row of an input: (input, offset, length); None where the outputs are there.

        Raises: DeviceError, of status UNSUPPORTED where all inputs come whole.
        """
        index, offset, length = _numbers(self._ask(Command.NEXT_ROW, tries=1), 3)
        self.calls += 1
        return None if index == NO_ROW else (index, offset, length)

    def takes_rows(self) -> bool:
        """Whether inputs come row by row. Raises: DeviceError."""
        if self._takes_rows is None:
            try:
                self.next_row()
                self._takes_rows = True
            except DeviceError as error:
                if error.status not in (Status.UNSUPPORTED, Status.NO_COMMAND):
                    raise
                self._takes_rows = False
        return self._takes_rows

    def run_by_rows(self, inputs: Sequence[bytes]) -> None:
        """Invoke the model, whose rows are written as it asks for them. Raises: DeviceError."""
        self.run()  # begins again
        self.calls = 0
        while (wanted := self.next_row()) is not None:
            index, offset, length = wanted
            part = inputs[index][offset : offset + length]
            self._ask(Command.WRITE_INPUT, struct.pack("<II", index, offset) + part)

    def given_rows(self) -> Mapping[int, bytes]:
        """What has come of outputs that go by rows since the last call, by their index."""
        given = {index: bytes(rows) for index, rows in self._given.items()}
        self._given.clear()
        return given

    def read_output(self, index: int, length: int, offset: int = 0) -> bytes:
        """Raises: DeviceError."""
        return b"".join(
            self._ask(Command.READ_OUTPUT, struct.pack("<III", index, start, size))
            for start, size in _chunks(offset, length)
        )

    def read_arena(self, offset: int, length: int) -> bytes:
        """What lies in the arena now: an intermediate tensor after run(ops). Raises: DeviceError."""
        return b"".join(
            self._ask(Command.READ_ARENA, struct.pack("<II", start, size)) for start, size in _chunks(offset, length)
        )

    def read_counters(self) -> Counters:
        """Raises: DeviceError."""
        runs, kind, count, *rest = _numbers(self._ask(Command.READ_COUNTERS), 7)
        cycles, ticks = count if kind == 1 else None, count if kind == 2 else None
        return Counters(runs, cycles, ticks, *rest)

    def read_board(self) -> BoardState | None:
        """How the board has started; None where the firmware is older than the question. Raises: DeviceError."""
        try:
            payload = self._ask(Command.READ_BOARD)
        except DeviceError as error:
            if error.status is not Status.NO_COMMAND:
                raise
            return None
        core_hz, failed_start, failed_clock, reasons, *fault = _numbers(payload, 12)
        names = tuple(str(one) for bit, one in enumerate(ResetReason) if reasons >> bit & 1)
        return BoardState(core_hz, failed_start, failed_clock, names, Fault(*fault) if fault[0] else None)

    def _ask(self, command: Command, payload: bytes = b"", tries: int | None = None) -> bytes:
        for left in reversed(range(tries or self._tries)):
            self._sequence = (self._sequence + 1) & 0xFF
            request = encode_request(command, self._sequence, payload, self._model)
            self._stream.write(request)
            while (reply := self._answer(command, request)).status == Status.ROW:
                self._take_row(reply.payload)
            if reply.status == Status.OK:
                return reply.payload
            if reply.status not in DAMAGED or left == 0:
                break
        known = next((one for one in Status if one == reply.status), None)
        sentence = SENTENCES[known] if known else f"the device answered with the unknown status {reply.status}"
        if known is Status.FAILED:
            sentence += f" with {_numbers(reply.payload, 1)[0]}"
        kind = LineError if known in DAMAGED else DeviceError
        raise kind(f"{sentence} ({_words(command)})", known)

    def _take_row(self, payload: bytes) -> None:
        index, offset = _numbers(payload, 2)
        rows = self._given.setdefault(index, bytearray())
        rows[offset:] = payload[8:]  # from top to bottom; the first begins a run

    def _answer(self, command: Command, request: bytes) -> Reply:
        """The reply to the last request. A damaged request may have lost its command or sequence on the way."""
        begin, patience = time.monotonic(), self._patience
        limit_s = None if patience is None else patience.limit_s(command, request)
        while True:
            while self._replies:
                reply = self._replies.popleft()
                if (reply.command, reply.sequence) == (command, self._sequence) or reply.status in DAMAGED:
                    return reply
                self.stray_replies += 1
            skipped = self._reader.skipped_frames
            self._replies += self._reader.feed(self._read(_words(command), begin, limit_s))
            if patience is not None and limit_s is not None and self._reader.skipped_frames != skipped:
                # Text and an END: a reply follows now, or the device has failed and started again.
                limit_s = min(limit_s, time.monotonic() - begin + patience.limit_s(Command.READ_OUTPUT, b""))

    def heard(self) -> tuple[bool, tuple[str, ...]]:
        """Whether anything came that is no reply, and its last lines, as far as they are text."""
        return self._reader.skipped_frames > 0, self._reader.text()

    def forget(self) -> None:
        """Drop what has come and isn't dealt with."""
        self._replies.clear()
        self._reader = FrameReader()

    def _read(self, what: str, begin: float, limit_s: float | None) -> bytes:
        """Raises: DeviceError, with what the device has printed on the line of the frames."""
        try:
            if limit_s is None:
                return self._stream.read()
            left_s = begin + limit_s - time.monotonic()
            with suppress(LineError):
                if left_s > 0:
                    return self._stream.read(left_s)
            raise LineError(f"no reply to {what} in {limit_s:.3g} s")
        except DeviceError as error:
            error.details += self._reader.text()
            raise


def _words(command: Command) -> str:
    return command.name.lower().replace("_", " ")


def _chunks(offset: int, length: int) -> list[tuple[int, int]]:
    """(offset, length) of the parts; one even of nothing, since the device checks the range."""
    starts = range(offset, offset + length, CHUNK_BYTES) or [offset]
    return [(start, min(CHUNK_BYTES, offset + length - start)) for start in starts]


def _numbers(payload: bytes, count: int) -> tuple[int, ...]:
    """The first 32-bit numbers. Raises: DeviceError where there are fewer."""
    if len(payload) < 4 * count:
        raise DeviceError("the device's answer is too short")
    return struct.unpack_from(f"<{count}I", payload)
