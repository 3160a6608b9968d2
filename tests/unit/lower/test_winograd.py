# SPDX-License-Identifier: Apache-2.0
"""F(2x2, 3x3) in integers is the convolution, four times, and its numbers have a place in 16 bits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from strategies_data import generators

from sapmcu.ir.graph import Array
from sapmcu.lower.winograd import SUM_BITS, G, transformed

B_T = np.array([[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, -1, 0, 1]])
A_T = np.array([[1, 1, 1, 0], [0, 1, -1, 1]])
"""As sapmcu/winograd_conv2d.h has them."""
ENDS = (-128, 127)


def convolved(x: Array, filters: Array) -> Array:
    """x: [4, 4]. filters: [3, 3]."""
    return np.array([[(x[i : i + 3, j : j + 3] * filters).sum() for j in range(2)] for i in range(2)])


@given(generators)
def test_the_results_of_a_tile_are_four_times_the_convolution(generator: np.random.Generator) -> None:
    x, filters = generator.integers(-128, 128, (4, 4)), generator.integers(-128, 128, (3, 3))
    planes = transformed(filters.reshape(1, 3, 3, 1))[0, :, :, 0] * (B_T @ x @ B_T.T)
    np.testing.assert_array_equal(A_T @ planes @ A_T.T, 4 * convolved(x, filters))


def test_numbers_have_a_place_in_lanes_of_16_bits() -> None:
    largest_x = max(np.abs(np.outer(row, column)).sum() for row in B_T for column in B_T) * 128
    largest_filter = max(np.abs(np.outer(row, column)).sum() for row in G for column in G) * 128
    assert largest_x <= 32_767 and largest_filter << (min(SUM_BITS) - 2) <= 32_767


@pytest.mark.parametrize("end", ENDS)
def test_the_ends_of_int8_reach_the_bound(end: int) -> None:
    planes = transformed(np.full((1, 3, 3, 1), end))
    assert int(np.abs(planes).max()) == 9 * abs(end)
