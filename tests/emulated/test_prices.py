# SPDX-License-Identifier: Apache-2.0
"""Prices of ops against what they take: sapmcu/plan/prices.toml, which `make prices` measures anew."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from command import sapmcu
from networks import load_network, network_firmware
from reference_models import reference_model

from sapmcu.boards.board import load_board
from sapmcu.filter_choice import preferred_filters
from sapmcu.ir.build import Prefer
from sapmcu.ir.filters import FilterForm
from sapmcu.lower.graph import lower_graph
from sapmcu.pipeline import native_graph
from sapmcu.plan.price import PRICED_AS, PRICES, kernel_price, price_ops
from sapmcu.run.session import run_vectors

MODELS = (
    *("mlperf_ic_resnet_quant", "mlperf_kws_ref_model", "tflm_person_detect", "tflm_micro_speech_quantized"),
    "dscnn",
)
M4F, M0PLUS = "nucleo_f446re", "nucleo_g0b1re"
ROWS = (
    *((name, M4F, None, FilterForm.INT8) for name in MODELS),
    *((name, M4F, Prefer.SPEED, FilterForm.WINOGRAD) for name in MODELS[:3]),
    ("mlperf_ic_resnet_quant", M4F, Prefer.SPEED, FilterForm.WINOGRAD_ROW),
    ("mlperf_kws_ref_model", M0PLUS, None, FilterForm.INT8),
)
MAX_ERROR = 0.05
LARGE = 0.02
"""Part of a network's instructions from which an op's price is held."""


@pytest.mark.needs("arm-none-eabi-gcc", "unicorn", "tflite_micro")
@pytest.mark.parametrize(("name", "board", "prefer", "largest"), ROWS)
def test_prices_are_what_ops_take(
    tmp_path: Path, name: str, board: str, prefer: Prefer | None, largest: FilterForm
) -> None:
    network, chosen = load_network(name), load_board(board)
    graph, *_ = native_graph(network.graph)
    filters = [one.at_most(largest) for one in preferred_filters(graph, chosen, prefer, print)]
    program = lower_graph(graph, twins=chosen.twins, filters=filters)
    firmware = network_firmware(tmp_path, network, board, "unicorn", "gcc", program)
    run = run_vectors(firmware, "unicorn", network.vectors[:1])
    measured = run.measurement.instructions_by_op
    assert measured is not None
    prices = price_ops(graph, program.steps, run.identity.core)
    wrong = {
        f"op {price.index} {price.type}, {price.kernels}": (price.instructions, took)
        for price, took in zip(prices, measured, strict=True)
        if took > LARGE * sum(measured) and not within(price.instructions, took)
    }
    assert not wrong, f"{wrong}: `make prices` measures kernels that were changed"
    assert within(sum(price.instructions or 0 for price in prices), sum(measured))


def within(price: int | None, took: int) -> bool:
    return price is not None and abs(price - took) <= MAX_ERROR * took


@pytest.mark.needs("arm-none-eabi-gcc", "unicorn", "tflite_micro")
def test_the_speed_report_names_kernels_and_prices(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = reference_model("tflm_micro_speech_quantized.tflite")
    assert sapmcu(capsys, monkeypatch, "convert", model, "--board", M4F, "-o", tmp_path / "out").code == 0
    ran = sapmcu(capsys, monkeypatch, "run", tmp_path / "out", "--speed-report")
    assert ran.code == 0, ran.err
    lines = ran.out.splitlines()
    convolution = next(line.split() for line in lines if "DEPTHWISE_CONV_2D" in line)
    assert convolution[0] == "1" and convolution[2].startswith("packed_conv")
    assert float(convolution[-2]) > 0.5 and abs(float(convolution[-1].rstrip("%"))) <= 100 * MAX_ERROR
    assert any("ops with a price: " in line for line in lines)


@pytest.mark.needs("arm-none-eabi-gcc", "unicorn", "tflite_micro")
def test_there_is_no_speed_report_of_ops_that_are_not_those_of_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In model.tflite they are in bands, for TFLM."""
    model, out = reference_model("mlperf_ic_resnet_quant.tflite"), tmp_path / "out"
    options = ("--board", M4F, "--optimize", "sram", "-o", out)
    assert sapmcu(capsys, monkeypatch, "convert", model, *options).code == 0
    ran = sapmcu(capsys, monkeypatch, "run", out, "--speed-report")
    assert ran.code == 1 and "model.tflite has other ops than the native engine runs" in ran.err


def test_prices_are_of_known_cores_and_fit_what_they_were_measured_by() -> None:
    rows = tomllib.loads(PRICES.read_text(encoding="ascii"))["price"]
    assert {row["core"] for row in rows} == set(PRICED_AS.values())
    assert all(row["error"] <= MAX_ERROR for row in rows)
    assert all(value > 0 for row in rows for value in row["instructions"].values())
    assert kernel_price("sapmcu_no_such_kernel", "cortex-m4") is None
    assert kernel_price("sapmcu_softmax_s8", "cortex-m7") == kernel_price("sapmcu_softmax_s8", "cortex-m4")
