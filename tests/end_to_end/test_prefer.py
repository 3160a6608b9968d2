# SPDX-License-Identifier: Apache-2.0
"""`convert --prefer`: what is chosen, what it costs, what the project remembers; the bytes stay those of TFLM."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from command import Ran, sapmcu
from reference_models import reference_model

Run = Callable[..., Ran]
MODEL = "mlperf_ic_resnet_quant.tflite"


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    return lambda *arguments: sapmcu(capsys, monkeypatch, *arguments)


@pytest.mark.needs("tflite_micro", "unicorn", "arm-none-eabi-gcc")
def test_for_speed_the_report_has_each_ops_form_and_flash_and_the_firmware_gives_tflms_bytes(
    run: Run, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    done = run("convert", reference_model(MODEL), "--board", "nucleo_f446re", "--prefer", "speed", "-o", out)
    assert done.code == 0 and "bytes of flash for filters of" in done.out, done.err
    ops = json.loads((out / "report.json").read_text())["native_ops"]
    assert {one["filters"] for one in ops if one["type"] == "CONV_2D"} == {"int16", "winograd"}
    for one in ops:
        if one["smaller_flash_bytes"] is not None:
            assert one["instructions"] < one["smaller_instructions"]
            assert one["flash_bytes"] > one["smaller_flash_bytes"]
    tested = run("test", out)
    assert tested.code == 0 and "8 of 8 vectors equal" in tested.out, tested.err


@pytest.mark.needs("tflite_micro", "arm-none-eabi-gcc")
def test_for_size_build_optimises_for_size_unless_it_is_told(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "out"
    model = reference_model("tflm_hello_world_int8.tflite")
    assert run("convert", model, "--board", "nucleo_f446re", "--prefer", "size", "-o", out).code == 0
    small, fast = (json.loads(run("build", out, "--json", *options).out) for options in ((), ("--prefer", "speed")))
    assert (small["prefer"], fast["prefer"]) == ("size", "speed")
    assert small["code_bytes"] < fast["code_bytes"]
