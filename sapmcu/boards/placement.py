# SPDX-License-Identifier: Apache-2.0
"""Which region of a board holds the arena, the stack and the other data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sapmcu.boards.board import Board, Region
from sapmcu.errors import UserError
from sapmcu.ir.native import Apart

STACK_BYTES = 4096
STATIC_BYTES = 1024
"""Left for .data and .bss of the application and of the C library."""
ARENA_ALIGNMENT_BYTES = 16


@dataclass(frozen=True, slots=True)
class Placement:
    """The regions in use. arena_bytes is what the arena occupies: rounded up to its alignment.

    apart: the regions of inputs and outputs that lie outside of the arena, apart_bytes: how much they take there.
    """

    code: Region
    data: Region
    stack: Region
    arena: Region
    stack_bytes: int
    arena_bytes: int
    apart: Mapping[Apart, Region] = field(default_factory=dict)
    apart_bytes: Mapping[Apart, int] = field(default_factory=dict)

    @property
    def regions(self) -> tuple[Region, ...]:
        """Each that is in use, once."""
        return tuple(dict.fromkeys((self.code, self.stack, self.data, self.arena, *self.apart.values())))


NOTHING_APART: Mapping[Apart, int] = {}


def apart_region(board: Board, what: Apart) -> str | None:
    """Name of the region that has the inputs or outputs, None for the arena's."""
    return board.defaults.inputs if what is Apart.INPUT else board.defaults.outputs


def arena_room_bytes(
    board: Board, region: Region, stack_bytes: int = STACK_BYTES, apart_bytes: Mapping[Apart, int] = NOTHING_APART
) -> int:
    """What is left for the arena in a region, beside what else lives there: stack, other data, inputs and outputs."""
    taken = stack_bytes if board.defaults.stack == region.name else 0
    taken += STATIC_BYTES if board.defaults.data == region.name else 0
    taken += sum(aligned(size) for what, size in apart_bytes.items() if apart_region(board, what) == region.name)
    return max(region.size_bytes - taken, 0) // ARENA_ALIGNMENT_BYTES * ARENA_ALIGNMENT_BYTES


def aligned(size_bytes: int) -> int:
    return -(-size_bytes // ARENA_ALIGNMENT_BYTES) * ARENA_ALIGNMENT_BYTES


def largest_arena_bytes(
    board: Board, stack_bytes: int = STACK_BYTES, apart_bytes: Mapping[Apart, int] = NOTHING_APART
) -> int:
    """The largest arena that the board has a place for."""
    return max(arena_room_bytes(board, board.region(name), stack_bytes, apart_bytes) for name in board.defaults.arena)


def place_memory(
    board: Board,
    arena_bytes: int,
    stack_bytes: int = STACK_BYTES,
    apart_bytes: Mapping[Apart, int] = NOTHING_APART,
) -> Placement:
    """Put the arena into the first region of the board's preference that has room, what lies apart where it belongs.

    Raises: UserError where none has.
    """
    apart = {what: board.region(name) for what in apart_bytes if (name := apart_region(board, what)) is not None}
    _check_apart(board, apart, stack_bytes, apart_bytes)
    for name in board.defaults.arena:
        if arena_bytes <= arena_room_bytes(board, board.region(name), stack_bytes, apart_bytes):
            return Placement(
                code=board.region(board.defaults.code),
                data=board.region(board.defaults.data),
                stack=board.region(board.defaults.stack),
                arena=board.region(name),
                stack_bytes=stack_bytes,
                arena_bytes=aligned(arena_bytes),
                apart=apart,
                apart_bytes=apart_bytes,
            )
    largest = largest_arena_bytes(board, stack_bytes, apart_bytes)
    raise UserError(
        f"the arena needs {arena_bytes:,} bytes of SRAM; {board.name} has {largest:,} in one piece beside "
        f"{stack_bytes:,} of stack and {STATIC_BYTES:,} of other data",
        hint="choose a board with more SRAM: `sapmcu boards` lists them",
    )


def _check_apart(
    board: Board, apart: Mapping[Apart, Region], stack_bytes: int, apart_bytes: Mapping[Apart, int]
) -> None:
    """Raises: UserError where a region has no room for what was placed there."""
    for region in dict.fromkeys(apart.values()):
        need = sum(aligned(apart_bytes[what]) for what, its_region in apart.items() if its_region == region)
        room = arena_room_bytes(board, region, stack_bytes)
        if need > room:
            what = " and ".join(f"{one}s" for one, its_region in apart.items() if its_region == region)
            raise UserError(
                f"the {what} need {need:,} bytes in {region.name}; it has {room:,}",
                hint="place them in a larger region: `sapmcu boards NAME` shows the sizes",
            )
