# SPDX-License-Identifier: Apache-2.0
"""The README's figures are those that its commands print."""

from __future__ import annotations

import re

import pytest
from reference_models import ROOT, reference_model

from sapmcu.frontends.tflite import load_tflite
from sapmcu.ir.memory import Kernels
from sapmcu.lower import order_graph
from sapmcu.pipeline import rewrite
from sapmcu.plan.tflm import predict_arena, target_for
from sapmcu.plan.tflm.sram import plan_sram
from sapmcu.tflm_sram import MAX_EXTRA_MACS

ROW = re.compile(r"\| (\w+) \| ([\d,]+) \| ([\d,]+) \| ([\d,]+) \| `sapmcu memory (\S+)` \|")
OPTIMISED = re.compile(
    r"^\| (\w+) \| ([\d,]+) \| ([\d,]+(?: \([\d.]+%\))?) \| ([\d,]+) \| ([\d,]+(?: \([\d.]+%\))?) \|$", re.MULTILINE
)
README = (ROOT / "README.md").read_text(encoding="utf-8")
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
    graph, _ = order_graph(rewrite(load_tflite(reference_model(FILES[model])))[0])
    figures = ((Kernels.REFERENCE, reference, least_reference), (Kernels.CMSIS_NN, cmsis_nn, least_cmsis_nn))
    for kernels, own, least in figures:
        plans = plan_sram(graph, target_for(kernels), MAX_EXTRA_MACS)
        extra = f" ({plans[-1].extra_macs / plans[-1].macs:.1%})" if plans[-1].extra_macs else ""
        assert (f"{plans[0].arena_bytes:,}", f"{plans[-1].arena_bytes:,}{extra}") == (own, least)
