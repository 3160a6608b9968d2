# SPDX-License-Identifier: Apache-2.0
"""The memory report: its figures by hand, and its estimate of TFLM's code against linked applications."""

from __future__ import annotations

import struct
from dataclasses import replace
from pathlib import Path

import pytest
from reference_models import reference_model
from small_graphs import residual
from tflm_graphs import SINGLE_OPS, X, Y, one_op, opaque

from sapmcu.emit.tflm_ops import INT8_KERNELS
from sapmcu.errors import UserError
from sapmcu.frontends.tflite import load_tflite
from sapmcu.ir import ops
from sapmcu.ir.graph import DType, Graph, Tensor
from sapmcu.ir.memory import Kernels
from sapmcu.ir.text import parse_text
from sapmcu.plan.memory import plan_memory
from sapmcu.plan.tflm import target_for
from sapmcu.plan.tflm.code_size import engine_bytes, load_code_sizes
from sapmcu.report.json import memory_json
from sapmcu.report.terminal import render_memory

CMSIS_NN = target_for(Kernels.CMSIS_NN)

# text + data of linked applications (Cortex-M4F, GCC 12.2, -Os, exactly the ops, no start-up code): reference, CMSIS
LINKED = {
    "mlperf_ic_resnet_quant.tflite": (44_820, 50_284),
    "mlperf_kws_ref_model.tflite": (40_376, 52_480),
    "tflm_hello_world_int8.tflite": (19_440, 27_216),
    "tflm_micro_speech_quantized.tflite": (32_464, 43_252),
    "tflm_person_detect.tflite": (36_232, 42_736),
}


def test_report_of_a_residual_block() -> None:
    report = plan_memory(residual(), 1000, CMSIS_NN)
    assert [op.output_bytes for op in report.ops] == [32, 32, 32]
    assert [op.live_bytes for op in report.ops] == [64, 96, 96]
    assert [op.macs for op in report.ops] == [64, 64, 0]
    assert report.peak.index == 1
    assert report.peak.live == (("x", 32), ("a", 32), ("b", 32))
    assert report.macs == 128
    assert (report.tflm.head_bytes, report.best_head_bytes, report.head_bound_bytes) == (96, 96, 96)
    assert report.flash_bytes == 1000 + report.engine_bytes
    assert report.notes == ()


def test_scratch_counts_at_the_peak_and_in_the_best_head() -> None:
    graph = SINGLE_OPS[ops.AveragePool2D]  # 120 bytes to 60, and 4 bytes of scratch a channel
    report = plan_memory(graph, 0, CMSIS_NN)
    assert report.peak.scratch_bytes == 16
    assert report.best_head_bytes == report.head_bound_bytes == 128 + 64 + 16


def test_best_head_undercuts_the_greedy_one() -> None:
    """TFLM puts y and x at 0, b behind y, and then finds no room for a below b."""
    report = plan_memory(parse_text(CHAIN), 0, CMSIS_NN)
    assert report.tflm.offset_bytes == {"x": 0, "a": 48, "b": 32, "y": 0}
    assert report.tflm.head_bytes == 64
    assert report.best_head_bytes == report.head_bound_bytes == 48


CHAIN = """
graph chain ""
tensor x [32] int8 (0.5, 3)
const begin [1] int32 = 0
const size [1] int32 = 16
tensor a [16] int8 (0.5, 3)
tensor b [16] int8 (0.5, 3)
const paddings [1,2] int32 = 0 16
tensor y [32] int8 (0.5, 3)
input x
output y
a = Slice(x, begin, size)
b = Relu(a)
y = Pad(b, paddings)
"""


@pytest.mark.parametrize("kernels", Kernels)
@pytest.mark.parametrize("name", LINKED)
def test_engine_estimate_is_near_the_linked_application(name: str, kernels: Kernels) -> None:
    linked = LINKED[name][list(Kernels).index(kernels)]
    assert engine_bytes(load_tflite(reference_model(name)), kernels) == pytest.approx(linked, rel=0.02)


@pytest.mark.parametrize("kernels", Kernels)
def test_code_sizes_cover_every_known_op(kernels: Kernels) -> None:
    sizes = load_code_sizes()[kernels]
    wanted = {*CMSIS_NN.facts.temporaries, *(f"{code}_INT8" for code in INT8_KERNELS)}
    assert wanted - set(sizes.own_bytes) == set()
    assert {name for _, sharers in sizes.shared for name in sharers} <= set(sizes.own_bytes)


def test_engine_of_wider_types_is_larger() -> None:
    graph = SINGLE_OPS[ops.Maximum]
    wide = replace(
        graph,
        tensors={name: replace(one, dtype=DType.FLOAT32, quantization=None) for name, one in graph.tensors.items()},
    )
    assert engine_bytes(wide, Kernels.CMSIS_NN) > engine_bytes(graph, Kernels.CMSIS_NN)


def test_unknown_op_is_named_as_a_gap() -> None:
    report = plan_memory(one_op(opaque("x", "MYSTERY", ""), X, Y), 0, CMSIS_NN)
    assert report.tflm.unknown_ops == ("MYSTERY",)
    assert any("MYSTERY" in note and "lower bounds" in note for note in report.notes)


def test_offsets_for_another_model_are_named() -> None:
    plan = struct.pack("<4i", 1, 0, 1, 64)
    graph = replace(residual(), metadata={"OfflineMemoryAllocation": plan})
    report = plan_memory(graph, 0, CMSIS_NN)
    assert any("OfflineMemoryAllocation" in note for note in report.notes)
    assert report.tflm.head_bytes == 96


def test_model_without_ops_is_refused() -> None:
    graph = Graph("empty", {"x": Tensor("x", (1,), DType.INT8)}, (), ("x",), ("x",))
    with pytest.raises(UserError, match="no ops"):
        plan_memory(graph, 0, CMSIS_NN)


def test_report_renders(tflite_model: Path) -> None:
    report = plan_memory(load_tflite(tflite_model), 0, CMSIS_NN)
    assert f"{report.tflm.arena_bytes:,}" in render_memory(report, None, width=100)
    assert memory_json(report, None)["tflm"]["arena_bytes"] == report.tflm.arena_bytes
