# SPDX-License-Identifier: Apache-2.0
"""Graphs planned for less SRAM give the same bytes in stock TFLM, and use the arena that is predicted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from banded_nets import WINDOWS, nets_of_rows, one_op
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import load_network

from sapmcu.emit.tflite import write_tflite
from sapmcu.ir.check import verify_graph
from sapmcu.ir.cost import graph_macs
from sapmcu.ir.graph import Graph
from sapmcu.ir.memory import Kernels, Technique
from sapmcu.plan.tflm import PYPI_HOST, predict_arena, target_for
from sapmcu.plan.tflm.bands import Banding, banded, can_band, even_rows
from sapmcu.plan.tflm.layout import plan_layout, with_offsets
from sapmcu.plan.tflm.overlap import operand_leads
from sapmcu.plan.tflm.shadow import verify_layout
from sapmcu.plan.tflm.sram import plan_sram
from sapmcu.reference import run_graph
from sapmcu.run import tflm_host
from sapmcu.run.vectors import make_inputs
from sapmcu.tflm_sram import first_proven

pytestmark = pytest.mark.needs("tflite_micro")

REFERENCE = target_for(Kernels.REFERENCE)
MAX_EXTRA_MACS = 0.15

TARGETS = {
    ("tflm_person_detect", Kernels.REFERENCE): 64_000,
    ("tflm_person_detect", Kernels.CMSIS_NN): 67_000,
    ("mlperf_ic_resnet_quant", Kernels.REFERENCE): 38_600,
    ("mlperf_ic_resnet_quant", Kernels.CMSIS_NN): 36_000,
    ("mlperf_kws_ref_model", Kernels.REFERENCE): 16_900,
}
"""Bytes of the whole arena on a Cortex-M that must be reached."""


def outputs_of(graph: Graph, seed: int = 0) -> list[bytes]:
    """Of three random inputs, in TFLM with its reference kernels."""
    random = np.random.default_rng(seed)
    inputs = [
        [random.integers(-128, 128, graph.tensors[name].shape, np.int8) for name in graph.inputs] for _ in range(3)
    ]
    runs = tflm_host.invoke(write_tflite(graph), inputs, len(graph.outputs))
    return [value.tobytes() for run in runs for value in run]


@pytest.mark.parametrize("shape", [(7, 6, 4), (5, 5, 3)], ids=str)
@pytest.mark.parametrize("what", WINDOWS)
def test_lead_is_the_least_at_which_the_reference_kernels_are_right(what: str, shape: tuple[int, int, int]) -> None:
    graph = one_op(WINDOWS[what], shape)
    lead = operand_leads(graph, graph.ops[0], REFERENCE)["x"]
    expected = outputs_of(graph)
    base = 64

    def at(distance: int) -> list[bytes]:
        return outputs_of(with_offsets(graph, {"x": base + distance, graph.outputs[0]: base}))

    assert at(lead) == expected
    assert at(lead + 1) == expected
    assert at(lead - 1) != expected


@settings(max_examples=60)
@given(nets_of_rows())
def test_overlapping_layout_of_a_random_net_changes_no_output(graph: Graph) -> None:
    for kernels in Kernels:
        target = target_for(kernels)
        layout = plan_layout(graph, target, may_overlap=True, steps=50)
        planned = with_offsets(graph, layout.offset_bytes)
        verify_layout(planned, target)
        assert outputs_of(planned) == outputs_of(graph)


@settings(max_examples=60)
@given(nets_of_rows(), st.data())
def test_bands_of_a_random_net_change_no_output(graph: Graph, data: st.DataObject) -> None:
    regions = [
        (first, last)
        for first in range(len(graph.ops))
        for last in range(first, len(graph.ops))
        if can_band(graph, first, last)
    ]
    if not regions:
        return
    first, last = data.draw(st.sampled_from(regions))
    height = graph.tensors[graph.ops[last].outputs[0]].shape[1]
    count = data.draw(st.integers(1, min(height, 5)))
    made = banded(graph, (Banding(first, last, even_rows(height, count)),))
    if made is None:
        return
    verify_graph(made)
    values = np.random.default_rng(1).integers(-128, 128, graph.tensors["x"].shape, np.int8)
    before, after = run_graph(graph, [values]), run_graph(made, [values])
    assert all(np.array_equal(before[name], after[name]) for name in graph.outputs)
    planned = with_offsets(made, plan_layout(made, REFERENCE, may_overlap=True, steps=50).offset_bytes)
    verify_layout(planned, REFERENCE)
    assert outputs_of(planned) == outputs_of(graph)


@settings(max_examples=25)
@given(nets_of_rows())
def test_plans_of_a_random_net_are_never_worse_and_use_what_is_predicted(graph: Graph) -> None:
    plans = plan_sram(graph, REFERENCE, MAX_EXTRA_MACS)
    sizes = [plan.arena_bytes for plan in plans]
    assert sizes == sorted(sizes, reverse=True) and plans[0].graph == graph
    assert all(plan.extra_macs <= MAX_EXTRA_MACS * graph_macs(graph) for plan in plans)
    best = plans[-1].graph
    measured, use = tflm_host.allocations(write_tflite(best)), predict_arena(best, PYPI_HOST)
    assert (use.head_bytes, use.tail_bytes) == (measured.head_bytes, measured.tail_bytes)
    assert outputs_of(best) == outputs_of(graph)


def test_plans_are_the_same_each_time() -> None:
    graph = load_network("mlperf_ic_resnet_quant").graph
    first, second = (plan_sram(graph, REFERENCE, MAX_EXTRA_MACS)[-1] for _ in range(2))
    assert write_tflite(first.graph) == write_tflite(second.graph)


@pytest.mark.parametrize(("model", "kernels"), TARGETS)
def test_reference_model_reaches_its_target(model: str, kernels: Kernels) -> None:
    """The outputs of 30 inputs stay equal, the extra MACs below the limit, the prediction exact on the host."""
    network = load_network(model)
    best = plan_sram(network.graph, target_for(kernels), MAX_EXTRA_MACS)[-1]
    assert best.arena_bytes <= TARGETS[model, kernels]
    assert best.technique is not Technique.NONE
    assert best.extra_macs <= MAX_EXTRA_MACS * graph_macs(network.graph)
    written = write_tflite(best.graph)
    runs = tflm_host.invoke(written, network.inputs, len(network.graph.outputs))
    for vector, run in zip(network.vectors, runs, strict=True):
        assert tuple(value.tobytes() for value in run) == vector.outputs
    measured, use = tflm_host.allocations(written), predict_arena(best.graph, PYPI_HOST)
    assert (use.head_bytes, use.tail_bytes) == (measured.head_bytes, measured.tail_bytes)


def test_plan_that_changes_outputs_is_dropped_and_named() -> None:
    graph = one_op(WINDOWS["conv 3x3"])
    own, *_ = plan_sram(graph, REFERENCE, 0.0)
    wrong = replace(own, graph=with_offsets(graph, {"x": 0, graph.outputs[0]: 0}), technique=Technique.OVERLAP)
    chosen, warnings = first_proven(graph, [wrong, own], make_inputs(graph, (), 3))
    assert chosen is own
    assert len(warnings) == 1 and "changes the outputs of input 0" in warnings[0] and "bug in sapmcu" in warnings[0]
