# SPDX-License-Identifier: Apache-2.0
"""Random numbers by counter."""

from __future__ import annotations

import numpy as np

from sapmcu.train.data.counter_random import random_order, random_words, stream_key


def test_words_are_those_of_splitmix64() -> None:
    """The first outputs for seed 1234567. Source: rosettacode.org/wiki/Pseudo-random_numbers/Splitmix64."""
    words = random_words(1234567, np.arange(5))
    assert words.tolist() == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]


def test_order_is_a_permutation_and_stays() -> None:
    assert sorted(random_order(7, 100).tolist()) == list(range(100))
    assert random_order(7, 6).tolist() == [1, 5, 0, 4, 3, 2]


def test_streams_differ() -> None:
    assert len({stream_key(parts) for parts in ((0,), (1,), (0, 0), (0, 1), (1, 0), (2, 0, 1))}) == 6
