# SPDX-License-Identifier: Apache-2.0
"""Sums of two tensors as one weighted sum of their numbers, where that is proved to give TFLM's result for all pairs.

TFLM scales both operands by 2^20 and rounds three times. Of int8 there are only 65,536 pairs: for two weights, each
bounds the offset from below and from above, so that the offsets that are right for all are an interval.

    (offset + x · x_factor + y · y_factor) >> 22, saturated to int8
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from sapmcu.ir.graph import Array
from sapmcu.reference.fixed_point import INT32_MAX, multiply_by_quantized_multiplier

BITS = 22
"""SAPMCU_WEIGHTED_SUM_BITS of sapmcu/binary.h."""
RAISED_BITS = 20
"""TFLM's, of both operands. Source: tensorflow/lite/micro/kernels/add_common.cc, left_shift."""
LOW, HIGH = -128, 127
MAX_DISTANCE = 3
"""How far from the ideal factors others are tried."""
_BEYOND = 1 << 40


@dataclass(frozen=True, slots=True)
class WeightedSum:
    x_factor: int
    y_factor: int
    offset: int

    def results(self) -> Array:
        """[256, 256]: by x and y from −128 on."""
        numbers = np.arange(LOW, HIGH + 1)
        sums = self.offset + self.x_factor * numbers[:, None] + self.y_factor * numbers
        return np.clip(sums >> BITS, LOW, HIGH)


def sum_table(fields: Mapping[str, int], sign: int) -> Array:
    """What TFLM gives for all pairs, [256, 256]. fields: of sapmcu_sum_s8_params, without a narrower clamp."""
    raised = [
        multiply_by_quantized_multiplier(
            (np.arange(LOW, HIGH + 1) - fields[f"{name}_zero_point"]) << RAISED_BITS,
            fields[f"{name}_multiplier"],
            fields[f"{name}_shift"],
        )
        for name in "xy"
    ]
    sums = raised[0][:, None] + sign * raised[1]
    scaled = multiply_by_quantized_multiplier(sums, fields["z_multiplier"], fields["z_shift"])
    return np.clip(scaled + fields["z_zero_point"], LOW, HIGH)


def find_weighted_sum(fields: Mapping[str, int], sign: int) -> WeightedSum | None:
    """Factors and offset that give sum_table; None where none of those near the real ones do."""
    table = sum_table(fields, sign)
    least = np.where(table > LOW, table << BITS, -_BEYOND)
    most = np.where(table < HIGH, ((table + 1) << BITS) - 1, _BEYOND)
    numbers = np.arange(LOW, HIGH + 1)
    for x_factor, y_factor in _factors(fields, sign):
        sums = x_factor * numbers[:, None] + y_factor * numbers
        first, last = int((least - sums).max()), int((most - sums).min())
        offset = (first + last) >> 1
        if first <= last and abs(offset) - LOW * (abs(x_factor) + abs(y_factor)) <= INT32_MAX:
            return WeightedSum(x_factor, y_factor, offset)
    return None


def _factors(fields: Mapping[str, int], sign: int) -> Iterator[tuple[int, int]]:
    """Pairs of factors, the ideal one first."""
    x, y, z = (fields[f"{name}_multiplier"] * 2.0 ** (fields[f"{name}_shift"] - 31) for name in "xyz")
    ideal = [round(one * z * 2 ** (BITS + RAISED_BITS)) for one in (x, sign * y)]
    near = sorted(range(-MAX_DISTANCE, MAX_DISTANCE + 1), key=abs)
    for distance in sorted(((a, b) for a in near for b in near), key=lambda pair: max(map(abs, pair))):
        yield ideal[0] + distance[0], ideal[1] + distance[1]
