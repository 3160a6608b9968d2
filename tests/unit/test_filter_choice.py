# SPDX-License-Identifier: Apache-2.0
"""Filters for speed: chosen by price, never beyond the board's flash or SRAM, and remembered by the project."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from firmware_project import ORIGIN, write_files
from networks_by_hand import Network
from single_op import constant, graph_of, tensor

from sapmcu.boards.board import Board, load_board
from sapmcu.build.firmware import build_firmware
from sapmcu.build.project import load_project
from sapmcu.emit.native_project import emit_native_project
from sapmcu.filter_choice import CODE_BYTES, choose_filters, preferred_filters, stages
from sapmcu.ir import ops
from sapmcu.ir.build import Prefer
from sapmcu.ir.filters import FilterForm
from sapmcu.ir.graph import Graph, Quantization
from sapmcu.ir.memory import Optimize
from sapmcu.ir.parts import step_bytes
from sapmcu.ir.vectors import Vector
from sapmcu.lower.graph import lower_graph, lower_ops
from sapmcu.native_sram import NativeWish, plan_native

M4F, M0 = "nucleo_f446re", "bbc_microbit"
SAME = ((1, 1), (1, 1))


def two_convolutions() -> Graph:
    """3x3, 16 channels, then 1x1."""
    generator = np.random.default_rng(1)
    x, y, z = (tensor(name, (1, 16, 16, 16), "int8", 0.5, -128) for name in "xyz")
    scales = Quantization((0.004,) * 16, (0,) * 16, 0)
    f, g = (
        constant(name, generator.integers(-127, 128, (16, size, size, 16), np.int8), scales)
        for name, size in (("f", 3), ("g", 1))
    )
    clamp = ops.Range(-128, 127)
    first = ops.Conv2D(("x", "f"), ("y",), (1, 1), SAME, (1, 1), clamp)
    second = ops.Conv2D(("y", "g"), ("z",), (1, 1), ((0, 0), (0, 0)), (1, 1), clamp)
    graph = graph_of(first, x, f, y)
    return replace(graph, tensors={one.name: one for one in (x, f, y, g, z)}, ops=(first, second), outputs=("z",))


def with_flash(board: Board, flash_bytes: int) -> Board:
    memory = tuple(
        replace(one, size_bytes=flash_bytes + board.defaults.code_offset_bytes)
        if one.name == board.defaults.code
        else one
        for one in board.memory
    )
    return replace(board, memory=memory)


def flash_of(graph: Graph, filters: tuple[FilterForm, ...]) -> int:
    steps = lower_ops(graph, twins=load_board(M4F).twins, filters=filters)
    return sum(map(step_bytes, steps))


def test_where_flash_is_ample_each_op_gets_its_fastest_form() -> None:
    assert choose_filters(two_convolutions(), load_board(M4F)) == (FilterForm.WINOGRAD, FilterForm.INT16)


@pytest.mark.parametrize("extra_bytes", [0, 300, 600, 3_000, 6_000, 10_000])
def test_the_choice_keeps_to_flash_and_takes_what_saves_most_for_a_byte(extra_bytes: int) -> None:
    graph = two_convolutions()
    least = flash_of(graph, (FilterForm.INT8,) * 2)
    chosen = choose_filters(graph, with_flash(load_board(M4F), least + CODE_BYTES + extra_bytes))
    assert flash_of(graph, chosen) <= least + extra_bytes
    if extra_bytes == 0:
        assert chosen == (FilterForm.INT8,) * 2
    if extra_bytes == 10_000:
        assert chosen == (FilterForm.WINOGRAD, FilterForm.INT16)


def test_cores_with_one_form_have_no_choice_and_are_told_so() -> None:
    notes: list[str] = []
    assert preferred_filters(two_convolutions(), load_board(M0), Prefer.SPEED, notes.append) == ()
    assert notes and "filters have one form on cortex-m0" in notes[0]
    assert preferred_filters(two_convolutions(), load_board(M4F), Prefer.SIZE, notes.append) == ()
    assert preferred_filters(two_convolutions(), load_board(M4F), None, notes.append) == ()


def test_stages_lead_from_the_smallest_forms_to_those_chosen() -> None:
    chosen = (FilterForm.WINOGRAD, FilterForm.INT16)
    assert list(stages(chosen)) == [
        (FilterForm.INT8, FilterForm.INT8),
        (FilterForm.INT16, FilterForm.INT16),
        (FilterForm.WINOGRAD_ROW, FilterForm.INT16),
        chosen,
    ]


@pytest.mark.parametrize("optimize", [Optimize.NONE, Optimize.AUTO])
def test_tiles_give_way_where_their_memory_has_no_room(optimize: Optimize) -> None:
    graph, twins = two_convolutions(), load_board(M4F).twins
    filters = choose_filters(graph, load_board(M4F))
    roomy, _ = plan_native(graph, NativeWish(optimize, 0.0, 1 << 20, twins=twins, filters=filters))
    assert roomy is not None and roomy.filters == filters
    room = {Optimize.NONE: roomy.plan.arena_bytes - 1, Optimize.AUTO: 1}[optimize]
    tight, _ = plan_native(graph, NativeWish(optimize, 0.0, room, twins=twins, filters=filters))
    assert tight is not None and tight.filters == (FilterForm.WINOGRAD_ROW, FilterForm.INT16)
    assert tight.plan.arena_bytes < roomy.plan.arena_bytes


def narrowing() -> Graph:
    """3x3 convolutions of a large image, where memory peaks, and of a small one."""
    net = Network((32, 32), 8)
    large = net.conv(net.conv(net.x, 16, (3, 3)), 16, (3, 3), (2, 2))
    return net.graph(net.mean(net.conv(net.conv(large, 8, (1, 1), (2, 2)), 16, (3, 3))))


@pytest.mark.parametrize("by_rows", [False, True])
def test_the_least_sram_takes_only_forms_that_cost_none(by_rows: bool) -> None:
    graph, board = narrowing(), load_board(M4F)
    filters = choose_filters(graph, board)
    small, fast = (
        plan_native(graph, NativeWish(Optimize.SRAM, None, 1 << 20, by_rows, twins=board.twins, filters=one))[0]
        for one in ((), filters)
    )
    assert small is not None and fast is not None
    assert fast.plan.arena_bytes == small.plan.arena_bytes
    assert [filters[op] for op in (0, 3)] == [FilterForm.WINOGRAD] * 2
    assert by_rows or [fast.filters[op] for op in (0, 3)] == [FilterForm.WINOGRAD_ROW, FilterForm.WINOGRAD]


def test_tiles_have_what_room_there_is_op_by_op() -> None:
    graph, board = narrowing(), load_board(M4F)
    filters = choose_filters(graph, board)
    wish = NativeWish(Optimize.NONE, None, 1 << 20, twins=board.twins, filters=filters)
    plain = lower_graph(graph, twins=board.twins, filters=list(stages(filters))[1]).plan.arena_bytes
    program, _ = plan_native(graph, replace(wish, room_bytes=plain))
    assert program is not None and program.plan.arena_bytes <= plain
    assert (program.filters[0], program.filters[3]) == (FilterForm.WINOGRAD_ROW, FilterForm.WINOGRAD)


def test_forms_that_take_the_place_of_others_have_room_in_flash() -> None:
    graph, twins = two_convolutions(), load_board(M4F).twins
    filters = choose_filters(graph, load_board(M4F))
    roomy, tight = (
        plan_native(graph, NativeWish(Optimize.AUTO, 0.0, 1, twins=twins, filters=filters, flash_bytes=flash_bytes))[0]
        for flash_bytes in (1 << 20, flash_of(graph, filters))
    )
    assert roomy is not None and tight is not None
    assert roomy.filters[0] is FilterForm.WINOGRAD_ROW and tight.filters[0] is FilterForm.INT16


def write(directory: Path, prefer: Prefer | None, filters: tuple[FilterForm, ...]) -> Path:
    graph, board = two_convolutions(), load_board(M4F)
    program = lower_graph(graph, twins=board.twins, filters=filters)
    vector = Vector((bytes(graph.tensors["x"].size_bytes),), (bytes(graph.tensors["z"].size_bytes),))
    write_files(directory, emit_native_project(graph, b"model", board, [vector], ORIGIN, program, prefer))
    return directory


def test_a_project_remembers_what_it_was_converted_with(tmp_path: Path) -> None:
    filters = (FilterForm.WINOGRAD, FilterForm.INT16)
    project = load_project(write(tmp_path, Prefer.SPEED, filters) / "firmware")
    assert (project.prefer, project.filters) == (Prefer.SPEED, filters)
    assert project.twins is load_board(M4F).twins  # though no kernel of packed filters is among its files
    assert not any("packed_conv2d_row" in path for path in project.sources)


@pytest.mark.needs("arm-none-eabi-gcc")
def test_build_takes_what_the_project_remembers_unless_it_is_told(tmp_path: Path) -> None:
    write(tmp_path, Prefer.SIZE, ())
    assert build_firmware(tmp_path, "gcc").prefer is Prefer.SIZE
    assert build_firmware(tmp_path, "gcc", Prefer.SPEED).prefer is Prefer.SPEED
    assert " -Os " in build_firmware(tmp_path, "gcc").log.read_text()
