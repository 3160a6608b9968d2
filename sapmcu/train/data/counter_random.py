# SPDX-License-Identifier: Apache-2.0
"""Random numbers by counter: number i of a stream depends on the stream's key and i alone, on every machine.

NumPy's generators may change what `integers` or `permutation` give from release to release; data sets and splits must
not change with them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sapmcu.ir.graph import Array

GOLDEN = 0x9E3779B97F4A7C15
MASK = (1 << 64) - 1


def stream_key(parts: Sequence[int]) -> int:
    """A key of 64 bits for a stream that is named by whole numbers."""
    key = 0
    for part in parts:
        key = int(_mixed(np.array([(key + GOLDEN + part) & MASK], np.uint64))[0])
    return key


def random_words(key: int, counters: Array) -> Array:
    """uint64 in the shape of `counters`, uniform. Source: Steele, Lea, Flood, "Fast splittable pseudorandom number
    generators", OOPSLA 2014, figure 16 (SplitMix64), with the state of step i computed directly.
    """
    return _mixed(np.uint64(key) + (counters.astype(np.uint64) + np.uint64(1)) * np.uint64(GOLDEN))


def random_order(key: int, count: int) -> Array:
    """A permutation of 0..count-1."""
    return np.argsort(random_words(key, np.arange(count)), kind="stable")


def _mixed(words: Array) -> Array:
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(words ^ (words >> np.uint64(31)), np.uint64)
