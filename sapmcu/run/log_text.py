# SPDX-License-Identifier: Apache-2.0
"""The text that a board prints between the frames of the device protocol, as it comes."""

from __future__ import annotations

import re

from sapmcu.run.protocol import END, MAX_REPLY_BYTES, decode_reply

TEXT_STARTS = frozenset(b"\t\n\r\x1b") | frozenset(range(0x20, 0x100)) - {END}
"""A frame starts with its status, a small number."""
RUN_OF_TEXT = re.compile(rb"[\t\r\n\x20-\x7e]{4,}")


class LogText:
    """Bytes in, text out; what is a frame stays out, but for text in one that is broken: a fault may print it there."""

    def __init__(self) -> None:
        self._frame: bytearray | None = None
        """What has come since an END and may be a frame; None: nothing has, or it is text."""
        self._is_text = True

    def feed(self, data: bytes) -> str:
        """The text in it, without what may yet become a frame."""
        out = bytearray()
        for byte in data:
            if byte == END:
                out += self._finish()
            elif self._frame is not None:
                self._frame.append(byte)
                if len(self._frame) > 2 * MAX_REPLY_BYTES:
                    self._frame = bytearray()
            elif self._is_text or byte in TEXT_STARTS:
                self._is_text = True
                out.append(byte)
            else:
                self._frame = bytearray([byte])
        return out.decode(errors="replace")

    def flush(self) -> str:
        """The text in what was begun, and no more bytes come: a frame that lost its end, or never was one."""
        return self._finish().decode(errors="replace")

    def _finish(self) -> bytes:
        frame, self._frame, self._is_text = self._frame, None, False
        if frame is None or decode_reply(bytes(frame)) is not None:
            return b""
        return b"".join(RUN_OF_TEXT.findall(bytes(frame)))
