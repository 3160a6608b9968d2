# SPDX-License-Identifier: Apache-2.0
"""The fixed-point functions against real ones. That they equal TFLM's in every bit, the differential tests show."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sapmcu.reference.gemmlowp import (
    ONE,
    exp_on_negative_values,
    inverse_sqrt,
    leading_zeros,
    log_of_at_least_1,
    one_over_one_plus_x,
    reciprocal,
    rescale,
    rounding_half_sum,
)

FIXED = settings(max_examples=300)
GENERATOR = np.random.default_rng(5)


def real(raw: np.ndarray, bits: int) -> np.ndarray:
    """The number that raw stands for, with so many integer bits."""
    return raw / 2.0 ** (31 - bits)


@FIXED
@given(st.integers(0, 2**32 - 1))
@example(0)
@example(1)
@example(2**31)
@example(2**32 - 1)
def test_leading_zeros(x: int) -> None:
    assert leading_zeros(np.array(x)) == 32 - x.bit_length()


@FIXED
@given(st.integers(-(2**31), 2**31 - 1), st.integers(-(2**31), 2**31 - 1))
@example(-1, 0)
@example(1, 0)
def test_half_sum_rounds_away_from_zero(a: int, b: int) -> None:
    exact = Fraction(a + b, 2)
    assert rounding_half_sum(a, b) == math.copysign(math.ceil(abs(exact)), exact)


@FIXED
@given(st.integers(-(2**31), 2**31 - 1), st.integers(0, 12), st.integers(0, 12))
def test_rescale_saturates_or_rounds(x: int, bits: int, to_bits: int) -> None:
    exact = Fraction(x) * Fraction(2) ** (bits - to_bits)
    got = int(rescale(np.array(x), bits, to_bits))
    assert -(2**31) <= got < 2**31
    if -(2**31) <= exact <= 2**31 - 1:
        assert abs(got - exact) <= Fraction(1, 2)
    else:
        assert got == (2**31 - 1 if exact > 0 else -(2**31))


@pytest.mark.parametrize("bits", range(6))
def test_exp(bits: int) -> None:
    raw = np.concatenate([-GENERATOR.integers(1, 2**31, 5000), [-1, -(2**31) + 1, -(2 ** (29 - bits))]])
    got = real(exp_on_negative_values(raw, bits), 0)
    # Taylor's series ends after x⁴/24: 1/8⁵/120 is left
    np.testing.assert_allclose(got, np.exp(real(raw, bits)), rtol=0, atol=2.6e-7)
    assert exp_on_negative_values(np.array([0]), bits) == ONE


def test_one_over_one_plus_x() -> None:
    raw = np.concatenate([GENERATOR.integers(0, 2**31, 5000), [0, 1, 2**31 - 1]])
    np.testing.assert_allclose(real(one_over_one_plus_x(raw), 0), 1 / (1 + real(raw, 0)), rtol=0, atol=2e-8)


def test_reciprocal() -> None:
    raw = np.concatenate([2 ** GENERATOR.integers(0, 31, 2000) + GENERATOR.integers(0, 2000, 2000), [1, 2**31 - 1]])
    scale, bits = reciprocal(raw, 12)
    np.testing.assert_allclose(real(scale, 0) * 2.0**-bits * real(raw, 12), 1, rtol=0, atol=3e-8)


def test_log() -> None:
    raw = np.concatenate([GENERATOR.integers(2**19, 2**31, 5000), 2 ** np.arange(19, 31)])
    np.testing.assert_allclose(real(log_of_at_least_1(raw, 12, 5), 5), np.log(real(raw, 12)), rtol=0, atol=5e-8)


def test_inverse_sqrt() -> None:
    raw = np.concatenate([2 ** GENERATOR.integers(1, 31, 2000) + GENERATOR.integers(0, 2000, 2000), [2, 3, 2**31 - 1]])
    raw = np.minimum(raw, 2**31 - 1)
    multiplier, shift = inverse_sqrt(raw)
    # five steps from 1 converge worst at the ends of [1/2, 2]
    np.testing.assert_allclose(multiplier * 2.0 ** (shift - 31) * np.sqrt(raw), 1, rtol=0, atol=1.3e-6)


def test_inverse_sqrt_takes_0_for_1() -> None:
    multiplier, shift = inverse_sqrt(np.array([0, 1]))
    assert multiplier.tolist() == [ONE, ONE]
    assert shift.tolist() == [0, 0]
