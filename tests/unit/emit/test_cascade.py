# SPDX-License-Identifier: Apache-2.0
"""Tables of cascades: every list of offsets is read back as it was, in its shortest form."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from native_data.pulled import pulled_plan
from native_data.small_net import row_net, small_net

from sapmcu.emit.cascade import RowPlaces, row_places
from sapmcu.ir.parts import input_rows, last_ops
from sapmcu.lower import lower_graph


@pytest.mark.parametrize(
    ("offsets", "places"),
    [
        ((40,), RowPlaces(40)),
        ((40, 40, 40), RowPlaces(40, 0, 1)),
        ((8, 20, 32, 44), RowPlaces(8, 12)),
        ((8, 20, 32, 8, 20, 32, 8), RowPlaces(8, 12, 3)),
        ((64, 0, 16, 64, 0, 16), RowPlaces(0, ring=3, offsets=(4, 0, 1), shift=4)),
        ((100, 4, 52), RowPlaces(4, offsets=(6, 0, 3), shift=4)),
        ((7, 4, 5), RowPlaces(4, offsets=(3, 0, 1))),
        ((0, 8, 0, 12), RowPlaces(0, offsets=(0, 2, 0, 3), shift=2)),
        ((24, 16, 8), RowPlaces(8, offsets=(2, 1, 0), shift=3)),
        ((0, 4 * 65535, 4), RowPlaces(0, offsets=(0, 65535, 1), shift=2)),
    ],
)
def test_offsets_become_a_line_a_ring_or_a_table(offsets: tuple[int, ...], places: RowPlaces) -> None:
    assert row_places(offsets) == places


@given(st.lists(st.integers(0, 60_000), min_size=1, max_size=12), st.integers(1, 3))
def test_any_offsets_are_read_back(offsets: list[int], times: int) -> None:
    places = row_places(tuple(offsets * times))
    assert [places(row) for row in range(len(offsets) * times)] == offsets * times


def test_rows_too_far_apart_for_their_alignment_are_an_error_of_the_plan() -> None:
    with pytest.raises(AssertionError, match="multiples"):
        row_places((0, 70_001, 2))


def test_each_part_ends_the_ops_that_have_run_behind_it() -> None:
    """The table in the middle and what follows the pool run whole: concatenation, product, copies."""
    graph = small_net()
    assert list(last_ops(lower_graph(graph))) == list(range(9))
    program = lower_graph(graph, cascades=pulled_plan(graph))
    ends = [last for last in last_ops(program) if last is not None]
    assert ends == sorted(set(ends)) and ends[-1] == 8 and len(ends) < 9


def test_rows_of_an_input_come_in_the_order_of_the_runs() -> None:
    program = lower_graph(row_net(), cascades=pulled_plan(row_net(), by_rows=True))
    (rows,) = input_rows(program).values()
    assert (rows.rows, rows.row_bytes, rows.order) == (6, 4, (0, 1, 2, 3, 4, 5))
    assert not input_rows(lower_graph(row_net(), cascades=pulled_plan(row_net())))
