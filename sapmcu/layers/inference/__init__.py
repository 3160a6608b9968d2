# SPDX-License-Identifier: Apache-2.0
"""Trained poolings -> ops that are quantized well and that TensorFlow Lite Micro has."""

from __future__ import annotations

from sapmcu.layers.inference.folding import fold_poolings

__all__ = ["fold_poolings"]
