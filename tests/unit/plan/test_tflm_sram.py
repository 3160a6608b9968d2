# SPDX-License-Identifier: Apache-2.0
"""Where results may lie over operands, which copies cost nothing, and what the independent check finds wrong."""

from __future__ import annotations

from dataclasses import replace

import pytest
from banded_nets import WINDOWS, NetOfRows, one_op
from reference_models import reference_model

from sapmcu.frontends.tflite import load_tflite
from sapmcu.ir import ops
from sapmcu.ir.check import verify_graph
from sapmcu.ir.graph import Graph
from sapmcu.ir.memory import Kernels, Technique
from sapmcu.pipeline import rewrite
from sapmcu.plan.memory import plan_memory
from sapmcu.plan.tflm import Target, target_for
from sapmcu.plan.tflm.bands import Banding, banded, can_band
from sapmcu.plan.tflm.layout import plan_layout, with_offsets
from sapmcu.plan.tflm.overlap import operand_leads
from sapmcu.plan.tflm.part import part_of
from sapmcu.plan.tflm.shadow import verify_layout
from sapmcu.plan.tflm.sram import plan_sram

REFERENCE = target_for(Kernels.REFERENCE)
CMSIS_NN = target_for(Kernels.CMSIS_NN)
MVE = target_for(Kernels.CMSIS_NN, mve=True)


def lead(what: str, target: object) -> int | None:
    graph = one_op(WINDOWS[what])
    return operand_leads(graph, graph.ops[0], target).get("x")  # type: ignore[arg-type]


def deep_net() -> Graph:
    """Three convolutions of an image, and the sum of the first and the last."""
    net = NetOfRows((32, 16, 8), seed=1)
    first = net.convolution("x", 8, (3, 3), (1, 1))
    second = net.convolution(first, 8, (3, 3), (1, 1))
    net.convolution(net.add(first, net.convolution(second, 8, (3, 3), (1, 1))), 4, (3, 3), (2, 2))
    return net.graph()


def test_leads_of_the_reference_kernels_by_hand() -> None:
    """Image of 7 × 6 pixels of 4 channels."""
    assert lead("add", REFERENCE) == 0
    assert lead("depthwise 3x3", REFERENCE) == (6 + 1) * 4  # pixel (1, 1) still reads (0, 0)
    assert lead("conv 3x3", REFERENCE) == (6 + 1) * 4 + 3  # once for each channel
    assert lead("conv 1x1", REFERENCE) == 3
    assert lead("max pool", REFERENCE) == 0


def test_cmsis_nn_never_allows_what_the_reference_kernels_do_not() -> None:
    for what in WINDOWS:
        reference = lead(what, REFERENCE)
        for target in (CMSIS_NN, MVE, target_for(Kernels.CMSIS_NN, dsp=False)):
            found = lead(what, target)
            assert found is None or (reference is not None and found >= reference)


def test_pointwise_convolution_of_cmsis_nn_goes_over_the_image_once_for_two_filters() -> None:
    assert lead("conv 1x1", CMSIS_NN) is None
    assert lead("conv 1x1", MVE) == 4 * 4 - 1  # by four pixels
    assert lead("conv 1x1 stride 2", CMSIS_NN) == 3 * 8 - 1  # row by row: 3 pixels of 8 channels


def test_operand_that_is_read_later_is_not_overwritten() -> None:
    graph = deep_net()
    layout = plan_layout(graph, REFERENCE, may_overlap=True)
    sizes = {name: graph.tensors[name].size_bytes for name in layout.offset_bytes}
    first, second = layout.offset_bytes["y0"], layout.offset_bytes["y1"]
    assert first + sizes["y0"] <= second or second + sizes["y1"] <= first


@pytest.mark.parametrize("target", [REFERENCE, CMSIS_NN, MVE], ids=["reference", "cmsis-nn", "mve"])
def test_each_plan_weighs_less_than_the_one_before(target: object) -> None:
    plans = plan_sram(deep_net(), target, 0.3)  # type: ignore[arg-type]
    weights = [plan.weight for plan in plans]
    assert weights == sorted(weights, reverse=True) and len(set(weights)) > 1
    assert [plan.technique for plan in plans[:2]] == [Technique.NONE, Technique.OVERLAP]


def test_few_bytes_are_not_bought_with_many_macs() -> None:
    """A percent more MACs must save a quarter of a percent: a hundred bytes of 33,300 are not worth 11 % more."""
    graph, _ = rewrite(load_tflite(reference_model("mlperf_ic_resnet_quant.tflite")))
    best = plan_sram(graph, target_for(Kernels.CMSIS_NN), 0.15)[-1]
    assert best.arena_bytes <= 33_264
    assert best.extra_macs <= 0.04 * best.macs
    assert best.weight == best.arena_bytes * (1 + 0.25 * best.extra_macs / best.macs)


@pytest.mark.parametrize("target", [REFERENCE, CMSIS_NN], ids=["reference", "cmsis-nn"])
def test_ops_alone_need_no_more_than_among_the_others(target: Target) -> None:
    graph = deep_net()
    whole = plan_layout(graph, target, may_overlap=True).head_bytes
    for first in range(len(graph.ops)):
        for last in range(first, len(graph.ops)):
            part = part_of(graph, first, last)
            verify_graph(part)
            assert plan_layout(part, target, may_overlap=True).head_bytes <= whole
    assert plan_layout(part_of(graph, 0, len(graph.ops) - 1), target, may_overlap=True).head_bytes == whole


def test_no_extra_macs_leave_bands_without_a_border_only() -> None:
    for plan in plan_sram(deep_net(), CMSIS_NN, 0.0):
        assert plan.extra_macs == 0


def test_splits_and_concatenations_of_bands_cost_no_bytes() -> None:
    """A band's rows lie in the whole tensor, the bands one behind the other in the result."""
    net = NetOfRows((12, 8, 4), seed=2)
    y = net.convolution("x", 4, (1, 1), (1, 1))
    graph = banded(net.graph(), (Banding(0, 0, (4, 4, 4)),))
    assert graph is not None
    assert [type(op) for op in graph.ops] == [ops.SplitV, *[ops.Conv2D] * 3, ops.Concatenation]
    offsets = plan_layout(graph, CMSIS_NN, may_overlap=True).offset_bytes
    assert [offsets[name] - offsets["x"] for name in graph.ops[0].outputs] == [0, 128, 256]
    assert [offsets[str(name)] - offsets[y] for name in graph.ops[-1].inputs] == [0, 128, 256]


def test_ops_over_several_images_are_not_banded() -> None:
    net = NetOfRows((8, 8, 4), seed=3)
    net.convolution("x", 4, (3, 3), (1, 1))
    graph = net.graph()
    assert can_band(graph, 0, 0)
    batches = replace(graph.tensors["x"], shape=(2, 4, 8, 4))
    assert not can_band(replace(graph, tensors={**graph.tensors, "x": batches}), 0, 0)


@pytest.mark.parametrize("name", ["x", "y0", "y1", "y2", "y3"])
def test_shadow_finds_a_tensor_that_was_moved_over_others(name: str) -> None:
    graph = deep_net()
    offsets = dict(plan_layout(graph, REFERENCE, may_overlap=False).offset_bytes)
    verify_layout(with_offsets(graph, offsets), REFERENCE)
    scope = {"x": 0, "y0": 0, "y1": 2, "y2": 2, "y3": 4}[name]
    victim = graph.ops[scope].outputs[0] if graph.ops[scope].outputs[0] != name else str(graph.ops[scope].inputs[0])
    offsets[name] = offsets[victim] + 16
    with pytest.raises(AssertionError):
        verify_layout(with_offsets(graph, offsets), REFERENCE)


def test_live_bytes_of_a_planned_graph_count_shared_bytes_once() -> None:
    graph = deep_net()
    layout = plan_layout(graph, REFERENCE, may_overlap=True)
    report = plan_memory(with_offsets(graph, layout.offset_bytes), 0, REFERENCE)
    assert report.peak.live_bytes <= report.tflm.head_bytes < report.head_bound_bytes
