# SPDX-License-Identifier: Apache-2.0
"""The README's figures are those that its commands print."""

from __future__ import annotations

import re

import pytest
from reference_models import ROOT, reference_model

from sapmcu.frontends.tflite import load_tflite
from sapmcu.ir.memory import Kernels
from sapmcu.plan.tflm import predict_arena, target_for

ROW = re.compile(r"\| (\w+) \| ([\d,]+) \| ([\d,]+) \| ([\d,]+) \| `sapmcu memory (\S+)` \|")
ROWS = ROW.findall((ROOT / "README.md").read_text(encoding="utf-8"))


def test_the_table_is_there() -> None:
    assert len(ROWS) == 6


@pytest.mark.parametrize(("model", "reference", "cmsis_nn", "file_bytes", "path"), ROWS)
def test_arena_of_the_table(model: str, reference: str, cmsis_nn: str, file_bytes: str, path: str) -> None:
    file = ROOT / path if path.startswith("models/") else reference_model(path)
    graph = load_tflite(file)
    for kernels, figure in ((Kernels.REFERENCE, reference), (Kernels.CMSIS_NN, cmsis_nn)):
        assert f"{predict_arena(graph, target_for(kernels)).arena_bytes:,}" == figure, model
    assert f"{file.stat().st_size:,}" == file_bytes
