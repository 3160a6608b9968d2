# SPDX-License-Identifier: Apache-2.0
"""Offsets: never an overlap, never below the bound, optimal where a small search finds it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sapmcu.plan.arena import Buffer, arena_size, first_fit, lower_bound, plan_offsets, verify_offsets

OPS = 12


@st.composite
def buffers(draw: st.DrawFn) -> tuple[Buffer, ...]:
    count = draw(st.integers(0, 14))
    made = []
    for index in range(count):
        first = draw(st.integers(0, OPS - 1))
        last = draw(st.integers(first, OPS - 1))
        made.append(Buffer(f"b{index}", 16 * draw(st.integers(0, 20)), first, last))
    return tuple(made)


@given(buffers())
@settings(max_examples=150)
def test_a_plan_is_sound_and_no_worse_than_first_fit_by_size(these: tuple[Buffer, ...]) -> None:
    plan = plan_offsets(these)
    verify_offsets(these, plan.offset_bytes)
    assert plan.bound_bytes == lower_bound(these) <= plan.size_bytes == arena_size(these, plan.offset_bytes)
    by_size = first_fit(sorted(these, key=lambda b: -b.size_bytes))
    assert plan.size_bytes <= arena_size(these, by_size)


@given(buffers(), st.randoms(use_true_random=False))
@settings(max_examples=40)
def test_size_does_not_depend_on_input_order(these: tuple[Buffer, ...], random: object) -> None:
    shuffled = list(these)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    if plan_offsets(these).is_optimal:
        assert plan_offsets(shuffled).size_bytes == plan_offsets(these).size_bytes


def test_search_beats_the_simple_orders() -> None:
    these = (
        Buffer("a", 16, 0, 1),
        Buffer("b", 32, 1, 2),
        Buffer("c", 48, 2, 4),
        Buffer("d", 32, 0, 0),
        Buffer("e", 16, 3, 4),
        Buffer("f", 16, 2, 2),
    )
    assert plan_offsets(these).is_optimal


def test_checker_refuses_an_overlap() -> None:
    these = (Buffer("a", 32, 0, 1), Buffer("b", 32, 1, 2))
    verify_offsets(these, {"a": 0, "b": 32})
    with pytest.raises(AssertionError):
        verify_offsets(these, {"a": 0, "b": 16})
    with pytest.raises(AssertionError):
        verify_offsets(these, {"a": 0, "b": 40})
    with pytest.raises(AssertionError):
        verify_offsets(these, {"a": 0})
