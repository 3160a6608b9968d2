# SPDX-License-Identifier: Apache-2.0
"""Which ops get packed kernels."""

from __future__ import annotations

from reference_models import reference_model

from sapmcu.frontends.tflite import load_tflite
from sapmcu.ir.twins import Twins
from sapmcu.lower import lower_ops
from sapmcu.pipeline import native_graph


def test_a_channel_that_is_constant_keeps_no_op_from_packed_kernels() -> None:
    # channel 7 of the first two ops is: by the scale of its depthwise filter no sequence would suit all channels
    graph, _, _ = native_graph(load_tflite(reference_model("tflm_person_detect.tflite")))
    first, second, *_ = lower_ops(graph, twins=Twins.DSP)
    kernels = [one.lowered.forms[0].kernel for one in (first, second)]
    assert all(kernel is not None and "packed" in kernel.name for kernel in kernels)
