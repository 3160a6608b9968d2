# SPDX-License-Identifier: Apache-2.0
"""The report of a long graph at 80 columns."""

from __future__ import annotations

import re

import pytest
from reference_models import ROOT

from sapmcu.frontends.tflite import load_tflite
from sapmcu.ir.memory import Kernels, MemoryReport
from sapmcu.plan.memory import plan_memory
from sapmcu.plan.tflm.target import target_for
from sapmcu.report.terminal import render_memory

MODEL = ROOT / "models" / "fashion_scenes" / "mobilenet_v2_sap.tflite"


@pytest.fixture(scope="module")
def report() -> MemoryReport:
    return plan_memory(load_tflite(MODEL), MODEL.stat().st_size, target_for(Kernels.CMSIS_NN))


def test_a_long_graph_fits_a_screen_and_leaves_no_op_out(report: MemoryReport) -> None:
    text = render_memory(report, None, width=80)
    assert all(len(line) <= 80 for line in text.splitlines())
    assert " peak" in text
    assert len(text.splitlines()) < len(report.ops) / 2
    shown = []
    for row in re.finditer(r"^ *(\d+)(?:–(\d+))?  \S", text.split("─\n")[1], re.MULTILINE):
        shown += range(int(row[1]), int(row[2] or row[1]) + 1)
    assert shown == list(range(len(report.ops)))


def test_a_run_shows_the_most_that_lives_in_it(report: MemoryReport) -> None:
    runs = re.findall(r"^ *(\d+)–(\d+)  (\d+) ops +≤ ([\d,]+)", render_memory(report, None, width=80), re.MULTILINE)
    assert runs
    for first, last, count, most in runs:
        ops = report.ops[int(first) : int(last) + 1]
        assert len(ops) == int(count)
        assert max(op.live_bytes for op in ops) == int(most.replace(",", ""))
