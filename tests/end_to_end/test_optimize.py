# SPDX-License-Identifier: Apache-2.0
"""`sapmcu convert --optimize`: what the report says is what TFLM needs, and the outputs stay."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from command import Ran, sapmcu
from reference_models import reference_model

from sapmcu.frontends.tflite import load_tflite
from sapmcu.ir.memory import Kernels
from sapmcu.plan.tflm import PYPI_HOST, predict_arena, target_for
from sapmcu.run import tflm_host

Run = Callable[..., Ran]
MODEL = "mlperf_ic_resnet_quant.tflite"
OWN_BYTES = 55_008
"""What TFLM's own plan of MODEL needs with CMSIS-NN."""

pytestmark = pytest.mark.needs("tflite_micro")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    return lambda *arguments: sapmcu(capsys, monkeypatch, *arguments)


def memory_of(out: Path) -> dict[str, Any]:
    memory: dict[str, Any] = json.loads((out / "report.json").read_text())["memory"]
    return memory


def small_board(directory: Path, sram_kib: int) -> Path:
    """A NUCLEO-F446RE with less SRAM."""
    text = files("sapmcu.boards").joinpath("nucleo_f446re.toml").read_text(encoding="utf-8")
    path = directory / "small_board.toml"
    whole = "size_bytes = 0x2_0000"
    assert text.count(whole) == 1
    path.write_text(text.replace(whole, f"size_bytes = {sram_kib * 1024}"), encoding="utf-8")
    return path


def test_least_sram_is_written_and_reported_step_by_step(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "out"
    ran = run("convert", reference_model(MODEL), "--board", "nucleo_f446re", "--optimize", "sram", "-o", out)
    assert ran.code == 0, ran.err
    memory = memory_of(out)
    steps = memory["savings"]["steps"]
    assert [step["technique"] for step in steps] == ["none", "overlap", "bands"]
    assert (
        steps[0]["arena_bytes"] == OWN_BYTES and memory["tflm"]["required_bytes"] == steps[-1]["arena_bytes"] <= 36_000
    )
    assert 0 < steps[-1]["extra_macs"] <= 0.15 * 12_501_632
    assert f"#define SAPMCU_ARENA_BYTES {steps[-1]['arena_bytes']}\n" in (out / "firmware/model_data.h").read_text()
    assert "AddSplitV(" in (out / "firmware/model_ops.h").read_text()
    for text in ("as TFLM plans", "55,008", "results lie over operands", "bands of rows", "more MACs"):
        assert text in ran.out
    page = (out / "report.html").read_text()
    assert "<h2>Savings</h2>" in page and "results lie over operands" in page
    model = (out / "model.tflite").read_bytes()
    graph = load_tflite(out / "model.tflite")
    assert predict_arena(graph, target_for(Kernels.CMSIS_NN)).required_bytes == steps[-1]["arena_bytes"]
    assert tflm_host.allocations(model).total_bytes == predict_arena(graph, PYPI_HOST).used_bytes


def test_without_extra_macs_there_are_no_bands_with_borders(run: Run, tmp_path: Path) -> None:
    arguments = ("--optimize", "sram", "--max-extra-macs", "0", "--tflm-kernels", "reference")
    ran = run("convert", reference_model(MODEL), "--board", "nucleo_f446re", *arguments, "-o", tmp_path / "out")
    assert ran.code == 0, ran.err
    memory = memory_of(tmp_path / "out")
    assert memory["macs"] == 12_501_632
    assert memory["tflm"]["required_bytes"] <= 38_600


@pytest.mark.parametrize("arguments", [(), ("--optimize", "none")], ids=["auto", "none"])
def test_tflm_plans_itself_where_the_board_has_room(run: Run, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    ran = run("convert", reference_model(MODEL), "--board", "nucleo_f446re", *arguments, "-o", tmp_path / "out")
    assert ran.code == 0, ran.err
    memory = memory_of(tmp_path / "out")
    assert memory["savings"] is None and memory["tflm"]["required_bytes"] == OWN_BYTES


def test_auto_takes_the_fewest_macs_that_fit_a_small_board(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "out"
    ran = run("convert", reference_model(MODEL), "--board", small_board(tmp_path, 44), "-o", out)
    assert ran.code == 0, ran.err
    memory = memory_of(out)
    assert [step["technique"] for step in memory["savings"]["steps"]] == ["none", "overlap"]
    assert memory["macs"] == 12_501_632 and memory["board"]["fits"]
    arguments = ("--optimize", "none", "-o", tmp_path / "none")
    none = run("convert", reference_model(MODEL), "--board", small_board(tmp_path, 44), *arguments)
    assert none.code == 1 and "55,008 bytes of SRAM" in none.err


@pytest.mark.parametrize("value", ["much", "-1", "2000%"])
def test_extra_macs_that_are_no_percentage_are_refused(run: Run, tmp_path: Path, value: str) -> None:
    ran = run("convert", "model.tflite", "--board", "stm32h7", f"--max-extra-macs={value}", "-o", tmp_path / "out")
    assert ran.code == 2
    assert "--max-extra-macs" in ran.err and value in ran.err
