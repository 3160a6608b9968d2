# SPDX-License-Identifier: Apache-2.0
"""TFLM's greedy planner, by hand and by its properties."""

from __future__ import annotations

import struct
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from small_graphs import residual

from sapmcu.ir.memory import Kernels
from sapmcu.plan.tflm import predict_arena, target_for
from sapmcu.plan.tflm.buffers import offline_offsets, tensor_buffers
from sapmcu.plan.tflm.greedy import PlannedBuffer, head_size, plan_greedily

REFERENCE = target_for(Kernels.REFERENCE)


def buffer(size: int, first: int, last: int, offset: int | None = None) -> PlannedBuffer:
    return PlannedBuffer(size, first, last, offset)


def test_largest_first_and_of_equal_ones_the_last() -> None:
    assert plan_greedily([buffer(16, 0, 1), buffer(32, 0, 1), buffer(16, 0, 1)]) == (48, 0, 32)


def test_apart_in_time_shares_a_place() -> None:
    assert plan_greedily([buffer(32, 0, 1), buffer(16, 2, 3)]) == (0, 0)


def test_gap_of_the_right_size_is_filled() -> None:
    buffers = [buffer(16, 0, 4, 0), buffer(16, 0, 4, 48), buffer(32, 1, 2)]
    assert plan_greedily(buffers) == (0, 48, 16)
    assert plan_greedily([*buffers[:2], buffer(48, 1, 2)]) == (0, 48, 64)


def test_given_offsets_are_taken_unchecked() -> None:
    buffers = [buffer(32, 0, 1, 8), buffer(64, 0, 1, 16), buffer(16, 0, 1)]
    assert plan_greedily(buffers) == (8, 16, 80)
    assert head_size(buffers, (8, 16, 80)) == 96


def test_nothing_to_place() -> None:
    assert plan_greedily([]) == ()
    assert head_size([], ()) == 0


spans = st.tuples(st.integers(1, 9), st.integers(-1, 6), st.integers(0, 4)).map(
    lambda one: buffer(16 * one[0], one[1], one[1] + one[2])
)


@given(st.lists(spans, max_size=12))
def test_no_two_that_live_together_overlap(buffers: list[PlannedBuffer]) -> None:
    offsets = plan_greedily(buffers)
    for one, start in zip(buffers, offsets, strict=True):
        for other, other_start in zip(buffers, offsets, strict=True):
            is_together = one.first <= other.last and other.first <= one.last
            apart = start + one.size_bytes <= other_start or other_start + other.size_bytes <= start
            assert one is other or apart or not is_together


@given(st.lists(spans, max_size=12))
def test_each_lies_at_zero_or_behind_another(buffers: list[PlannedBuffer]) -> None:
    offsets = plan_greedily(buffers)
    ends = {0, *(offset + one.size_bytes for offset, one in zip(offsets, buffers, strict=True))}
    assert set(offsets) <= ends


def test_activations_live_from_their_op_to_their_last_reader() -> None:
    lives = {name: (one.first, one.last) for name, one in tensor_buffers(residual()).items()}
    assert lives == {"x": (0, 3), "a": (1, 2), "b": (2, 3), "y": (3, 3)}


def test_offsets_of_the_file_are_honoured() -> None:
    graph = residual()
    offsets = [64, -1, -1, 0, -1, 256]  # x filter bias a b y
    plan = struct.pack("<9i", 1, 0, 6, *offsets)
    planned = replace(graph, metadata={"OfflineMemoryAllocation": plan})
    assert offline_offsets(planned) == {"x": 64, "a": 0, "y": 256}
    use = predict_arena(planned, REFERENCE)
    assert use.offset_bytes == {"x": 64, "a": 0, "b": 32, "y": 256}
    assert use.head_bytes == 256 + 32


def test_truncated_offsets_count_as_none() -> None:
    graph = residual()
    plan = struct.pack("<9i", 1, 0, 6, 64, -1, -1, 0, -1, 256)
    for length in range(len(plan)):
        assert offline_offsets(replace(graph, metadata={"OfflineMemoryAllocation": plan[:length]})) == {}
