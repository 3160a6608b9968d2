# SPDX-License-Identifier: Apache-2.0
"""What is to be written to which board, checked before any tool touches it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sapmcu.boards.board import Board
from sapmcu.errors import ToolError


@dataclass(frozen=True, slots=True)
class Job:
    """One image for one board. base: of the first byte of `bin`. arguments: the board file's, for one method.

    probe: what the user named, None where there is no choice to make.
    """

    board: Board
    elf: Path
    bin: Path
    hex: Path
    base: int
    size_bytes: int
    arguments: Mapping[str, str | int]
    probe: str | None = None

    def text(self, key: str) -> str:
        return str(self.arguments[key])

    def number(self, key: str, default: int) -> int:
        return int(self.arguments.get(key, default))


def image_range(elf: Path, board: Board) -> tuple[int, int]:
    """(base, bytes) of the image, which lies in the board's flash. Raises: ToolError."""
    from sapmcu.build.image import image_parts

    parts = image_parts(elf)
    base = parts[0][0]
    end = max(address + len(data) for address, data in parts)
    flash = board.region(board.defaults.code)
    if base < flash.base or base >= flash.end:
        raise ToolError(
            f"{elf} is for memory at {base:#010x}; the {flash.name} of {board.name} is at {flash.base:#010x}",
            hint=f"convert for --board {board.name}",
        )
    if end > flash.end:
        raise ToolError(
            f"{elf} ends {end - flash.end:,} bytes behind the {flash.name} of {board.name}, {flash.size_bytes:,} bytes",
            hint="--prefer size makes smaller code; `sapmcu memory MODEL` says what boards have room",
        )
    return base, end - base
