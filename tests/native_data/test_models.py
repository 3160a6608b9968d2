# SPDX-License-Identifier: Apache-2.0
"""Whole networks as native C on this host: every tensor has the reference's bytes, under ASan and UBSan."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from native_data.host import Models, assert_all_equal, spread
from reference_models import ROOT, TFLITE_MODELS, reference_model
from strategies import varied_inputs

from sapmcu.frontends.tflite import read_tflite
from sapmcu.ir.graph import Graph
from sapmcu.lower import lower_graph
from sapmcu.pipeline import rewrite
from sapmcu.reference import run_graph

pytestmark = pytest.mark.needs("gcc")

OWN_MODELS = ("fashion_mnist/dscnn.tflite",)


def load(name: str) -> Graph:
    path = ROOT / "models" / name if name in OWN_MODELS else reference_model(name)
    return rewrite(read_tflite(path.read_bytes(), path.stem, str(path)))[0]


@pytest.mark.parametrize("name", [*TFLITE_MODELS, *OWN_MODELS])
def test_every_tensor_equals_reference(name: str, library: Path, tmp_path: Path) -> None:
    """Each tensor for itself between poisoned gaps, and the outputs in the arena of the plan."""
    graph = load(name)
    apart, gaps = spread(graph)
    together = replace(lower_graph(graph), name="together")
    models = Models(tmp_path, library, [apart, together])
    for values in varied_inputs(graph, np.random.default_rng(1)):
        inputs = dict(zip(graph.inputs, values, strict=True))
        expected = run_graph(graph, values)
        assert_all_equal(graph, apart, models.run(0, inputs, gaps), expected)
        outputs = {output: expected[output] for output in graph.outputs}
        assert_all_equal(graph, together, models.run(1, inputs), outputs)
    models.close()


@pytest.mark.parametrize(
    ("name", "arena_bytes"),
    [
        ("mlperf_ic_resnet_quant.tflite", 49_152),
        ("mlperf_kws_ref_model.tflite", 16_000),
        ("tflm_hello_world_int8.tflite", 32),
        ("tflm_micro_speech_quantized.tflite", 5_960),
        ("tflm_person_detect.tflite", 55_296),
    ],
)
def test_arena_is_the_least_that_this_order_of_ops_allows(name: str, arena_bytes: int) -> None:
    plan = lower_graph(load(name)).plan
    assert plan.arena_bytes == plan.bound_bytes == arena_bytes
