# SPDX-License-Identifier: Apache-2.0
"""Functions of gemmlowp in fixed point: a raw value and its count of integer bits; the rest of 31 bits is fraction.

Source: gemmlowp, fixedpoint/fixedpoint.h; tensorflow/lite/kernels/internal/common.h.
"""

from __future__ import annotations

import numpy as np

from sapmcu.ir.graph import Array
from sapmcu.reference.fixed_point import (
    I64,
    INT32_MAX,
    INT32_MIN,
    rounding_divide_by_pot,
    saturating_rounding_doubling_high_mul,
    wrap_int32,
)

mul = saturating_rounding_doubling_high_mul
"""The product of two fixed-point numbers; their integer bits add up."""

ONE = INT32_MAX
"""1 without integer bits, which is just short of 1."""


def rescale(x: Array, bits: int, to_bits: int) -> Array:
    """The same number with other integer bits: rounded where fraction is lost, saturated where range is."""
    if to_bits >= bits:
        return rounding_divide_by_pot(x, to_bits - bits)
    return np.clip(np.asarray(x, I64) << (bits - to_bits), INT32_MIN, INT32_MAX)


def rounding_half_sum(a: Array | int, b: Array | int) -> Array:
    """(a + b) / 2, ties away from zero."""
    return rounding_divide_by_pot(np.asarray(a, I64) + np.asarray(b, I64), 1)


EXP_MINUS_EIGHTH = 1895147668
"""e^(−1/8) · 2^31."""
ONE_THIRD = 715827883
"""2^31 / 3."""
EXP_OF_POWERS = {
    -2: 1672461947,
    -1: 1302514674,
    0: 790015084,
    1: 290630308,
    2: 39332535,
    3: 720401,
    4: 242,
}
"""e^(−2^k) · 2^31 by k."""


def exp_on_negative_values(a: Array, bits: int) -> Array:
    """e^a for a ≤ 0, without integer bits. bits: integer bits of a, at most 5."""
    assert bits <= 5
    a = np.asarray(a, I64)
    fraction = 31 - bits
    quarter = 1 << (fraction - 2)
    within = (a & (quarter - 1)) - quarter
    result = _exp_near_zero(rescale(within, bits, 0))
    remainder = within - a
    for power, multiplier in EXP_OF_POWERS.items():
        if bits > power:
            result = np.where(remainder & (1 << (fraction + power)), mul(result, multiplier), result)
    return np.where(a == 0, ONE, result)


def _exp_near_zero(a: Array) -> Array:
    """e^a for −1/4 ≤ a < 0: four terms of Taylor's series around −1/8."""
    x = a + (1 << 28)
    x2 = mul(x, x)
    x3, x4 = mul(x2, x), mul(x2, x2)
    tail = rounding_divide_by_pot(mul(rounding_divide_by_pot(x4, 2) + x3, ONE_THIRD) + x2, 1)
    return EXP_MINUS_EIGHTH + mul(x + tail, EXP_MINUS_EIGHTH)


FORTY_EIGHT_OVER_17 = 1515870810
"""48/17 · 2^29, with 2 integer bits."""
MINUS_32_OVER_17 = -1010580540
"""−32/17 · 2^29, with 2 integer bits."""


def one_over_one_plus_x(x: Array) -> Array:
    """1 / (1 + x) for 0 ≤ x < 1, without integer bits."""
    return rescale(_two_over_one_plus_x(x), 1, 0)  # half of a number with 2 integer bits


def _two_over_one_plus_x(x: Array) -> Array:
    """2 / (1 + x) for 0 ≤ x < 1, with 2 integer bits: three steps of Newton and Raphson."""
    half_denominator = rounding_half_sum(x, ONE)
    quotient = FORTY_EIGHT_OVER_17 + mul(half_denominator, MINUS_32_OVER_17)
    for _ in range(3):
        error = (1 << 29) - mul(half_denominator, quotient)
        quotient = quotient + rescale(mul(quotient, error), 4, 2)
    return quotient


def logistic(a: Array, bits: int) -> Array:
    """1 / (1 + e^−a), without integer bits. bits: integer bits of a, at most 5."""
    positive = one_over_one_plus_x(exp_on_negative_values(-np.abs(a), bits))
    return np.where(a == 0, 1 << 30, np.where(a > 0, positive, ONE - positive))


def tanh(a: Array, bits: int) -> Array:
    """tanh(a) = 2 / (1 + e^2a) − 1 for a < 0, odd; without integer bits. bits: integer bits of a, at most 4."""
    exponential = exp_on_negative_values(-np.abs(a), bits + 1)  # one integer bit more doubles
    magnitude = rescale(_two_over_one_plus_x(exponential) - (1 << 29), 2, 0)
    return np.where(a == 0, 0, np.where(a < 0, -magnitude, magnitude))


def reciprocal(x: Array, bits: int) -> tuple[Array, Array]:
    """(y, n) with 1 / x ≈ y · 2^−n: y in [1/2, 1] without integer bits. x > 0. Source: common.h, GetReciprocal."""
    headroom = leading_zeros(x)
    mantissa = (x << headroom) - (1 << 31)
    return one_over_one_plus_x(mantissa), bits - headroom


def leading_zeros(x: Array) -> Array:
    """Of a 32-bit number, 0 ≤ x < 2^32."""
    # frexp is exact: a float64 holds every 32-bit number
    return 32 - np.frexp(np.asarray(x, np.float64))[1].astype(I64)


def leading_sign_bits(x: Array) -> Array:
    """Bits behind the sign of a 32-bit number that repeat it."""
    return leading_zeros(np.where(x < 0, ~np.asarray(x, I64), x)) - 1


HALF_SQRT_2 = 1518500250
"""√2 / 2 · 2^31."""


def inverse_sqrt(x: Array) -> tuple[Array, Array]:
    """(multiplier, shift) with 1 / √x ≈ multiplier · 2^(shift − 31), for 1 ≤ x < 2^31; 0 counts as 1.

    Five steps of Newton and Raphson from 1. Source: common.h, GetInvSqrtQuantizedMultiplierExp.
    """
    x = np.asarray(x, I64)
    fours = np.where(x >= 1 << 29, 1, 0)  # one division by 4 brings any 31-bit number below 2^29
    mantissa = np.maximum(x >> (2 * fours), 2)
    pairs = (leading_zeros(mantissa) - 1) // 2 - 1
    half = rounding_divide_by_pot((mantissa << (2 * pairs)) >> 1, 1)
    root = np.full_like(half, 1 << 28)
    for _ in range(5):
        cube = rescale(mul(mul(root, root), root), 9, 3)
        root = rescale(mul(root, (1 << 28) + (1 << 27)) - mul(half, cube), 6, 3)
    right = 11 + fours - pairs
    multiplier = wrap_int32(mul(root, HALF_SQRT_2) << np.maximum(-right, 0))
    return np.where(x <= 1, INT32_MAX, multiplier), np.where(x <= 1, 0, -np.maximum(right, 0))


LOG_2 = 1488522236
"""ln 2 · 2^31."""
SQRT_SQRT_HALF = 1805811301
"""2^(−1/4) · 2^31."""
ALPHA_N = 117049297
"""11/240 · 2^(1/4) · 2^31."""
ALPHA_D = 127690142
"""1/20 · 2^(1/4) · 2^31."""
ALPHA_I = 1057819769
"""(2 · 2^(−1/4) − 2^(1/4)) · 2^31."""
ALPHA_F = 638450708
"""1/4 · 2^(1/4) · 2^31."""


def log_of_at_least_1(x: Array, bits: int, to_bits: int) -> Array:
    """ln x for x ≥ 1. bits, to_bits: integer bits of x and of the result.

    x = 2^power · r, with r within 2^(±1/4) of 2^(−1/4): of the two candidates for r the lesser.
    Source: common.h, log_x_for_x_greater_than_or_equal_to_1_impl.
    """
    x = np.asarray(x, I64)
    sum_bits = to_bits + 1
    quarter = int(rescale(np.array(1 << 29), 0, sum_bits))
    headroom = leading_zeros(x)
    r_a = rescale(mul(_shift(x, headroom - 1), HALF_SQRT_2), 1, 0)
    power_a = _saturate(_shift(bits - headroom, 31 - sum_bits) + quarter)
    headroom_b = leading_zeros(mul(x, HALF_SQRT_2)) - 1
    r_b = _shift(x, headroom_b)
    power_b = _saturate(_shift(bits - headroom_b, 31 - sum_bits) - quarter)
    r, power = np.minimum(r_a, r_b), np.maximum(power_a, power_b)
    fraction = rescale(_log_numerator(r), 0, sum_bits)
    total = mul(power, LOG_2) + mul(fraction, one_over_one_plus_x(_log_denominator_minus_1(r)))
    return rescale(total, sum_bits, to_bits)


def _log_numerator(r: Array) -> Array:
    q = 2 * (r - SQRT_SQRT_HALF)
    return mul(q, r) + mul(mul(q, mul(q, q)), ALPHA_N)


def _log_denominator_minus_1(r: Array) -> Array:
    q = 2 * (r - SQRT_SQRT_HALF)
    p = rounding_half_sum(r, SQRT_SQRT_HALF)
    return mul(p, ALPHA_I + q + mul(mul(q, q), ALPHA_D)) + mul(q, ALPHA_F)


def _shift(x: Array, left: Array | int) -> Array:
    return _saturate(x << np.asarray(left, I64))


def _saturate(x: Array) -> Array:
    return np.clip(x, INT32_MIN, INT32_MAX)
