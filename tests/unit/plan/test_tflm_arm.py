# SPDX-License-Identifier: Apache-2.0
"""The predicted arena against figures measured on Arm builds of TFLM."""

from __future__ import annotations

import pytest
from reference_models import reference_model

from sapmcu.frontends.tflite import load_tflite
from sapmcu.ir.memory import Kernels
from sapmcu.plan.tflm.predict import predict_arena
from sapmcu.plan.tflm.target import target_for

# arena_used_bytes(), and the smallest arena (of multiples of 16) with which AllocateTensors succeeded, in emulated
# Cortex-M4F builds of tflite-micro 90b983c2 with GCC 12.2: reference kernels, then CMSIS-NN.
MEASURED = {
    "mlperf_ic_resnet_quant.tflite": ((54_340, 54_352), (54_996, 55_008)),
    "mlperf_kws_ref_model.tflite": ((22_772, 22_784), (22_820, 22_832)),
    "tflm_person_detect.tflite": ((82_292, 82_304), (82_308, 82_320)),
    "tflm_micro_speech_quantized.tflite": ((6_788, 6_800), (6_836, 6_848)),
    "tflm_hello_world_int8.tflite": ((676, 1_072), (772, 1_168)),
}


@pytest.mark.parametrize("kernels", Kernels)
@pytest.mark.parametrize("name", MEASURED)
def test_arena_of_a_reference_model_is_the_measured_one(name: str, kernels: Kernels) -> None:
    use = predict_arena(load_tflite(reference_model(name)), target_for(kernels))
    measured = MEASURED[name][list(Kernels).index(kernels)]
    assert (use.used_bytes, use.required_bytes) == measured
    assert use.unknown_ops == ()
