# SPDX-License-Identifier: Apache-2.0
"""Models made elsewhere: where they are, and their names."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
REFERENCE_MODELS = Path(os.environ.get("SAPMCU_REFERENCE_MODELS", ROOT.parent / "shared" / "reference-models"))


def reference_model(name: str) -> Path:
    """A model made elsewhere; the test is skipped, by name, where the models are absent."""
    path = REFERENCE_MODELS / name
    if not path.exists():
        pytest.skip(f"reference model {name} is not in {REFERENCE_MODELS}")
    return path


TFLITE_MODELS = (
    "mlperf_ic_resnet_quant.tflite",
    "mlperf_kws_ref_model.tflite",
    "tflm_hello_world_int8.tflite",
    "tflm_micro_speech_quantized.tflite",
    "tflm_person_detect.tflite",
)

ZOO_MODELS = tuple(sorted(path for path in (ROOT / "models").glob("*/*.tflite") if path.stem != "mobilenet_v2_max"))
"""Those of models/, but the twin, which has no op that the others lack."""
