# SPDX-License-Identifier: Apache-2.0
"""The native engine by rows: what convert plans, what its firmware does, what memory shows."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command import Ran, sapmcu
from reference_models import reference_model

from sapmcu.frontends.tflite import load_tflite
from sapmcu.lower.graph import lower_graph
from sapmcu.plan.maps import native_map
from sapmcu.plan.rows import CascadeOptions, plan_cascades

Run = Callable[..., Ran]
RESNET = "mlperf_ic_resnet_quant.tflite"
SPEECH = "tflm_micro_speech_quantized.tflite"

pytestmark = pytest.mark.needs("tflite_micro")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    return lambda *arguments: sapmcu(capsys, monkeypatch, *arguments)


def native_of(out: Path) -> dict[str, Any]:
    native: dict[str, Any] = json.loads((out / "report.json").read_text())["native"]
    return native


def test_auto_runs_by_rows_only_where_the_board_has_too_little(run: Run, tmp_path: Path) -> None:
    """A BBC micro:bit has 16 KiB, a NUCLEO-F446RE 128."""
    for board, has_cascades in (("bbc_microbit", True), ("nucleo_f446re", False)):
        out = tmp_path / board
        ran = run("convert", reference_model(RESNET), "--board", board, "-o", out)
        assert ran.code == 0, ran.err
        native = native_of(out)
        assert (native["arena_bytes"] < native["whole_ops_bytes"] == 49_152) == has_cascades
        assert bool(native["cascaded_ops"]) == has_cascades == ("op after op" in ran.out)
        assert native["extra_macs"] == 0
    assert native_of(tmp_path / "bbc_microbit")["arena_bytes"] <= 11_264


def test_board_that_is_too_small_op_after_op_gets_the_hint(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "out"
    ran = run("convert", reference_model(RESNET), "--board", "bbc_microbit", "--optimize", "none", "-o", out)
    assert ran.code == 1
    assert "hint: leave out --optimize none" in ran.err
    assert not out.exists()


@pytest.mark.needs("unicorn")
@pytest.mark.parametrize("more", [[], ["--input-rows"]], ids=["input in memory", "input by rows"])
def test_least_sram_runs_in_the_emulator(run: Run, tmp_path: Path, more: list[str]) -> None:
    out = tmp_path / "out"
    options = ["--board", "nucleo_f446re", "--optimize", "sram", *more]
    ran = run("convert", reference_model(SPEECH), *options, "-o", out)
    assert ran.code == 0, ran.err
    native = native_of(out)
    assert native["arena_bytes"] < native["whole_ops_bytes"]
    assert native["is_by_rows"] == bool(more) == ("input by rows" in ran.out)
    header = (out / "firmware/sapmcu_tflm_micro_speech_quantized.h").read_text()
    assert ("_push_row(" in header) == bool(more)
    assert run("test", out).code == 0


@pytest.mark.needs("unicorn")
def test_outputs_by_rows_come_while_the_firmware_runs(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "out"
    ran = run("convert", reference_model(SPEECH), "--board", "nucleo_f446re", "--output-rows", "-o", out)
    assert ran.code == 0, ran.err
    assert native_of(out)["outputs_by_rows"] == [0] and "output by rows" in ran.out
    header = (out / "firmware/sapmcu_tflm_micro_speech_quantized.h").read_text()
    assert "_give_rows(sapmcu_write_row_fn *write, void *context);" in header and "_OUTPUT_0_ROWS 1" in header
    assert run("test", out).code == 0


def test_memory_shows_the_engines_and_the_front(run: Run) -> None:
    ran = run("memory", reference_model(SPEECH), "--pareto", "--json")
    assert ran.code == 0, ran.err
    report = json.loads(ran.out)
    engines = {one["name"]: one for one in report["engines"]}
    names = ["TFLM, cmsis-nn", "native, op after op", "native, by rows", "native, input by rows"]
    assert [name for name in engines if not name.startswith("TFLM") or name == names[0]] == names
    assert engines[names[2]]["arena_bytes"] < engines[names[1]]["arena_bytes"] < engines[names[0]]["arena_bytes"]
    assert engines[names[2]]["least_board"] == "bbc_microbit"
    for is_by_rows, name in ((False, names[2]), (True, names[3])):
        points = [one for one in report["pareto"] if one["is_by_rows"] is is_by_rows]
        front = [(one["arena_bytes"], one["extra_macs"]) for one in points]
        assert front[0] == (engines[name]["arena_bytes"], 0)
        assert front == sorted(front, reverse=True)
        assert [macs for _, macs in front] == sorted(macs for _, macs in front)


def test_map_of_rows_is_inside_the_arena_and_peaks_at_its_bound() -> None:
    graph = load_tflite(reference_model(SPEECH))
    plan = plan_cascades(graph, lower_graph(graph).steps, CascadeOptions())
    shown = native_map(graph, lower_graph(graph, cascades=plan))
    assert shown.size_bytes == plan.arena_bytes
    assert all(0 <= box.offset_bytes <= plan.arena_bytes - box.size_bytes for box in shown.boxes)
    assert max(shown.live_bytes) <= plan.bound_bytes
    assert max(shown.live_bytes) >= 0.9 * plan.bound_bytes  # rows take no more than their bytes, places are aligned
