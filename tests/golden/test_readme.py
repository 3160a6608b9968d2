# SPDX-License-Identifier: Apache-2.0
"""The README's figures are those that its commands print; `make golden` renews those that come from budgets.toml."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from typing import Any

import pytest
from reference_models import ROOT, reference_model

from sapmcu.bench import PREFERS
from sapmcu.boards.board import load_board
from sapmcu.frontends.tflite import load_tflite
from sapmcu.ir.bench import BenchPlan, BenchRow
from sapmcu.ir.build import Engine
from sapmcu.ir.memory import Kernels, Optimize
from sapmcu.lower import order_graph
from sapmcu.pipeline import rewrite
from sapmcu.plan.tflm import predict_arena, target_for
from sapmcu.plan.tflm.sram import plan_sram
from sapmcu.report.bench import MARKDOWN_HEADINGS, bench_markdown
from sapmcu.tflm_baseline import stored_row
from sapmcu.tflm_sram import MAX_EXTRA_MACS

README_FILE = ROOT / "README.md"
BUDGETS = ROOT / "tests" / "budgets.toml"
COMMAND = re.compile(r"`sapmcu bench --markdown ([^`]*)`")
TABLE = re.compile(rf"^\| {re.escape(' | '.join(MARKDOWN_HEADINGS))} \|\n(\|.*\n)+", re.MULTILINE)
BOARD = "nucleo_f446re"
PLANS = {"whole ops": BenchPlan.WHOLE, "by rows": BenchPlan.ROWS, "input by rows": BenchPlan.INPUT_ROWS}
"""What budgets.toml calls them."""
ROW = re.compile(r"\| (\w+) \| ([\d,]+) \| ([\d,]+) \| ([\d,]+) \| `sapmcu memory (\S+)` \|")
OPTIMISED = re.compile(
    r"^\| (\w+) \| ([\d,]+) \| ([\d,]+(?: \([\d.]+%\))?) \| ([\d,]+) \| ([\d,]+(?: \([\d.]+%\))?) \|$", re.MULTILINE
)
README = README_FILE.read_text(encoding="utf-8")
ROWS, OPTIMISED_ROWS = ROW.findall(README), OPTIMISED.findall(README)
FILES = {
    "resnet8": "mlperf_ic_resnet_quant.tflite",
    "kws": "mlperf_kws_ref_model.tflite",
    "person_detect": "tflm_person_detect.tflite",
}


def test_the_tables_are_there() -> None:
    assert len(ROWS) == 6
    assert [model for model, *_ in OPTIMISED_ROWS] == [*FILES]


@pytest.mark.parametrize(("model", "reference", "cmsis_nn", "file_bytes", "path"), ROWS)
def test_arena_of_the_table(model: str, reference: str, cmsis_nn: str, file_bytes: str, path: str) -> None:
    file = ROOT / path if path.startswith("models/") else reference_model(path)
    graph = load_tflite(file)
    for kernels, figure in ((Kernels.REFERENCE, reference), (Kernels.CMSIS_NN, cmsis_nn)):
        assert f"{predict_arena(graph, target_for(kernels)).arena_bytes:,}" == figure, model
    assert f"{file.stat().st_size:,}" == file_bytes


@pytest.mark.parametrize(("model", "reference", "least_reference", "cmsis_nn", "least_cmsis_nn"), OPTIMISED_ROWS)
def test_optimised_arena_of_the_table(
    model: str, reference: str, least_reference: str, cmsis_nn: str, least_cmsis_nn: str
) -> None:
    graph, _ = order_graph(rewrite(load_tflite(reference_model(FILES[model])), optimize=Optimize.SRAM)[0])
    figures = ((Kernels.REFERENCE, reference, least_reference), (Kernels.CMSIS_NN, cmsis_nn, least_cmsis_nn))
    for kernels, own, least in figures:
        plans = plan_sram(graph, target_for(kernels), MAX_EXTRA_MACS)
        extra = f" ({plans[-1].extra_macs / plans[-1].macs:.1%})" if plans[-1].extra_macs else ""
        assert (f"{plans[0].arena_bytes:,}", f"{plans[-1].arena_bytes:,}{extra}") == (own, least)


def test_the_table_of_speed_is_what_bench_prints() -> None:
    """Of the models that its command names; figures of the native engine are held by budgets.toml."""
    text = README_FILE.read_text(encoding="utf-8")
    (models,) = COMMAND.findall(text)
    budgets = tomllib.loads(BUDGETS.read_text(encoding="ascii"))["budget"]
    rows: list[BenchRow] = []
    for name in (path.removesuffix(".tflite") for path in models.split()):
        tflm = stored_row(name, BOARD, load_board(BOARD).core)
        assert tflm is not None
        own = [row for row in budgets if (row["model"], row["board"]) == (name, BOARD)]
        rows += [tflm, *sorted(map(row_of, own), key=bench_order)]
    table = bench_markdown(rows) + "\n"
    if os.environ.get("SAPMCU_UPDATE_GOLDEN"):
        text = TABLE.sub(lambda _: table, text)
        README_FILE.write_text(text, encoding="utf-8")
    found = TABLE.search(text)
    assert found is not None and found[0] == table, "SAPMCU_UPDATE_GOLDEN=1 pytest tests/golden/test_readme.py"


def bench_order(row: BenchRow) -> tuple[int, int]:
    plan = BenchPlan(row.plan)
    return list(BenchPlan).index(plan), PREFERS[plan].index(row.prefer)


def row_of(budget: Mapping[str, Any]) -> BenchRow:
    figures = {name: value for name, value in budget.items() if name.endswith("_bytes")}
    return BenchRow(
        model=budget["model"],
        board=budget["board"],
        core=load_board(budget["board"]).core,
        engine=Engine(budget["engine"]),
        plan=PLANS[budget["plan"]],
        prefer=budget.get("prefer"),
        instructions=budget["instructions"],
        estimated_cycles=budget["estimated_cycles"],
        origin="measured",
        **figures,
    )
