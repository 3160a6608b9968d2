# SPDX-License-Identifier: Apache-2.0
"""`sapmcu bench`: rows by engine and plan, beside what TFLM needs, as text, Markdown, JSON and a plot."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from command import Ran, sapmcu
from reference_models import ROOT, TFLITE_MODELS, reference_model

from sapmcu.bench import PREFERS
from sapmcu.ir.bench import Bench, BenchPlan, BenchRow
from sapmcu.ir.build import Engine
from sapmcu.report.bench import bench_markdown, plot_bench, render_bench
from sapmcu.tflm_baseline import BASELINE, baseline_row

Run = Callable[..., Ran]
HELLO = "tflm_hello_world_int8.tflite"


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.delenv("SAPMCU_TFLM", raising=False)
    return lambda *arguments: sapmcu(capsys, monkeypatch, "bench", *arguments)


@pytest.mark.needs("tflite_micro", "unicorn", "arm-none-eabi-gcc")
def test_each_plan_has_a_row_beside_the_stored_one_of_tflm(run: Run, tmp_path: Path) -> None:
    plot = tmp_path / "plot.svg"
    ran = run(reference_model(HELLO), "--json", "--plot", plot)
    assert ran.code == 0, ran.err
    done = json.loads(ran.out)
    tflm, *native = done["rows"]
    assert (tflm["engine"], tflm["plan"]) == ("tflm", "cmsis-nn")
    assert [(row["plan"], row["prefer"]) for row in native] == [
        (plan, prefer) for plan in BenchPlan for prefer in PREFERS[plan]
    ]
    assert "90b983c2" in tflm["origin"] and {row["origin"] for row in native} == {"measured"}
    for row in native:
        assert row["sram_bytes"] == row["arena_bytes"] + row["stack_bytes"] + row["static_bytes"]
        assert row["flash_bytes"] == row["code_bytes"] + row["model_bytes"]
        assert 0 < row["instructions"] < row["estimated_cycles"] < tflm["estimated_cycles"]
    assert "DDI 0439D" in done["timings"]["cortex-m4"]
    assert plot.read_text().startswith("<?xml")


@pytest.mark.needs("tflite_micro", "unicorn", "arm-none-eabi-gcc")
def test_what_a_board_has_no_room_for_is_a_note(run: Run) -> None:
    ran = run(reference_model("mlperf_kws_ref_model.tflite"), "--board", "bbc_microbit")
    assert ran.code == 0, ran.err
    assert "note: mlperf_kws_ref_model on bbc_microbit, op after op: " in " ".join(ran.out.split())
    assert "native, op after op" not in ran.out and "native, by rows" in ran.out


def test_a_plot_of_another_kind_is_refused_before_anything_runs(run: Run, tmp_path: Path) -> None:
    ran = run(tmp_path / "none.tflite", "--plot", tmp_path / "plot.txt")
    assert ran.code == 1 and "a plot is a .png or .svg file" in ran.err


def row(engine: Engine, plan: str, cycles: int | None = 200, arena_bytes: int | None = 3000) -> BenchRow:
    return BenchRow(
        *("net", "board", "cortex-m4", engine, plan, None, 1_234_567, cycles, arena_bytes, 100, 8, 9000, 20_000),
        "measured" if engine is Engine.NATIVE else "somewhere",
    )


ROWS = (row(Engine.TFLM, "cmsis-nn", None), row(Engine.NATIVE, "op after op"), row(Engine.NATIVE, "by rows", 300, None))


def test_the_page_has_unknown_figures_as_dashes_and_origins_below() -> None:
    text = render_bench(Bench(ROWS, (("cortex-m4", "a manual"),), ("net on other: no room",)), width=80)
    lines = [line.split() for line in text.splitlines()]
    assert ["TFLM,", "cmsis-nn", "1,234,567", "-", "3,108", "9,000", "29,000"] in lines
    assert ["native,", "by", "rows", "1,234,567", "300", "-", "9,000", "29,000"] in lines
    assert "cycles of cortex-m4 are estimated: a manual" in text
    assert "TFLM, cmsis-nn: somewhere" in text and "note: net on other: no room" in text


def test_the_markdown_table_has_a_line_for_each_row() -> None:
    _, _, tflm, native, _ = bench_markdown(ROWS).splitlines()
    assert tflm == "| net | TFLM, cmsis-nn | 1,234,567 | - | 3,108 | 3,000 | 9,000 | 29,000 |"
    assert native == "| net | native, op after op | 1,234,567 | 200 | 3,108 | 3,000 | 9,000 | 29,000 |"


@pytest.mark.needs("matplotlib")
def test_the_same_rows_give_the_same_plot() -> None:
    assert plot_bench(ROWS, ".svg") == plot_bench(ROWS, ".svg")


def test_the_baseline_is_of_the_models_as_they_are_and_says_where_from() -> None:
    table = tomllib.loads(BASELINE.read_text(encoding="ascii"))
    paths = {Path(name).stem: reference_model(name) for name in TFLITE_MODELS}
    paths |= {path.stem: path for path in ROOT.glob("models/*/*.tflite")}
    for name, sha256 in table["sha256"].items():
        assert hashlib.sha256(paths[name].read_bytes()).hexdigest() == sha256
    for one in table["row"]:
        figures = [value for value in one.values() if isinstance(value, dict)]
        assert figures and all(figure["origin"] in table["origin"] for figure in figures)
        found = baseline_row("model", table["sha256"][one["model"]], "board", one["core"])
        assert found is not None and found.instructions == one["instructions"]["value"]
        assert found.model_bytes is None or found.model_bytes == paths[one["model"]].stat().st_size
    assert baseline_row("model", "0" * 64, "board", "cortex-m4") is None
