# SPDX-License-Identifier: Apache-2.0
"""What the README of a firmware says of its engines."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from firmware_project import ORIGIN

from sapmcu.boards.board import all_boards, load_board
from sapmcu.emit.readme import emit_readme
from sapmcu.ir.build import Engine

BOTH = {Engine.TFLM: 1001, Engine.NATIVE: 96}


def readme(board: str, arena_bytes: Mapping[Engine, int]) -> str:
    return emit_readme("residual", load_board(board), arena_bytes, 2, ORIGIN).decode()


@pytest.mark.parametrize("board", [board.name for board in all_boards()])
def test_the_readme_says_how_to_build_for_the_board(board: str) -> None:
    text = readme(board, BOTH)
    assert "$" not in text.replace("$PATH", "")
    assert "-DTFLM_DIR=" in text and "sapmcu build ." in text
    assert load_board(board).core in text


def test_the_readme_says_what_each_arena_occupies() -> None:
    text = readme("mps2_an386", BOTH)
    assert "arena, 1,008 bytes (tflm)" in text and "arena, 96 bytes (native)" in text


def test_the_readme_is_silent_on_an_engine_that_is_not_there() -> None:
    native, tflm = readme("mps2_an386", {Engine.NATIVE: 96}), readme("mps2_an386", {Engine.TFLM: 1001})
    assert "build.json" in native and not any(word in native for word in ("TFLM", "TensorFlow", "tflm"))
    assert "tflm.json" in tflm and not any(word in tflm for word in ("build.json", "(native)", "Native"))
