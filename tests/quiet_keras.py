# SPDX-License-Identifier: Apache-2.0
"""Keras in the test's own process: on the processor, one thread, without TensorFlow's warnings on import."""

from __future__ import annotations

import os
import warnings

import pytest

os.environ.update(
    TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="-1", TF_ENABLE_ONEDNN_OPTS="0", KERAS_BACKEND="tensorflow"
)
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    if os.environ.get("CI") != "true":
        pytest.importorskip("tensorflow")
    import keras
    import tensorflow as tf

    import sapmcu.layers as layers

__all__ = ["keras", "layers", "tf"]
