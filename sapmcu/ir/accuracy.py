# SPDX-License-Identifier: Apache-2.0
"""How far an int8 model is from the float one: what quantize/accuracy.py measures and reports show."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OutputAccuracy:
    """One output. sqnr_db: signal to quantization noise, ±200 at most. largest_error: in real units."""

    name: str
    sqnr_db: float
    largest_error: float


@dataclass(frozen=True, slots=True)
class LayerAccuracy:
    """One op's output, int8 against float, each model running on its own inputs: noise of earlier layers included."""

    op: int
    type: str
    layer: str
    sqnr_db: float


@dataclass(frozen=True, slots=True)
class Accuracy:
    """int8 against float.

    argmax_agreement: share of the samples in which both name the same class; None for a model that is no classifier.
    *_accuracy: share of right classes; None without labels. layers: worst first; empty where not asked for.
    """

    samples: int
    origin: str
    is_guessed: bool
    outputs: tuple[OutputAccuracy, ...]
    argmax_agreement: float | None
    float_accuracy: float | None
    int8_accuracy: float | None
    layers: tuple[LayerAccuracy, ...] = ()
