# SPDX-License-Identifier: Apache-2.0
"""Keywords for Robot Framework: the test vectors of a project through the firmware's UART, a socket of Renode.

It stands alone: renode-test's Python needs no package for it. The protocol: docs/SPEC.md of sapmcu, "Device protocol".
"""

from __future__ import annotations

import json
import socket
import struct
import zlib
from pathlib import Path

ROBOT_LIBRARY_SCOPE = "SUITE"
TIMEOUT_S = 120.0
END, ESC, ESC_END, ESC_ESC = b"\xc0", b"\xdb", b"\xdb\xdc", b"\xdb\xdd"
IDENTIFY, WRITE_INPUT, RUN, READ_OUTPUT, NEXT_ROW = 1, 2, 3, 4, 7
UNSUPPORTED = 6
ALL_OPS = NO_ROW = 0xFFFFFFFF
CHUNK_BYTES = 1024


def free_port() -> int:
    """A port of this host that nobody listens on now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def monitor_path(path: str) -> str:
    """A path as a token of Renode's Monitor."""
    return "@" + path.replace(" ", "\\ ")


def vectors_should_be_equal(port: int | str, testdata: str) -> None:
    """Run every vector of testdata/ on the firmware behind the port; the first byte that differs fails the test."""
    directory = Path(testdata)
    description = json.loads((directory / "vectors.json").read_text(encoding="utf-8"))
    device = _Device(int(port))
    try:
        for number in range(description["vectors"]):
            inputs, expected = (
                [(directory / f"{number:04}{one['file'][4:]}").read_bytes() for one in description[role]]
                for role in ("inputs", "outputs")
            )
            for index, (want, got) in enumerate(zip(expected, device.run(inputs, expected), strict=True)):
                _compare(number, index, want, got)
    finally:
        device.close()


def _compare(vector: int, output: int, want: bytes, got: bytes) -> None:
    different = [index for index, (left, right) in enumerate(zip(want, got, strict=True)) if left != right]
    if different:
        index = different[0]
        raise AssertionError(
            f"vector {vector}, output {output}: {len(different)} of {len(want)} bytes differ; "
            f"byte {index} is {got[index]}, not {want[index]}"
        )


class _Device:
    """The firmware; it sends END when its UART is on."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), TIMEOUT_S)
        self._socket.settimeout(TIMEOUT_S)
        self._sequence = 0
        self._rest = b""
        self._receive()
        self._by_rows = self._ask(NEXT_ROW, accept=UNSUPPORTED) is not None

    def close(self) -> None:
        self._socket.close()

    def run(self, inputs: list[bytes], expected: list[bytes]) -> list[bytes]:
        """The outputs, as long as those expected."""
        if self._by_rows:
            self._run_by_rows(inputs)
        else:
            for index, data in enumerate(inputs):
                for start in range(0, len(data), CHUNK_BYTES):
                    part = data[start : start + CHUNK_BYTES]
                    self._ask(WRITE_INPUT, struct.pack("<II", index, start) + part)
            self._ask(RUN, struct.pack("<I", ALL_OPS))
        return [self._read(index, len(want)) for index, want in enumerate(expected)]

    def _run_by_rows(self, inputs: list[bytes]) -> None:
        self._ask(RUN, struct.pack("<I", ALL_OPS))
        while True:
            index, offset, length = struct.unpack("<III", self._ask(NEXT_ROW) or b"")
            if index == NO_ROW:
                return
            part = inputs[index][offset : offset + length]
            self._ask(WRITE_INPUT, struct.pack("<II", index, offset) + part)

    def _read(self, index: int, length: int) -> bytes:
        data = b""
        while len(data) < length:
            size = min(CHUNK_BYTES, length - len(data))
            data += self._ask(READ_OUTPUT, struct.pack("<III", index, len(data), size)) or b""
        return data

    def _ask(self, command: int, payload: bytes = b"", accept: int = 0) -> bytes | None:
        """The reply's payload; None for the status that is accepted besides 0."""
        self._sequence = (self._sequence + 1) & 0xFF
        body = struct.pack("<BBBBI", command, self._sequence, 0, 0, len(payload)) + payload
        body += struct.pack("<I", zlib.crc32(body))
        self._socket.sendall(END + body.replace(ESC, ESC_ESC).replace(END, ESC_END) + END)
        while True:
            reply = self._frame()
            if len(reply) >= 12 and zlib.crc32(reply[:-4]) == struct.unpack("<I", reply[-4:])[0]:
                status, sequence, answered = reply[:3]
                if (sequence, answered) != (self._sequence, command):
                    continue
                if status not in (0, accept):
                    raise AssertionError(f"the device answered command {command} with status {status}")
                return reply[8:-4] if status == 0 else None

    def _frame(self) -> bytes:
        """What stands between two END; text of the firmware may be among it."""
        while END not in self._rest:
            self._rest += self._receive()
        frame, self._rest = self._rest.split(END, 1)
        return frame.replace(ESC_END, END).replace(ESC_ESC, ESC)

    def _receive(self) -> bytes:
        data = self._socket.recv(1 << 16)
        if not data:
            raise AssertionError("Renode closed the connection")
        return data
