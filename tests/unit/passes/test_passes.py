# SPDX-License-Identifier: Apache-2.0
"""What holds of the list of rewrites, and what convert reports of them."""

from __future__ import annotations

import dataclasses

import numpy as np
from reference_models import reference_model
from small_graphs import residual

from sapmcu.frontends.tflite import load_tflite
from sapmcu.ir.memory import Optimize
from sapmcu.ir.twins import Twins
from sapmcu.passes import PASSES
from sapmcu.pipeline import rewrite


def test_names_are_unique() -> None:
    assert len({one.name for one in PASSES}) == len(PASSES)


def test_a_report_has_what_each_rewrite_saved() -> None:
    graph = load_tflite(reference_model("tflm_person_detect.tflite"))
    _, rewrites = rewrite(graph, optimize=Optimize.SRAM)
    (found,) = (one for one in rewrites if not one.is_identity)
    assert found.name == "drop-dead-channels"
    saved = {
        key: value - dataclasses.asdict(found.after)[key] for key, value in dataclasses.asdict(found.before).items()
    }
    # 48·48 pixels of 9 taps twice and 16 filters once; 9 pixels of 256 taps; 2 filters of 1 pixel
    macs = 48 * 48 * (9 + 9 + 16) + 9 * 256 + 2
    assert saved == {"ops": 0, "tensors": 0, "filters": 3, "macs": macs, "constant_bytes": 304, "live_bytes": 2304}


def test_a_multiple_of_four_channels_stays_one_for_kernels_that_take_fours() -> None:
    graph = load_tflite(reference_model("tflm_person_detect.tflite"))
    assert all(one.is_identity for twins in (Twins.DSP, Twins.MVE) for one in rewrite(graph, twins=twins)[1])
    least = rewrite(graph, optimize=Optimize.SRAM)[0]
    assert all(rewrite(graph, twins=twins)[0] == least != graph for twins in (Twins.NONE, Twins.V6M))


def test_a_graph_with_a_plan_of_its_arena_keeps_its_tensors() -> None:
    graph = load_tflite(reference_model("tflm_person_detect.tflite"))
    plan = np.array([1, 0, len(graph.tensors), *[-1] * len(graph.tensors)], "<i4").tobytes()
    graph = dataclasses.replace(graph, metadata={"OfflineMemoryAllocation": plan})
    assert rewrite(graph)[0] == graph


def test_a_graph_without_anything_to_rewrite_stays() -> None:
    assert rewrite(residual())[0] == residual()
