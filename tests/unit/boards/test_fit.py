# SPDX-License-Identifier: Apache-2.0
"""Whether a program of the native engine has room on a board."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from networks import load_graph

from sapmcu.boards.board import load_board
from sapmcu.boards.fit import native_shortage
from sapmcu.lower import lower_graph
from sapmcu.pipeline import native_graph

BUDGETS = tomllib.loads((Path(__file__).parents[2] / "budgets.toml").read_text())["budget"]


@pytest.mark.parametrize("name", ["mlperf_ic_resnet_quant", "mlperf_kws_ref_model"])
def test_constants_are_nearly_all_that_a_firmware_holds_of_a_model(name: str) -> None:
    board = load_board("nucleo_f446re")
    program = lower_graph(native_graph(load_graph(name))[0], twins=board.twins)
    measured = {
        row["model_bytes"]
        for row in BUDGETS
        if (row["model"], row["plan"], row["board"], row["toolchain"]) == (name, "whole ops", board.name, "gcc")
        and row.get("prefer") != "speed"
    }
    assert len(measured) == 1
    assert 0.95 * max(measured) <= program.constants_bytes <= min(measured)


def test_a_model_whose_constants_fill_the_flash_has_no_room() -> None:
    board = load_board("nucleo_f446re")
    program = lower_graph(native_graph(load_graph("mobilenet_v2_sap"))[0], twins=board.twins)
    assert "bytes of flash" in native_shortage(board, program)
    assert native_shortage(load_board("stm32h7"), program) == ""
    large = replace(program, plan=replace(program.plan, arena_bytes=200_000))
    assert native_shortage(board, large) == "its arena has no place on the board"
