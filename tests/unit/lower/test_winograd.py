# SPDX-License-Identifier: Apache-2.0
"""Tiles in integers are the convolution, two or four times, and its numbers have a place in 16 bits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from strategies_data import generators

from sapmcu.ir.filters import FilterForm
from sapmcu.ir.graph import Array
from sapmcu.lower.winograd import SUM_BITS, TILES, G, Tiles

B_T = np.array([[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, -1, 0, 1]])
A_T = np.array([[1, 1, 1, 0], [0, 1, -1, 1]])
"""As sapmcu/winograd_conv2d.h has them."""
ENDS = (-128, 127)


def convolved(x: Array, filters: Array) -> Array:
    """x: [4, 4]. filters: [3, 3]."""
    return np.array([[(x[i : i + 3, j : j + 3] * filters).sum() for j in range(2)] for i in range(2)])


TILES_2D, TILES_1D = TILES[FilterForm.WINOGRAD], TILES[FilterForm.WINOGRAD_ROW]


@given(generators)
def test_the_results_of_a_tile_are_four_times_the_convolution(generator: np.random.Generator) -> None:
    x, filters = generator.integers(-128, 128, (4, 4)), generator.integers(-128, 128, (3, 3))
    planes = TILES_2D.transformed(filters.reshape(1, 3, 3, 1))[0, :, :, 0].T * (B_T @ x @ B_T.T)
    np.testing.assert_array_equal(A_T @ planes @ A_T.T, 4 * convolved(x, filters))


@given(generators)
def test_the_results_of_a_row_of_tiles_are_twice_the_convolution(generator: np.random.Generator) -> None:
    x, filters = generator.integers(-128, 128, (4, 4)), generator.integers(-128, 128, (3, 3))
    planes = TILES_1D.transformed(filters.reshape(1, 3, 3, 1))[0, :, :, 0] * (B_T @ x[:3].T)
    np.testing.assert_array_equal(A_T @ planes.sum(axis=1), 2 * convolved(x, filters)[0])


def test_numbers_have_a_place_in_lanes_of_16_bits() -> None:
    for tiles in TILES.values():
        largest_x = np.abs(B_T).sum(axis=1).max() ** tiles.sum_bits * 128
        largest_filter = np.abs(G).sum(axis=1).max() ** tiles.sum_bits * 128
        assert largest_x <= 32_767 and largest_filter << (min(SUM_BITS) - tiles.sum_bits) <= 32_767


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("tiles", TILES.values())
def test_the_ends_of_int8_reach_the_bound(end: int, tiles: Tiles) -> None:
    planes = tiles.transformed(np.full((1, 3, 3, 1), end))
    assert int(np.abs(planes).max()) == 3**tiles.sum_bits * abs(end)
