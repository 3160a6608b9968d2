# SPDX-License-Identifier: Apache-2.0
"""A sequence that is found gives TFLM's numbers for every sum; where none is found, none is claimed."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sapmcu.ir.graph import Array
from sapmcu.lower.requantization import (
    FRACTION_BITS,
    HIGH,
    LOW,
    SUM_BITS,
    Channels,
    Sequence,
    find_scaled_sequence,
    find_sequence,
    first_sums,
    max_sum,
)

MAX_SUM = max_sum()
multipliers = st.one_of(st.integers(2**30, 2**31 - 1), st.sampled_from([2**30, 2**31 - 1, 2**30 + 1]))
zero_points = st.one_of(st.just(-128), st.integers(-128, 127))


def channel(multiplier: int, shift: int, zero_point: int, first: int, last: int) -> Channels:
    numbers = (np.array([one]) for one in (multiplier, shift))
    return Channels(*numbers, zero_point, np.array([first]), np.array([last]))


@st.composite
def channels(draw: st.DrawFn, reach: int, shifts: st.SearchStrategy[int]) -> Channels:
    ends = sorted((draw(st.integers(-reach, reach)), draw(st.integers(-reach, reach))))
    return channel(draw(multipliers), draw(shifts), draw(zero_points), *ends)


def assert_equal(one: Channels, sequence: Sequence, sums: Array) -> None:
    np.testing.assert_array_equal(sequence.results(sums[None]), one.results(sums[None]))


@given(channels(3000, st.integers(-12, 0)))
def test_all_sums_of_a_small_range_give_tflms_numbers(one: Channels) -> None:
    sequence = find_sequence(one)
    if sequence is not None:
        assert_equal(one, sequence, np.arange(one.first[0], one.last[0] + 1))


@given(channels(MAX_SUM, st.integers(-31, 0)))
def test_sums_around_every_step_give_tflms_numbers(one: Channels) -> None:
    sequence = find_sequence(one)
    if sequence is not None:
        near = first_sums(one)[0][:, None] + np.arange(-3, 4)
        sums = np.concatenate([near.ravel(), one.first + np.arange(4), one.last - np.arange(4), np.arange(-3, 4)])
        assert_equal(one, sequence, np.clip(sums, one.first[0], one.last[0]))


@given(channels(MAX_SUM, st.integers(-20, 0)))
def test_sums_that_a_kernel_scales_more_give_tflms_numbers(one: Channels) -> None:
    """As the instructions compute them, from the sum by 2^bits."""
    scaled = find_scaled_sequence(one)
    if scaled is not None:
        near = first_sums(one)[0][:, None] + np.arange(-3, 4)
        sums = np.concatenate([near.ravel(), one.first + np.arange(4), one.last - np.arange(4), np.arange(-3, 4)])
        sums = np.clip(sums, one.first[0], one.last[0])
        given_sums = sums << scaled.bits
        assert np.abs(given_sums).max() < 2**31 and scaled.factor.max() < 2**31
        high = scaled.offset + ((given_sums * scaled.factor) >> 32)
        assert np.abs(high).max() < 2**31
        np.testing.assert_array_equal(np.clip(high >> FRACTION_BITS, LOW, HIGH), one.results(sums[None])[0])


def test_a_scale_that_is_too_large_for_sums_by_256_has_a_sequence_for_larger_ones() -> None:
    one = channel(2**30 + 2**28, -2, -128, -120_000, 20_000)
    scaled = find_scaled_sequence(one)
    assert scaled is not None and scaled.bits[0] > SUM_BITS


@given(channels(2000, st.integers(-9, 0)))
def test_first_sums_are_where_the_staircase_rises(one: Channels) -> None:
    sums = np.arange(-4000, 4001)
    results = one.results(sums[None])[0]
    for number, first in zip(range(LOW + 1, HIGH + 1), first_sums(one)[0], strict=True):
        assert ((sums >= first) == (results >= number)).all()


def is_word(numbers: Array) -> bool:
    return bool((numbers >= -(2**31)).all() and (numbers < 2**31).all())


@given(channels(MAX_SUM, st.integers(-31, 0)))
def test_no_step_of_the_instructions_overflows(one: Channels) -> None:
    sequence = find_sequence(one)
    if sequence is not None:
        sums = np.array([[one.first[0], min(one.last[0], -1), max(one.first[0], 0), one.last[0]]])
        sums = np.clip(sums, one.first[0], one.last[0])
        negative = 0 if sequence.negative is None else sequence.negative[:, None] * (sums < 0)
        offset = sequence.offset[:, None] + negative
        assert is_word(sequence.factor) and is_word(offset) and is_word(np.asarray(negative)) and is_word(sums << 8)
        assert is_word(offset + ((sums << 8) * sequence.factor[:, None] >> 32))


@given(multipliers, st.integers(-10, -7), st.integers(1, 4000))
def test_usual_channels_behind_a_relu_need_two_instructions(multiplier: int, shift: int, reach: int) -> None:
    """Below the zero point all is clamped, so that ties of negative sums don't matter."""
    sequence = find_sequence(channel(multiplier, shift, -128, -reach, reach))
    assert sequence is not None and sequence.negative is None and sequence.fraction_bits == 12


@given(multipliers, st.integers(-10, -7), st.integers(-127, 126))
def test_usual_channels_without_relu_need_an_offset_for_negative_sums(
    multiplier: int, shift: int, zero_point: int
) -> None:
    assert find_sequence(channel(multiplier, shift, zero_point, -4000, 4000)) is not None


def test_a_channel_that_is_always_one_number_has_a_sequence() -> None:
    """Near dead: a shift that no other sequence would fit."""
    sequence = find_sequence(channel(2**30, -31, 5, -1000, 1000))
    assert sequence is not None
    assert_equal(channel(2**30, -31, 5, -1000, 1000), sequence, np.arange(-1000, 1001))


def test_a_dead_channel_has_a_sequence() -> None:
    dead = channel(0, 0, -7, 12, 12)
    sequence = find_sequence(dead)
    assert sequence is not None
    assert_equal(dead, sequence, np.array([12]))


def test_left_shifts_and_sums_of_more_than_23_bits_are_refused() -> None:
    assert find_sequence(channel(2**30, 1, 0, -10, 10)) is None
    assert find_sequence(channel(2**30, -9, 0, -10, MAX_SUM + 1)) is None
    assert find_sequence(channel(2**30, -16, -128, -MAX_SUM, MAX_SUM)) is not None
