# SPDX-License-Identifier: Apache-2.0
"""The results of a grid of trainings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sapmcu.ir.measure import ACCURACY


@dataclass(frozen=True)
class ResultRow:
    """One run. pooling: its name in the grid; kind and options: what it is. Accuracies are of the whole part: shares
    that are right, or, where `measure` says so, a detector's mean average precision (sapmcu.ir.measure).

    tflm_sram_bytes: TFLM's arena, CMSIS-NN kernels. native_sram_bytes: the native engine's op after op,
    native_rows_sram_bytes by rows at the same MACs, native_input_rows_sram_bytes with the input delivered by rows, too;
    None where it can't run the network (native_refusal), the latter two also in rows of older versions. flash_bytes:
    model_bytes and TFLM's code, an estimate. agreement: share of the test pictures that float and int8 put in the same
    class, None of a detector. seconds: of training.
    """

    name: str
    pooling: str
    kind: str
    options: Mapping[str, object]
    strides: str
    placement: str
    seed: int
    parameters: int
    macs: int
    tflm_sram_bytes: int
    native_sram_bytes: int | None
    native_refusal: str
    model_bytes: int
    flash_bytes: int
    epochs: int
    best_epoch: int
    validation_accuracy: float
    float_test_accuracy: float
    int8_test_accuracy: float
    agreement: float | None
    seconds: float
    measure: str = ACCURACY
    native_rows_sram_bytes: int | None = None
    native_input_rows_sram_bytes: int | None = None


@dataclass(frozen=True)
class Comparison:
    """facts: of the base recipe. runs: of the whole grid; rows: those that are done. failures: message by name."""

    recipe: str
    facts: Mapping[str, object]
    runs: int
    rows: Sequence[ResultRow]
    failures: Mapping[str, str]
