# SPDX-License-Identifier: Apache-2.0
"""Plans in strips and with extra MACs: what they save, what they compute again, that they keep to their limit."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from native_data.striped import striped_choice, striped_plan
from networks_by_hand import Network, networks

from sapmcu.ir.cascade import Cascade, CascadePlan, RowForm
from sapmcu.ir.graph import Graph
from sapmcu.ir.memory_map import Box
from sapmcu.lower import lower_graph
from sapmcu.plan.maps import cascade_map
from sapmcu.plan.native import plan_arena
from sapmcu.plan.rows import CascadeOptions, plan_cascades, verify_cascades
from sapmcu.plan.rows.plan import plan_choice
from sapmcu.plan.rows.problem import Source, make_problem
from sapmcu.plan.rows.schedule import NO_LIMIT, Live


def cascades(plan: CascadePlan) -> list[Cascade]:
    return [part for part in plan.parts if isinstance(part, Cascade)]


def wide() -> Graph:
    """Convolutions over a wide image that end in few numbers."""
    net = Network((12, 64), 4)
    x = net.conv(net.x, 8, (3, 3))
    x = net.conv(x, 16, (3, 3), (2, 2))
    x = net.conv(x, 8, (3, 3), (2, 2))
    return net.graph(net.conv(x, 2, (3, 16), (3, 16), is_same=False))


def plan_with(graph: Graph, extra: float, sram_limit: int | None = None, *, by_rows: bool = False) -> CascadePlan:
    return plan_cascades(graph, lower_graph(graph).steps, CascadeOptions(by_rows, extra, sram_limit))


def test_strips_keep_columns_and_need_less() -> None:
    plain, strips = plan_with(wide(), 0, by_rows=True), plan_with(wide(), 0.5, by_rows=True)
    assert strips.arena_bytes < plain.arena_bytes / 4
    assert strips.macs == plain.macs
    assert any("left by strip" in name for name in strips.stores)


def test_strips_compute_columns_again_where_they_are_too_many_to_be_kept() -> None:
    net = Network((96, 32), 4)
    x = net.conv(net.conv(net.x, 16, (3, 3)), 16, (3, 3))
    graph = net.graph(net.conv(x, 2, (3, 16), (3, 16), is_same=False))
    plain, strips = plan_with(graph, 0, by_rows=True), plan_with(graph, 0.5, by_rows=True)
    assert strips.arena_bytes < 0.8 * plain.arena_bytes
    assert plain.macs < strips.macs <= 1.5 * plain.macs


def test_an_input_comes_more_than_once_for_extra_macs_only() -> None:
    for extra, comes_again in ((0, False), (0.01, True)):
        plan = plan_with(wide(), extra, by_rows=True)
        delivered = [form for one in cascades(plan) for form in one.forms if form.kernel is None]
        assert (len(delivered) > 1) == comes_again


def test_a_map_of_strips_has_no_input_that_comes_by_rows() -> None:
    graph = wide()
    plan = plan_with(graph, 0.5, by_rows=True)
    shown = cascade_map(graph, plan)
    assert all(box.offset_bytes + box.size_bytes <= plan.arena_bytes for box in shown.boxes)
    assert {box.name for box in shown.boxes} <= plan.stores.keys() - {graph.inputs[0]}


def wide_to_wide() -> Graph:
    """Two convolutions whose result, 8,192 bytes, is all that they need many of."""
    net = Network((16, 32), 2)
    return net.graph(net.conv(net.conv(net.x, 16, (3, 3)), 16, (3, 3)))


def parts_written(plan: CascadePlan) -> list[RowForm]:
    return [form for one in cascades(plan) for form in one.forms if form.part_bytes]


@pytest.mark.parametrize("keeps", (False, True))
def test_columns_of_a_result_take_no_room_before_their_strip(keeps: bool) -> None:
    graph = wide_to_wide()
    plan = striped_plan(graph, keeps=keeps, by_rows=True)
    parts = parts_written(plan)
    assert sum(form.part_bytes for form in parts) == parts[0].row_bytes
    boxes = cascade_map(graph, plan).boxes
    result = [box for box in boxes if box.name == parts[0].store]
    assert len({box.first for box in result}) >= len(parts)
    assert any(one.last <= two.first and meet(one, two) for one in boxes for two in result if one.name != two.name)
    at_once = [(one, two) for one in boxes for two in boxes if one.first <= two.first <= one.last and meet(one, two)]
    assert all(one is two or one.last == two.first for one, two in at_once)


def meet(one: Box, two: Box) -> bool:
    """In space. In time they may where a row takes the place of one that dies in the same step."""
    ends = one.offset_bytes + one.size_bytes, two.offset_bytes + two.size_bytes
    return one.offset_bytes < ends[1] and two.offset_bytes < ends[0]


def test_a_strip_that_writes_beside_its_columns_is_found() -> None:
    graph = wide_to_wide()
    plan = striped_plan(graph, keeps=True, by_rows=True)
    (cascade,) = [one for one in cascades(plan) if parts_written(plan)[0] in one.forms]
    for change in (-1, 1):
        forms = [
            replace(form, part_bytes=form.part_bytes + change * 16) if form is parts_written(plan)[1] else form
            for form in cascade.forms
        ]
        parts = tuple(replace(one, forms=tuple(forms)) if one is cascade else one for one in plan.parts)
        with pytest.raises(AssertionError):
            verify_cascades(graph, lower_graph(graph).steps, replace(plan, parts=parts))


def test_an_input_in_ram_is_read_in_strips_without_extra_macs() -> None:
    net = Network((12, 64), 1)
    graph = net.graph(net.conv(net.conv(net.x, 32, (3, 3)), 1, (3, 3), (2, 2)))
    plan = plan_with(graph, 0)
    assert plan.arena_bytes < 12 * 64 + 3 * 64 * 32 / 4
    assert any("left by strip" in name for name in plan.stores)


@settings(max_examples=40)
@given(networks(), st.booleans(), st.booleans())
def test_peaks_of_strips_are_known_before_they_are_planned(graph: Graph, keeps: bool, by_rows: bool) -> None:
    steps = lower_graph(graph).steps
    source = Source(graph, {step.index: step.lowered for step in steps}, by_rows)
    choice = striped_choice(source, keeps=keeps)
    live = Live(make_problem(source, choice.items))
    assert choice.peak_bytes == max((live.run(one, NO_LIMIT) or 0 for one in choice.segments), default=0)
    plan = plan_choice(source, choice, source.items()[1])
    verify_cascades(graph, steps, plan)
    assert choice.peak_bytes <= plan.bound_bytes <= plan.arena_bytes


def test_strips_of_the_input_come_as_parts_of_its_rows() -> None:
    plan = plan_with(wide(), 0.5, by_rows=True)
    delivered = [form for one in cascades(plan) for form in one.forms if form.kernel is None]
    assert len(delivered) > 1
    parts = [(form.reads[0].offset_bytes, form.row_bytes) for form in delivered]
    assert parts == sorted(parts) and parts[0][0] == 0 and sum(parts[-1]) == 64 * 4
    assert all(before[0] + before[1] >= behind[0] for before, behind in pairwise(parts))


def test_a_mean_is_summed_up_in_strips() -> None:
    net = Network((6, 8), 4)
    graph = net.graph(net.mean(net.conv(net.conv(net.x, 4, (3, 3)), 200)))
    plan = plan_with(graph, 0.01, by_rows=True)
    sums = [form for one in cascades(plan) for form in one.forms if form.is_update]
    assert len(sums) > 1
    assert [form.is_continued for form in sums] == [False, *[True] * (len(sums) - 1)]
    assert plan.macs == plan_with(graph, 0, by_rows=True).macs


def test_a_tensor_that_is_read_far_apart_is_computed_twice() -> None:
    net = Network((24, 24), 2)
    x = net.conv(net.x, 16, (3, 3))
    small = net.pool(x, (12, 12), (12, 12))
    for _ in range(4):
        small = net.conv(small, 8)
    y = net.add(x, net.resized(net.conv(small, 16), (24, 24)))
    graph = net.graph(net.mean(y))
    plain, twice = plan_with(graph, 0, by_rows=True), plan_with(graph, 1, by_rows=True)
    assert plain.arena_bytes > 24 * 24 * 16
    assert twice.arena_bytes < plain.arena_bytes / 3
    assert f"{x} again" in twice.stores


def test_of_plans_within_a_limit_the_one_that_computes_least_is_taken() -> None:
    graph = wide()
    whole = plan_arena(graph, lower_graph(graph).steps).arena_bytes
    assert plan_with(graph, 0.5, whole).parts == tuple(range(len(graph.ops)))
    least = plan_with(graph, 0.5)
    plain = plan_with(graph, 0)
    assert plan_with(graph, 0.5, plain.arena_bytes).macs == plain.macs
    assert plan_with(graph, 0.5, least.arena_bytes).arena_bytes <= least.arena_bytes
    assert plan_with(graph, 0.5, 1).arena_bytes == least.arena_bytes


@settings(max_examples=12)
@given(networks())
def test_random_networks_with_extra_macs_keep_to_their_limit(graph: Graph) -> None:
    for by_rows in (False, True):
        plain, more = plan_with(graph, 0, by_rows=by_rows), plan_with(graph, 0.4, by_rows=by_rows)
        assert more.macs <= 1.4 * plain.macs
        assert more.bound_bytes <= more.arena_bytes <= plain.arena_bytes


def test_an_op_without_rows_is_in_no_strip() -> None:
    net = Network((5, 5), 3)
    padded = net.padded(net.add(net.x, net.x))
    twice = net.add(padded, padded)
    outputs = net.depthwise(twice, (2, 3), (2, 2), is_same=False), net.transposed(padded)
    graph = net.graph(*outputs, net.depthwise(twice, (1, 2), (1, 2), is_same=False))
    plan = plan_with(graph, 0.4)
    assert graph.producers[outputs[1]] in plan.parts
