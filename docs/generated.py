# SPDX-License-Identifier: Apache-2.0
"""What the site makes from the program itself: a comment `<!-- generated: NAME -->` becomes the table NAME."""

from __future__ import annotations

import re
from typing import Any

import click

from sapmcu.boards.board import Board, all_boards
from sapmcu.cli import cli

HELP_WIDTH = 78
OUTSIDE = re.compile(r"\]\((?:\.\./|(?=firmware/|models/))[^)]*\)")
"""The target of a link to a file that isn't part of the site."""


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Called by mkdocs for each page."""
    made = re.sub(r"<!-- generated: (\w+) -->", lambda found: TABLES[found[1]](), markdown)
    return OUTSIDE.sub("]", made)


def boards_table() -> str:
    head = "| board | chip | core | highest clock, MHz | SRAM, KiB | flash, KiB | flashed by |\n"
    return head + "| --- " * 7 + "|\n" + "\n".join(_board_row(board) for board in all_boards())


def _board_row(board: Board) -> str:
    cells = (
        ", ".join((board.name, *board.aliases)),
        board.mcu,
        board.core,
        f"{board.clock.max_hz / 1e6:g}",
        f"{board.sram_bytes // 1024:,}",
        f"{board.flash_bytes // 1024:,}",
        ", ".join(method.tool for method in board.flash_methods),
    )
    return "| " + " | ".join(cells) + " |"


def commands() -> str:
    """What --help prints, for each command."""
    wide: dict[str, Any] = {"max_content_width": HELP_WIDTH, "terminal_width": HELP_WIDTH}
    parent = click.Context(cli, info_name="sapmcu", **{**cli.context_settings, **wide})
    parts = [_command("sapmcu", cli.get_help(parent))]
    for name in cli.list_commands(parent):
        command = cli.get_command(parent, name)
        assert command is not None
        own = click.Context(command, parent, name, **{**command.context_settings, **wide})
        parts.append(_command(f"sapmcu {name}", command.get_help(own)))
    return "\n\n".join(parts)


def _command(name: str, text: str) -> str:
    return f"## {name}\n```text\n{text}\n```"


TABLES = {"boards": boards_table, "commands": commands}
