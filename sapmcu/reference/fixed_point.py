# SPDX-License-Identifier: Apache-2.0
"""Integer forms of real factors, with TFLM's roundings.

Source: tflite-micro 90b983c2, tensorflow/lite/kernels/internal/{quantization_util.cc,common.cc} and gemmlowp's
fixedpoint.h. TFLM is built without TFLITE_SINGLE_ROUNDING: two roundings.
"""

from __future__ import annotations

import math

import numpy as np

from sapmcu.ir.graph import Array

INT32_MIN, INT32_MAX = -(2**31), 2**31 - 1
I64 = np.int64


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


def round_half_away(real: float) -> int:
    """C's round()."""
    return int(math.copysign(math.floor(abs(real) + 0.5), real))


def saturating_rounding_doubling_high_mul(a: Array, b: Array | int) -> Array:
    """High 32 bits of 2ab, rounded to nearest with ties away from zero; (−2^31)² saturates."""
    a64, b64 = np.asarray(a, I64), np.asarray(b, I64)
    product = a64 * b64
    nudged = product + np.where(product >= 0, I64(1 << 30), I64(1 - (1 << 30)))
    high = np.where(nudged >= 0, nudged >> 31, -((-nudged) >> 31))  # C's division, towards zero
    return np.where((a64 == INT32_MIN) & (b64 == INT32_MIN), I64(INT32_MAX), high)


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
