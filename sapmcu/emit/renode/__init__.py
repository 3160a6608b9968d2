# SPDX-License-Identifier: Apache-2.0
"""renode/ of a project: the board as Renode has it, a script that loads the firmware, a suite that tests it."""

from __future__ import annotations

from sapmcu.boards.board import Board
from sapmcu.emit.origin import Origin
from sapmcu.emit.renode.platform import emit_platform, has_renode_uart
from sapmcu.emit.renode.script import emit_script
from sapmcu.emit.renode.suite import emit_suite
from sapmcu.ir.build import Engine


def emit_renode(board: Board, model: str, engine: Engine, origin: Origin) -> dict[str, bytes]:
    """Path in the project -> bytes; nothing where no UART of the board works in Renode. engine: whose firmware runs."""
    if not has_renode_uart(board):
        return {}
    return {
        f"renode/{board.name}.repl": emit_platform(board, origin),
        f"renode/{board.name}.resc": emit_script(board, model, engine, origin),
        **emit_suite(board, engine, origin),
    }
