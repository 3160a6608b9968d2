# SPDX-License-Identifier: Apache-2.0
"""The pages that a user reads, as text at 80 columns, and the graph's text form: `make golden` renews them."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from reference_models import TFLITE_MODELS, reference_model
from small_graphs import residual

from sapmcu.boards.board import all_boards, load_board
from sapmcu.boards.fit import board_fit
from sapmcu.emit.tflite import write_tflite
from sapmcu.frontends.tflite import load_tflite
from sapmcu.ir.graph import Graph
from sapmcu.ir.memory import BandedRun, Kernels, SramSavings, SramStep, Technique
from sapmcu.ir.pruning import Criterion, FineTuning, ModelSize, Pruning, PruningGoal, Width
from sapmcu.ir.text import dump_text
from sapmcu.plan.memory import plan_memory
from sapmcu.plan.tflm import target_for
from sapmcu.plan.tflm.layout import with_offsets
from sapmcu.report.boards import render_boards
from sapmcu.report.json import json_text, memory_json
from sapmcu.report.pruning import pruning_json, render_pruning
from sapmcu.report.terminal import render_memory

HERE = Path(__file__).parent

PRUNING = Pruning(
    model="net.keras",
    goal=PruningGoal(sram_bytes=30_000, keep=("grouped",)),
    widths=(
        Width(("stem", "block1_project", "block2_project", "block3_project", "block4_project"), Criterion.BN, 64, 40),
        Width(("plain",), Criterion.L1, 16, 16),
    ),
    whole=(("norm", "LayerNormalization needs all its channels"), ("grouped", "--keep names it")),
    before=ModelSize(78_666, 12_501_632, 49_152, 10_400),
    after=ModelSize(45_154, 6_745_608, None, None),
    warnings=("the size as int8 is unknown: it has a layer that int8 hasn't",),
    tuning=FineTuning("small", 5, 0.916, 0.6403, 0.9051),
    out=Path("smaller.keras"),
)

SAVINGS = SramSavings(
    (
        SramStep(Technique.NONE, 1120, 0),
        SramStep(Technique.OFFSETS, 1104, 0),
        SramStep(Technique.OVERLAP, 1088, 0),
        SramStep(Technique.BANDS, 1056, 8, (BandedRun("stem/a", "stem/b", 2), BandedRun("y", "y", 3))),
    ),
    max_extra_macs=0.15,
)


def check(name: str, text: str) -> None:
    """Compare with the golden file, or rewrite it."""
    path = HERE / name
    if "SAPMCU_UPDATE_GOLDEN" in os.environ:
        path.parent.mkdir(exist_ok=True)
        path.write_text(text + "\n", encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text + "\n", "make golden"
    assert max(map(len, text.splitlines())) <= 80 or not name.endswith(".report.txt")


def memory_page(graph: Graph, board: str) -> str:
    report = plan_memory(graph, len(write_tflite(graph)), target_for(Kernels.CMSIS_NN))
    return render_memory(report, board_fit(load_board(board), report), width=80)


def test_memory_of_a_small_graph() -> None:
    check("reports/residual.report.txt", memory_page(residual(), "nucleo_f446re"))


def test_memory_of_a_graph_planned_for_less_sram() -> None:
    graph = residual()
    target = target_for(Kernels.CMSIS_NN)
    planned = with_offsets(graph, {"x": 0, "a": 32, "b": 64, "y": 0})
    report = replace(plan_memory(planned, len(write_tflite(planned)), target), savings=SAVINGS)
    check("reports/residual_sram.report.txt", render_memory(report, None, width=80))
    check("reports/residual_sram.json", json_text(memory_json(report, None)))


@pytest.mark.parametrize("name", TFLITE_MODELS)
def test_memory_of_reference_models(name: str) -> None:
    page = memory_page(load_tflite(reference_model(name)), "stm32h7")
    check(f"reports/{name.removesuffix('.tflite')}.report.txt", page)


def test_pruning() -> None:
    check("reports/pruning.report.txt", render_pruning(PRUNING, width=80))
    check("reports/pruning.json", json_text(pruning_json(PRUNING)))


def test_boards() -> None:
    check("reports/boards.report.txt", render_boards(all_boards(), width=80))


@pytest.mark.parametrize("name", ["stm32h7", "rpi_pico", "mps3_an547"])
def test_one_board(name: str) -> None:
    check(f"reports/{name}.report.txt", render_boards((load_board(name),), width=80))


def test_graph_text() -> None:
    check("reports/residual.txt", dump_text(residual()).rstrip("\n"))


def test_json_keys_are_a_contract() -> None:
    """Keys may come; one that goes or changes its meaning raises the schema number."""
    graph = residual()
    report = plan_memory(graph, len(write_tflite(graph)), target_for(Kernels.CMSIS_NN))
    value = memory_json(report, board_fit(load_board("stm32h7"), report))
    check("reports/memory.json", json.dumps({"schema": 1, **value}, indent=2, ensure_ascii=False))
    assert {"model", "macs", "ops", "tflm", "peak", "flash"} <= set(value)
    assert {"index", "type", "name", "output_bytes", "live_bytes"} <= set(value["ops"][0])
    assert {"arena_bytes", "head_bytes", "tail_bytes", "temporary_bytes", "kernels"} <= set(value["tflm"])
    assert set(value["peak"]) == {"op", "live_bytes"}
    assert "model_bytes" in value["flash"]
    assert value["peak"]["live_bytes"] == value["ops"][value["peak"]["op"]]["live_bytes"]
