# SPDX-License-Identifier: Apache-2.0
"""A model of TensorFlow Lite Micro's memory: its arena to the byte, its code by an estimate."""

from sapmcu.plan.tflm.predict import predict_arena
from sapmcu.plan.tflm.target import PYPI_HOST, Target, target_for

__all__ = ["PYPI_HOST", "Target", "predict_arena", "target_for"]
