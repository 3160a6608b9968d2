# SPDX-License-Identifier: Apache-2.0
"""Which region of a board holds the arena, the stack and the other data."""

from __future__ import annotations

from dataclasses import dataclass

from sapmcu.boards.board import Board, Region
from sapmcu.errors import UserError

STACK_BYTES = 4096
STATIC_BYTES = 1024
"""Left for .data and .bss of the application and of the C library."""
ARENA_ALIGNMENT_BYTES = 16


@dataclass(frozen=True, slots=True)
class Placement:
    """The regions in use. arena_bytes is what the arena occupies: rounded up to its alignment."""

    code: Region
    data: Region
    stack: Region
    arena: Region
    stack_bytes: int
    arena_bytes: int

    @property
    def regions(self) -> tuple[Region, ...]:
        """Each that is in use, once."""
        return tuple(dict.fromkeys((self.code, self.stack, self.data, self.arena)))


def arena_room_bytes(board: Board, region: Region, stack_bytes: int = STACK_BYTES) -> int:
    """What is left for the arena in a region, beside the stack and the other data where they live there too."""
    taken = (stack_bytes if board.defaults.stack == region.name else 0) + (
        STATIC_BYTES if board.defaults.data == region.name else 0
    )
    return max(region.size_bytes - taken, 0) // ARENA_ALIGNMENT_BYTES * ARENA_ALIGNMENT_BYTES


def largest_arena_bytes(board: Board, stack_bytes: int = STACK_BYTES) -> int:
    """The largest arena that the board has a place for."""
    return max(arena_room_bytes(board, board.region(name), stack_bytes) for name in board.defaults.arena)


def place_memory(board: Board, arena_bytes: int, stack_bytes: int = STACK_BYTES) -> Placement:
    """Put the arena into the first region of the board's preference that has room.

    Raises: UserError where none has.
    """
    for name in board.defaults.arena:
        if arena_bytes <= arena_room_bytes(board, board.region(name), stack_bytes):
            return Placement(
                code=board.region(board.defaults.code),
                data=board.region(board.defaults.data),
                stack=board.region(board.defaults.stack),
                arena=board.region(name),
                stack_bytes=stack_bytes,
                arena_bytes=-(-arena_bytes // ARENA_ALIGNMENT_BYTES) * ARENA_ALIGNMENT_BYTES,
            )
    largest = largest_arena_bytes(board, stack_bytes)
    raise UserError(
        f"the arena needs {arena_bytes:,} bytes of SRAM; {board.name} has {largest:,} in one piece beside "
        f"{stack_bytes:,} of stack and {STATIC_BYTES:,} of other data",
        hint="choose a board with more SRAM: `sapmcu boards` lists them",
    )
