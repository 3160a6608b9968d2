# SPDX-License-Identifier: Apache-2.0
"""What the generated files of a TFLM project look like. `make golden` rewrites them; read the diff."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from firmware_project import ORIGIN, write_project

from sapmcu.boards.board import load_board
from sapmcu.emit.readme import emit_readme
from sapmcu.ir.build import Engine

GOLDEN = Path(__file__).parent / "tflm"
GENERATED = (
    "README.md",
    "board.cmake",
    "ld/memory.ld",
    "model_data.cc",
    "model_data.h",
    "model_ops.h",
    "test_vectors.c",
    "test_vectors.h",
    "../testdata/vectors.json",
)


@pytest.fixture(scope="module")
def firmware(tmp_path_factory: pytest.TempPathFactory) -> Path:
    board, arenas = load_board("stm32h7"), {Engine.TFLM: 150_001, Engine.NATIVE: 96}
    directory = write_project(tmp_path_factory.mktemp("project"), board, arenas[Engine.TFLM])
    (directory / "README.md").write_bytes(emit_readme("residual", board, arenas, 2, ORIGIN))
    return directory


@pytest.mark.parametrize("name", GENERATED)
def test_generated_file_looks_as_before(firmware: Path, name: str) -> None:
    golden = GOLDEN / Path(name).name
    text = (firmware / name).read_text(encoding="utf-8")
    if "SAPMCU_UPDATE_GOLDEN" in os.environ:
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8"), "make golden"
