# SPDX-License-Identifier: Apache-2.0
"""A board as a user wants it used: `--clock` and `--place`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sapmcu.boards.board import Board
from sapmcu.boards.clock import ClockChoice
from sapmcu.boards.parse import DATA_KINDS
from sapmcu.errors import UserError

ROLES = ("arena", "input", "output", "stack", "data")


def use_board(board: Board, clock: ClockChoice, places: Sequence[str]) -> Board:
    """The board with this clock and memory. places: ROLE=REGION each.

    Raises: UserError for a role or region that isn't there, or a region that can't hold data or that nobody can start.
    """
    chosen: dict[str, str] = {}
    for place in places:
        role, equals, region = place.partition("=")
        if not equals or role not in ROLES:
            raise UserError(f"--place {place} isn't ROLE=REGION", hint=f"roles are {', '.join(ROLES)}")
        if role in chosen:
            raise UserError(f"--place says {role} twice", hint="give one region for it")
        _check_region(board, role, region, place)
        chosen[role] = region
    defaults = board.defaults
    return replace(
        board,
        choice=clock,
        defaults=replace(
            defaults,
            arena=(chosen["arena"],) if "arena" in chosen else defaults.arena,
            inputs=chosen.get("input"),
            outputs=chosen.get("output"),
            stack=chosen.get("stack", defaults.stack),
            data=chosen.get("data", defaults.data),
        ),
    )


def _check_region(board: Board, role: str, name: str, place: str) -> None:
    usable = [one for one in board.memory if one.kind in DATA_KINDS]
    known = {one.name: one for one in usable}
    if name not in known:
        raise UserError(f"--place {place}: {board.name} has no such region for data", hint=f"it has {', '.join(known)}")
    if known[name].setup is None:
        raise UserError(
            f"--place {place}: {name} must be started first, and the file of {board.name} doesn't say how",
            hint="docs/boards.md: `setup` of the region; an empty list where it is on from reset",
        )
    if role == "stack" and known[name].setup:
        raise UserError(
            f"--place {place}: {name} is off after reset, and what starts it needs the stack already",
            hint="place the stack in " + " or ".join(one.name for one in usable if one.setup == ()),
        )
