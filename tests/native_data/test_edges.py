# SPDX-License-Identifier: Apache-2.0
"""Where random data rarely gets: data that the reference refuses, longest rows, values around halves."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from native_data.host import Models, assert_all_equal, spread, tensor_value
from single_op import constant, graph_of, tensor
from strategies_data import int32

from sapmcu.errors import UserError
from sapmcu.ir import ops
from sapmcu.ir.graph import Array, Graph, Quantization
from sapmcu.lower import lower_graph
from sapmcu.reference import run_graph

needs_gcc = pytest.mark.needs("gcc")
INT8 = ops.Range(-128, 127)


def run_native(graph: Graph, values: list[Array], library: Path, tmp_path: Path) -> dict[str, Array]:
    """Every tensor after a run, each with memory of its own."""
    program, gaps = spread(graph)
    models = Models(tmp_path, library, [program])
    arena = models.run(0, dict(zip(graph.inputs, values, strict=True)), gaps)
    models.close()
    return {name: tensor_value(graph, program, arena, name) for name in program.plan.offset_bytes}


def assert_equal(graph: Graph, values: list[Array], library: Path, tmp_path: Path) -> None:
    program, gaps = spread(graph)
    models = Models(tmp_path, library, [program])
    arena = models.run(0, dict(zip(graph.inputs, values, strict=True)), gaps)
    models.close()
    assert_all_equal(graph, program, arena, run_graph(graph, values))


def gather(positions: list[int]) -> tuple[Graph, list[Array]]:
    op = ops.Gather(("x", "p"), ("y",), 1, 0)
    x, p, y = tensor("x", (2, 4, 3)), tensor("p", (len(positions),), "int32", None), tensor("y", (2, len(positions), 3))
    values = [np.arange(24, dtype=np.int8).reshape(2, 4, 3), np.array(positions, np.int32)]
    return graph_of(op, x, p, y), values


@needs_gcc
def test_gather_by_computed_positions(library: Path, tmp_path: Path) -> None:
    assert_equal(*gather([3, 0, 0, 2, 1]), library, tmp_path)


@needs_gcc
def test_gather_from_outside_takes_the_nearest_entry(library: Path, tmp_path: Path) -> None:
    graph, values = gather([-1, 4, -(2**31), 2**31 - 1])
    got = run_native(graph, values, library, tmp_path)["y"]
    np.testing.assert_array_equal(got, values[0][:, [0, 3, 0, 3]])


@needs_gcc
def test_floats_around_halves_quantize_as_the_reference_does(library: Path, tmp_path: Path) -> None:
    halves = np.arange(-140, 140, dtype=np.float32) + np.float32(0.5)
    around = [halves, np.nextafter(halves, np.float32(-np.inf)), np.nextafter(halves, np.float32(np.inf))]
    special = np.array([0.0, -0.0, 0.49999997, -0.49999997, 1e-45, 1e9, -1e9, 2.0**29], np.float32)
    values = np.concatenate([*around, special])
    x, y = tensor("x", values.shape, "float32", None), tensor("y", values.shape, "int8", 1.0, 5)
    assert_equal(graph_of(ops.Quantize(("x",), ("y",)), x, y), [values], library, tmp_path)


@needs_gcc
@pytest.mark.parametrize("zero_point", [-128, 0, 127])
def test_floats_that_the_reference_refuses_saturate(zero_point: int, library: Path, tmp_path: Path) -> None:
    values = np.array([np.inf, -np.inf, 3e38, -3e38, np.nan], np.float32)
    x, y = tensor("x", (5,), "float32", None), tensor("y", (5,), "int8", 0.5, zero_point)
    got = run_native(graph_of(ops.Quantize(("x",), ("y",)), x, y), [values], library, tmp_path)["y"]
    assert got.tolist() == [127, -128, 127, -128, zero_point]


@needs_gcc
def test_rsqrt_below_zero_gives_what_zero_gives(library: Path, tmp_path: Path) -> None:
    graph = graph_of(ops.Rsqrt(("x",), ("y",)), tensor("x", (3,), "int8", 1.0, 10), tensor("y", (3,)))
    got = run_native(graph, [np.array([-128, 9, 10], np.int8)], library, tmp_path)["y"]
    assert got.tolist() == [127, 127, 127]


@needs_gcc
@pytest.mark.parametrize("length", [511, 512, 4095, 4096, 9000])
def test_softmax_over_equal_entries_of_any_number(length: int, library: Path, tmp_path: Path) -> None:
    x, y = tensor("x", (2, length), scale=0.1), tensor("y", (2, length), "int8", 1 / 256, -128)
    values = np.zeros((2, length), np.int8)
    values[1, ::2] = -128
    assert_equal(graph_of(ops.Softmax(("x",), ("y",), 1.0), x, y), [values], library, tmp_path)


@needs_gcc
@pytest.mark.parametrize("scale", [1e-4, 0.1, 30.0])
def test_log_softmax_over_the_longest_row(scale: float, library: Path, tmp_path: Path) -> None:
    x, y = tensor("x", (2, 4095), scale=scale), tensor("y", (2, 4095), "int8", 1 / 16, 127)
    values = np.zeros((2, 4095), np.int8)
    values[1] = np.resize(np.arange(-128, 128), 4095)
    assert_equal(graph_of(ops.LogSoftmax(("x",), ("y",)), x, y), [values], library, tmp_path)


@needs_gcc
@pytest.mark.parametrize(("zero_point", "value"), [(-128, 127), (127, -128), (0, 0), (0, 1)])
def test_l2_normalization_over_the_longest_row(zero_point: int, value: int, library: Path, tmp_path: Path) -> None:
    x, y = tensor("x", (33_025,), "int8", 1.0, zero_point), tensor("y", (33_025,), "int8", 1 / 128)
    values = np.full(33_025, value, np.int8)
    assert_equal(graph_of(ops.L2Normalization(("x",), ("y",), INT8), x, y), [values], library, tmp_path)


@needs_gcc
def test_each_of_256_numbers_over_rows_of_all_lengths_up_to_9(library: Path, tmp_path: Path) -> None:
    """Softmax of a few numbers, where each share has many bits."""
    x, y = tensor("x", (256, 9), scale=0.05), tensor("y", (256, 9), "int8", 1 / 256, -128)
    values = np.full((256, 9), -128, np.int8)
    for row in range(256):
        values[row, : 1 + row % 9] = np.random.default_rng(row).integers(-128, 128, 1 + row % 9)
    assert_equal(graph_of(ops.Softmax(("x",), ("y",), 1.0), x, y), [values], library, tmp_path)


def refusal(graph: Graph) -> str:
    with pytest.raises(UserError) as caught:
        lower_graph(graph)
    return caught.value.message


def test_sizes_beyond_16_bits_are_refused() -> None:
    op = ops.ResizeNearest(("x", "s"), ("y",), align_corners=False, half_pixel_centers=False)
    x, y = tensor("x", (1, 1, 70_000, 1)), tensor("y", (1, 1, 4, 1))
    assert refusal(graph_of(op, x, int32("s", [1, 4]), y)) == (
        "op 0 RESIZE_NEAREST_NEIGHBOR (y): the width of x is 70,000; the native engine counts to 65,535"
    )


def test_slopes_that_broadcast_the_operand_are_refused() -> None:
    alpha = constant("alpha", np.arange(4, dtype=np.int8).reshape(2, 2), Quantization((0.5,), (0,)))
    graph = graph_of(ops.PRelu(("x", "alpha"), ("y",)), tensor("x", (2,)), alpha, tensor("y", (2, 2)))
    assert "broadcast x [2], not the other way" in refusal(graph)


def test_dequantizing_beyond_float32_is_refused() -> None:
    graph = graph_of(ops.Dequantize(("x",), ("y",)), tensor("x", (2,), scale=3e38), tensor("y", (2,), "float32", None))
    assert "too large for float32" in refusal(graph)


def test_variable_tensors_are_refused() -> None:
    graph = graph_of(ops.Relu(("x",), ("y",)), tensor("x", (2,)), tensor("y", (2,)))
    variable = replace(graph.tensors["x"], is_variable=True)
    graph = replace(graph, tensors={**graph.tensors, "x": variable}, inputs=())
    assert "x keeps its value from run to run" in refusal(graph)
