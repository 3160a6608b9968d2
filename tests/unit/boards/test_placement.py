# SPDX-License-Identifier: Apache-2.0
"""Where the arena goes."""

from __future__ import annotations

import pytest

from sapmcu.boards.board import load_board
from sapmcu.boards.placement import (
    STACK_BYTES,
    STATIC_BYTES,
    arena_room_bytes,
    largest_arena_bytes,
    place_memory,
)
from sapmcu.errors import UserError

H7 = load_board("stm32h7")


def test_an_arena_that_fits_goes_into_the_dtcm() -> None:
    placement = place_memory(H7, 82_300)
    assert (placement.arena.name, placement.stack.name, placement.data.name) == ("dtcm", "dtcm", "dtcm")
    assert placement.arena_bytes == 82_304


def test_the_dtcm_is_filled_to_the_last_byte_and_no_further() -> None:
    room = arena_room_bytes(H7, H7.region("dtcm"))
    assert room == 128 * 1024 - STACK_BYTES - STATIC_BYTES
    assert place_memory(H7, room).arena.name == "dtcm"
    assert place_memory(H7, room + 1).arena.name == "axi_sram"


def test_a_region_without_stack_and_data_belongs_to_the_arena_alone() -> None:
    assert largest_arena_bytes(H7) == 512 * 1024


def test_a_larger_stack_leaves_less_for_the_arena() -> None:
    board = load_board("nucleo_f446re")
    assert largest_arena_bytes(board, stack_bytes=STACK_BYTES + 1024) == largest_arena_bytes(board) - 1024


def test_an_arena_that_fits_nowhere_is_an_error_with_both_numbers() -> None:
    with pytest.raises(UserError) as caught:
        place_memory(load_board("microbit"), 82_316)
    assert "82,316" in caught.value.message
    assert "11,264" in caught.value.message
    assert caught.value.hint
