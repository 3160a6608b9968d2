# SPDX-License-Identifier: Apache-2.0
"""The fixed-point helpers against exact definitions in integers and rationals."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from single_op import tensor

from sapmcu.ir.ops import Range
from sapmcu.reference.fixed_point import (
    multiply_by_quantized_multiplier,
    quantize_multiplier,
    quantize_multipliers,
    requantize,
    round_half_away,
    rounding_divide_by_pot,
    saturating_rounding_doubling_high_mul,
    wrap_int32,
)

INT32 = st.one_of(
    st.integers(-(2**31), 2**31 - 1),
    st.sampled_from([-(2**31), -(2**31) + 1, -(2**30), -1, 0, 1, 2**30, 2**31 - 1]),
)
FIXED = settings(max_examples=500)


def half_up(x: Fraction) -> int:
    return math.floor(x + Fraction(1, 2))


def half_away(x: Fraction) -> int:
    return -half_up(-x) if x < 0 else half_up(x)


@FIXED
@given(st.floats(2**-60, 2**60))
@example(1 - 2**-33)
@example(1 - 2**-32)
@example(2.0**-32)
@example(2.0**-33)
def test_a_multiplier_is_the_nearest_of_31_bits(real: float) -> None:
    multiplier, shift = quantize_multiplier(real)
    if real < 2**-32 - 2**-64:
        assert (multiplier, shift) == (0, 0)
        return
    assert 2**30 <= multiplier < 2**31
    step = Fraction(2) ** (shift - 31)
    assert abs(multiplier * step - Fraction(real)) <= step / 2


def test_a_multiplier_that_rounds_to_1_takes_one_more_bit_of_shift() -> None:
    assert quantize_multiplier(1 - 2**-33) == (2**30, 1)
    assert quantize_multiplier(1 - 2**-32) == (2**30, 1)
    assert quantize_multiplier(1 - 2**-31) == (2**31 - 1, 0)


@pytest.mark.parametrize("real", [0.0, 2**-33, 1e-300])
def test_a_factor_that_leaves_no_bit_is_zero(real: float) -> None:
    assert quantize_multiplier(real) == (0, 0)


def test_multipliers_come_as_arrays() -> None:
    multipliers, shifts = quantize_multipliers([0.5, 3.0])
    assert multipliers.tolist() == [2**30, 3 * 2**29]
    assert shifts.tolist() == [0, 2]
    assert [len(one) for one in quantize_multipliers([])] == [0, 0]


@FIXED
@given(st.floats(-(2**40), 2**40))
@example(0.5)
@example(-0.5)
@example(2.5)
def test_round_half_away(real: float) -> None:
    assert round_half_away(real) == half_away(Fraction(real))


@FIXED
@given(INT32, INT32)
@example(2**15, 2**15)
@example(-(2**15), 2**15)
@example(-(2**31), -(2**31))
def test_high_mul_rounds_to_nearest_ties_up_and_saturates(a: int, b: int) -> None:
    expected = min(half_up(Fraction(a * b, 2**31)), 2**31 - 1)
    assert saturating_rounding_doubling_high_mul(np.array(a), b) == expected


@FIXED
@given(INT32, st.integers(0, 31))
@example(-1, 1)
@example(1, 1)
@example(-3, 1)
@example(-(2**31), 31)
@example(-(2**30), 31)
def test_divide_by_a_power_of_two_rounds_ties_away_from_zero(x: int, exponent: int) -> None:
    assert rounding_divide_by_pot(np.array(x), exponent) == half_away(Fraction(x, 2**exponent))


@FIXED
@given(st.integers(-(2**62), 2**62))
@example(2**31)
@example(-(2**31) - 1)
def test_wrap_int32_keeps_the_low_32_bits(x: int) -> None:
    assert wrap_int32(np.array(x)) == (x + 2**31) % 2**32 - 2**31


@FIXED
@given(INT32, st.integers(2**30, 2**31 - 1), st.integers(-31, 30))
def test_a_multiplication_rounds_twice_and_its_left_shift_wraps(x: int, multiplier: int, shift: int) -> None:
    shifted = (x * 2 ** max(shift, 0) + 2**31) % 2**32 - 2**31
    high = half_up(Fraction(shifted * multiplier, 2**31))
    assert multiply_by_quantized_multiplier(np.array(x), multiplier, shift) == half_away(
        Fraction(high, 2 ** max(-shift, 0))
    )


@FIXED
@given(st.integers(-(2**20), 2**20), st.floats(2**-30, 1))
def test_a_multiplication_is_at_most_one_step_off(x: int, real: float) -> None:
    got = int(multiply_by_quantized_multiplier(np.array(x), *quantize_multiplier(real)))
    assert abs(got - x * Fraction(real)) <= 1


def test_a_multiplication_broadcasts_over_channels() -> None:
    factors = quantize_multipliers([1.0, 0.5, 0.25])
    got = multiply_by_quantized_multiplier(np.array([[8, 8, 8], [-6, -6, -6]]), *factors)
    assert got.tolist() == [[8, 4, 2], [-6, -3, -2]]  # −1.5 is a tie


def test_requantize_adds_the_zero_point_then_clamps() -> None:
    y = tensor("y", (4,), zero_point=-5)
    sums = np.array([-1000, -10, 10, 1000])
    assert requantize(sums, quantize_multiplier(0.5), y, Range(-128, 100)).tolist() == [-128, -10, 0, 100]


def test_requantize_wraps_where_32_bits_end() -> None:
    """As TFLM's build does: in the sum, in the left shift, and in adding the zero point."""
    y, full = tensor("y", (1,), zero_point=100), Range(-128, 127)
    nearly_1 = (2**31 - 1, 0)
    assert requantize(np.array([2**31 - 200]), nearly_1, y, full).tolist() == [127]
    assert requantize(np.array([2**31 - 50]), nearly_1, y, full).tolist() == [-128]
    assert requantize(np.array([2**31 + 50]), nearly_1, y, full).tolist() == [-128]
    assert requantize(np.array([2**32 + 8]), nearly_1, y, full).tolist() == [108]
    assert requantize(np.array([2**31 - 1]), (2**30, 1), y, full).tolist() == [99]  # the left shift wrapped to −2
