# SPDX-License-Identifier: Apache-2.0
"""Tiles in integers are the convolution, 24 or four times, and its numbers have a place in 16 bits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from strategies_data import generators

from sapmcu.ir.filters import FilterForm
from sapmcu.ir.graph import Array
from sapmcu.lower.winograd import G_2, G_4, ORDER_2, ORDER_4, RAISED, TILES, Tiles

B_T = np.array([[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, -1, 0, 1]])
A_T = np.array([[1, 1, 1, 0], [0, 1, -1, 1]])
B_T_4 = np.array(
    [
        [4, 0, -5, 0, 1, 0],
        [0, -4, -4, 1, 1, 0],
        [0, 4, -4, -1, 1, 0],
        [0, -2, -1, 2, 1, 0],
        [0, 2, -1, -2, 1, 0],
        [0, 4, 0, -5, 0, 1],
    ]
)
A_T_4 = np.array([[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]])
"""As sapmcu/winograd_conv2d.h has them."""
ENDS = (-128, 127)


def convolved(x: Array, filters: Array) -> Array:
    """filters: [3, 3]."""
    rows, columns = x.shape[0] - 2, x.shape[1] - 2
    return np.array([[(x[i : i + 3, j : j + 3] * filters).sum() for j in range(columns)] for i in range(rows)])


TWO_ROWS, ONE_ROW = TILES[FilterForm.WINOGRAD], TILES[FilterForm.WINOGRAD_ROW]


@given(generators)
def test_the_results_of_a_tile_are_four_times_the_convolution(generator: np.random.Generator) -> None:
    x, filters = generator.integers(-128, 128, (4, 4)), generator.integers(-128, 128, (3, 3))
    planes = TWO_ROWS.transformed(filters.reshape(1, 3, 3, 1))[0, :, :, 0].T
    products = planes * (B_T @ x @ B_T.T)[np.ix_(ORDER_2, ORDER_2)]
    a_t = A_T[:, ORDER_2]
    np.testing.assert_array_equal(a_t @ products @ a_t.T, 4 * convolved(x, filters))


@given(generators)
def test_the_results_of_a_tile_of_one_row_are_24_times_the_convolution(generator: np.random.Generator) -> None:
    x, filters = generator.integers(-128, 128, (3, 6)), generator.integers(-128, 128, (3, 3))
    planes = ONE_ROW.transformed(filters.reshape(1, 3, 3, 1))[0, :, :, 0]
    products = (planes * (B_T_4 @ x.T)[list(ORDER_4)]).sum(axis=1)
    np.testing.assert_array_equal(A_T_4[:, ORDER_4] @ products, 24 * convolved(x, filters)[0])


@pytest.mark.parametrize("tiles", TILES.values(), ids=lambda tiles: tiles.kernel.name)
def test_numbers_have_a_place_in_lanes_of_16_bits(tiles: Tiles) -> None:
    b_t, g, directions = (B_T_4, G_4, 1) if tiles is ONE_ROW else (B_T, G_2, 2)
    largest_x, largest_filter = (np.abs(one).sum(axis=1).max() ** directions * 128 for one in (b_t, g))
    assert largest_x <= 32_767 and largest_filter << (tiles.max_bits - RAISED + 1) <= 32_767


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize(("tiles", "most"), [(TWO_ROWS, 9), (ONE_ROW, 24)], ids=["two rows", "one row"])
def test_the_ends_of_int8_reach_the_bound(tiles: Tiles, most: int, end: int) -> None:
    planes = tiles.transformed(np.full((1, 3, 3, 1), end))
    assert int(np.abs(planes).max()) == most * abs(end)
