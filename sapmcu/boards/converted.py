# SPDX-License-Identifier: Apache-2.0
"""The board of a converted project: one of sapmcu's, or the user's own, whose file convert has put beside the code."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from sapmcu.boards.board import Board, FlashMethod, board_path, load_board
from sapmcu.errors import UserError

FILE = "board.toml"
"""In firmware/: the user's file as it was."""
SCRIPTS = ("interface", "config")
"""OpenOCD's: it runs the file of this name in the working directory before its own."""


def copied_board(name_or_path: str) -> dict[str, bytes]:
    """Name in firmware/ -> bytes of a user's own board file; nothing for one of sapmcu's boards. Raises: UserError."""
    path = board_path(name_or_path)
    if path is None:
        return {}
    try:
        return {FILE: path.read_bytes()}
    except OSError as error:
        raise UserError(f"board file {path} can't be read: {error.strerror}", hint="check the path") from error


def converted_board(firmware: Path, name: str) -> Board | None:
    """name: as firmware/ has it. None where it is none of sapmcu's boards, and its file isn't there.

    Raises: UserError where that file doesn't hold a board of this name.
    """
    path = firmware / FILE
    if not path.is_file():
        try:
            return load_board(name)
        except UserError:
            return None
    board = load_board(str(path))
    if board.name != name:
        raise UserError(f"{path} is of {board.name}, the firmware for {name}", hint="convert the model again")
    return board


def without_own_code(board: Board) -> tuple[Board, tuple[str, ...]]:
    """The board without methods of flashing that run a command or a script of the file's own, and their names.

    A project may come from a stranger.
    """
    own = tuple(one.tool for one in board.flash_methods if _runs_own_code(one))
    return replace(board, flash_methods=tuple(one for one in board.flash_methods if one.tool not in own)), own


def _runs_own_code(method: FlashMethod) -> bool:
    return "command" in method.arguments or any(
        Path(str(method.arguments[key])).exists() for key in SCRIPTS if key in method.arguments
    )
