# SPDX-License-Identifier: Apache-2.0
"""Integer forms of real factors, with TFLM's roundings.

Source: tflite-micro 90b983c2, tensorflow/lite/kernels/internal/{quantization_util.cc,common.cc} and gemmlowp's
fixedpoint.h. TFLM is built without TFLITE_SINGLE_ROUNDING: two roundings. Values are 32-bit numbers held in int64.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import lru_cache

import numpy as np

from sapmcu.ir.graph import Array, Tensor
from sapmcu.ir.ops import Range

INT32_MIN, INT32_MAX = -(2**31), 2**31 - 1
I64 = np.int64


@lru_cache(maxsize=1 << 16)
def quantize_multiplier(real: float) -> tuple[int, int]:
    """(multiplier, shift) with real ≈ multiplier · 2^(shift − 31); multiplier in [2^30, 2^31) or 0."""
    if real == 0.0:
        return 0, 0
    mantissa, shift = math.frexp(real)
    multiplier = round_half_away(mantissa * 2**31)
    assert multiplier <= 2**31
    if multiplier == 2**31:
        multiplier, shift = multiplier // 2, shift + 1
    if shift < -31:
        return 0, 0
    return multiplier, shift


def quantize_multipliers(reals: Iterable[float]) -> tuple[Array, Array]:
    """(multipliers, shifts) of each factor."""
    pairs = np.array([quantize_multiplier(real) for real in reals], I64).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]


def round_half_away(real: float) -> int:
    """C's round()."""
    return int(math.copysign(math.floor(abs(real) + 0.5), real))


def saturating_rounding_doubling_high_mul(a: Array | int, b: Array | int) -> Array:
    """2ab / 2^32 to nearest, ties up; (−2^31)² saturates.

    gemmlowp nudges by ±2^30 and divides towards zero, which is this floor for either sign.
    """
    product = np.asarray(a, I64) * np.asarray(b, I64)
    return np.minimum((product + (1 << 30)) >> 31, INT32_MAX)


def rounding_divide_by_pot(x: Array, exponent: Array | int) -> Array:
    """x / 2^exponent to nearest, ties away from zero."""
    x64, exponent64 = np.asarray(x, I64), np.asarray(exponent, I64)
    mask = (I64(1) << exponent64) - 1
    threshold = (mask >> 1) + (x64 < 0)
    return (x64 >> exponent64) + ((x64 & mask) > threshold)


def multiply_by_quantized_multiplier(x: Array, multiplier: Array | int, shift: Array | int) -> Array:
    """x · multiplier · 2^(shift − 31) in int64, with the roundings of TFLM; a left shift wraps in 32 bits."""
    shift64 = np.asarray(shift, I64)
    left, right = np.maximum(shift64, 0), np.maximum(-shift64, 0)
    shifted = wrap_int32(np.asarray(x, I64) << left)
    return rounding_divide_by_pot(saturating_rounding_doubling_high_mul(shifted, multiplier), right)


def wrap_int32(x: Array) -> Array:
    """The low 32 bits as a signed number, in int64."""
    return np.asarray(x, I64).astype(np.int32).astype(I64)


def requantize(sums: Array, factors: tuple[Array, Array] | tuple[int, int], output: Tensor, clamp: Range) -> Array:
    """The int8 output of a kernel from its sums. factors: (multipliers, shifts) that broadcast to sums' last axis.

    Where 32 bits end, all wraps as in TFLM's build: sums (with the left shift), and adding the zero point.
    """
    scaled = multiply_by_quantized_multiplier(sums, *factors)
    return np.clip(wrap_int32(scaled + output.zero_point), int(clamp.low), int(clamp.high)).astype(np.int8)
