# SPDX-License-Identifier: Apache-2.0
"""The quick tests: a graph through every stage that needs no tool, and the tables that must be total."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from small_graphs import residual

from sapmcu.emit.tflite import write_tflite
from sapmcu.frontends.tflite import read_tflite
from sapmcu.ir import ops
from sapmcu.ir.cost import graph_macs
from sapmcu.ir.graph import Op
from sapmcu.ir.rules import RULES
from sapmcu.ir.tflite import FORMATS
from sapmcu.plan.live import live_bytes
from sapmcu.reference import EVALUATE, run_graph
from sapmcu.report.supported_ops import supported_ops

TYPED = [
    kind
    for kind in vars(ops).values()
    if isinstance(kind, type) and issubclass(kind, Op) and kind not in (Op, ops.Opaque)
]


@pytest.mark.parametrize("kind", TYPED, ids=lambda kind: kind.__name__)
def test_every_op_stands_in_every_table(kind: type[Op]) -> None:
    assert kind in FORMATS
    assert kind in RULES
    assert kind in EVALUATE


def test_a_small_graph_runs_through() -> None:
    graph = residual()
    x = np.arange(32, dtype=np.int8).reshape(1, 4, 4, 2)
    values = run_graph(graph, [x])
    assert read_tflite(write_tflite(graph), "residual") == graph
    # the first pixel in real numbers: filter [[1, −2], [3, 4]] · (0.25, 0.5), bias [10, −10] · (0.125, 0.25)
    real_x = 0.5 * (x[0, 0, 0].astype(float) + 3)
    real_a = np.maximum([[0.25, -0.5], [1.5, 2.0]] @ real_x + [10 * 0.125, -10 * 0.25], 0)
    np.testing.assert_allclose(0.25 * (values["a"][0, 0, 0].astype(float) - 4), real_a, atol=0.125)
    assert graph_macs(graph) == 2 * 16 * 4
    assert live_bytes(graph) == (64, 96, 96)


def test_supported_ops_page_is_fresh() -> None:
    page = Path(__file__).parents[1] / "docs" / "supported-ops.md"
    assert page.read_text() == supported_ops(), "make golden"


def test_help_imports_no_heavy_module() -> None:
    """`sapmcu --help` answers at once."""
    code = (
        "import sys; from sapmcu.cli import cli; cli.main(['--help'], standalone_mode=False); "
        "heavy = {'numpy', 'rich', 'tensorflow', 'onnx', 'ai_edge_litert', 'tflite_micro'} & set(sys.modules); "
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "convert" in done.stdout
