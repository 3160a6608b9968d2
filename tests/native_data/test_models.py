# SPDX-License-Identifier: Apache-2.0
"""Whole networks as native C on this host, under sanitizers: the reference's bytes in every tensor, TFLM's outputs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from native_data.host import CLANG, GCC, HostCompiler, Models, assert_all_equal, build_kernels, spread, tensor_value
from networks import NETWORKS, load_graph, load_network
from strategies import varied_inputs

from sapmcu.lower import lower_graph
from sapmcu.reference import run_graph

pytestmark = pytest.mark.needs("gcc")


@pytest.fixture(scope="module")
def clang_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_kernels(tmp_path_factory.mktemp("clang"), CLANG)


@pytest.mark.parametrize("name", NETWORKS)
def test_every_tensor_equals_reference(name: str, library: Path, tmp_path: Path) -> None:
    """Each tensor for itself between poisoned gaps, and the outputs in the arena of the plan."""
    graph = load_graph(name)
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


@pytest.mark.needs("tflite_micro")
@pytest.mark.parametrize("name", NETWORKS)
def test_outputs_of_gcc_equal_tflm(name: str, library: Path, tmp_path: Path) -> None:
    assert_outputs_equal_tflm(name, library, tmp_path, GCC)


@pytest.mark.needs("tflite_micro", "ziglang")
@pytest.mark.parametrize("name", NETWORKS)
def test_outputs_of_clang_equal_tflm(name: str, clang_library: Path, tmp_path: Path) -> None:
    assert_outputs_equal_tflm(name, clang_library, tmp_path, CLANG)


def assert_outputs_equal_tflm(name: str, library: Path, directory: Path, compiler: HostCompiler) -> None:
    network = load_network(name)
    graph, program = network.graph, lower_graph(network.graph)
    models = Models(directory, library, [program], compiler)
    for number, (values, vector) in enumerate(zip(network.inputs, network.vectors, strict=True)):
        arena = models.run(0, dict(zip(graph.inputs, values, strict=True)))
        got = tuple(tensor_value(graph, program, arena, output).tobytes() for output in graph.outputs)
        assert got == vector.outputs, f"input {number}"
    models.close()


@pytest.mark.parametrize(
    ("name", "arena_bytes"),
    [
        ("mlperf_ic_resnet_quant", 49_152),
        ("mlperf_kws_ref_model", 16_000),
        ("tflm_hello_world_int8", 32),
        ("tflm_micro_speech_quantized", 5_960),
        ("tflm_person_detect", 55_296),
    ],
)
def test_arena_is_the_least_that_this_order_of_ops_allows(name: str, arena_bytes: int) -> None:
    plan = lower_graph(load_graph(name)).plan
    assert plan.arena_bytes == plan.bound_bytes == arena_bytes
