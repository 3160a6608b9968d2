# SPDX-License-Identifier: Apache-2.0
"""Filters in blocks: what the kernels take for granted of them, and that nothing of a filter gets lost."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies_data import REPEATABLE, generators

from sapmcu.ir.graph import Array
from sapmcu.lower.lanes import BLOCK, CHANNELS, END, MAX_MAGNITUDES, TAPS, blocks_and_rest, streams

VALUES = {
    "any": (-128, 128),
    "trained": (-40, 41),
    "least": (-128, -127),
    "largest": (127, 128),
}


@REPEATABLE
@given(st.sampled_from(sorted(VALUES)), st.integers(1, 20), st.integers(1, 100), generators)
def test_blocks_keep_to_the_bound_and_the_rest_is_what_is_missing(
    kind: str, channels: int, numbers: int, generator: np.random.Generator
) -> None:
    filters = generator.integers(*VALUES[kind], (channels, numbers))
    kept, rest = blocks_and_rest(filters)
    assert np.abs(kept.reshape(channels, -1, BLOCK)).sum(axis=2).max() <= MAX_MAGNITUDES
    np.testing.assert_array_equal((kept + rest)[:, :numbers], filters)
    assert not (kept + rest)[:, numbers:].any()


def listed_rest(listed: list[int], shape: tuple[int, int], taps: int, channels: int) -> Array:
    """What a kernel adds, from the bytes."""
    rest = np.zeros(shape, np.int64)
    at = 0
    for channel in range(0, shape[0], channels):
        for tap in range(0, shape[1], taps):
            while listed[at] != END:
                of, where, value = listed[at : at + 3]
                rest[channel + of, tap + where] += np.uint8(value).view(np.int8)
                at += 3
            at += 1
    assert at == len(listed)
    return rest


@pytest.mark.parametrize("value", [-128, -127, 100, 127])
def test_the_listed_numbers_are_the_rest(value: int) -> None:
    kept, rest = blocks_and_rest(np.full((CHANNELS + 1, TAPS + 4), value))
    words, listed = streams(kept, rest)
    np.testing.assert_array_equal(listed_rest(listed, rest.shape, TAPS, CHANNELS), rest)
    assert len(words) * BLOCK == kept.size


def test_filters_as_trained_networks_have_them_are_within() -> None:
    filters = np.random.default_rng(1).normal(0, 32, (16, 144)).round().astype(np.int64).clip(-127, 127)
    _, rest = blocks_and_rest(filters)
    assert np.count_nonzero(rest) < 0.02 * rest.size
