# SPDX-License-Identifier: Apache-2.0
"""Where random data rarely gets: data that the reference refuses, longest rows, values around halves."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from native_data.host import Models, assert_all_equal, joined, spread, tensor_value
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
def test_softmax_of_three_numbers_that_are_close(library: Path, tmp_path: Path) -> None:
    """Shares of many values, next to halves too, where the last step of Newton and Raphson decides."""
    x, y = tensor("x", (40_000, 3), scale=0.01), tensor("y", (40_000, 3), "int8", 1 / 256, -128)
    values = np.random.default_rng(3).integers(-128, 128, (40_000, 3), np.int8)
    assert_equal(graph_of(ops.Softmax(("x",), ("y",), 1.0), x, y), [values], library, tmp_path)


SHAPE = (2, 3, 2, 3, 2, 3)


@needs_gcc
@pytest.mark.parametrize("axes", [[0, 2, 4], [1, 3, 5], [0, 1, 4], [3], [0, 1, 2, 3, 4, 5]])
def test_reductions_over_any_axes_of_six(axes: list[int], library: Path, tmp_path: Path) -> None:
    kept = [1 if axis in axes else size for axis, size in enumerate(SHAPE)]
    graphs = []
    for kind in (ops.Mean, ops.Sum, ops.ReduceMax, ops.ReduceMin):
        is_like = kind in (ops.ReduceMax, ops.ReduceMin)
        y = tensor("y", kept, "int8", *((0.5, 3) if is_like else (0.8, -5)))
        graphs.append(graph_of(kind(("x", "a"), ("y",), True), tensor("x", SHAPE, "int8", 0.5, 3), int32("a", axes), y))
    values = np.random.default_rng(4).integers(-128, 128, SHAPE, np.int8)
    assert_equal(joined(graphs), [values] * len(graphs), library, tmp_path)


@needs_gcc
def test_slopes_along_any_axes(library: Path, tmp_path: Path) -> None:
    graphs, generator = [], np.random.default_rng(5)
    shape = (2, 3, 4, 5)
    for slopes in [(5,), (4, 1), (3, 1, 1), (3, 1, 5), (3, 4, 1), (2, 1, 1, 1), (2, 3, 4, 5)]:
        alpha = constant("alpha", generator.integers(-128, 128, slopes, np.int8), Quantization((0.01,), (-7,)))
        tensors = tensor("x", shape, "int8", 0.5, 9), alpha, tensor("y", shape, "int8", 0.7, -9)
        graphs.append(graph_of(ops.PRelu(("x", "alpha"), ("y",)), *tensors))
    values = [generator.integers(-128, 128, shape, np.int8) for _ in graphs]
    assert_equal(joined(graphs), values, library, tmp_path)


@needs_gcc
@pytest.mark.parametrize("y_type", ["int8", "int16", "int32"])
def test_changes_of_integer_type(y_type: str, library: Path, tmp_path: Path) -> None:
    graphs, values = [], []
    for x_type in ("int8", "int16", "int32"):
        if "int8" not in (x_type, y_type):
            continue
        zero = {"int8": -11, "int16": 0, "int32": 1000}
        for scale in (0.3, 7.0):
            x, y = (
                tensor("x", (500,), x_type, scale, zero[x_type]),
                tensor("y", (500,), y_type, 0.11, zero[y_type] // 3),
            )
            graphs.append(graph_of(ops.Quantize(("x",), ("y",)), x, y))
            near = x.zero_point + np.linspace(-60, 60, 500)  # y neither saturates nor is its zero point
            values.append(np.clip(near, *((-128, 127) if x_type == "int8" else (-5000, 5000))).astype(x.dtype.numpy))
            graphs.append(graphs[-1])
            limits = np.iinfo(x_type)
            values.append(np.linspace(limits.min, limits.max, 500).astype(x.dtype.numpy))
    assert_equal(joined(graphs), values, library, tmp_path)


@needs_gcc
def test_gather_in_batches(library: Path, tmp_path: Path) -> None:
    x, y = tensor("x", (3, 2, 4, 5)), tensor("y", (3, 2, 6, 5))
    p = tensor("p", (3, 6), "int32", None)
    generator = np.random.default_rng(6)
    values = [generator.integers(-128, 128, x.shape, np.int8), generator.integers(0, 4, (3, 6), np.int32)]
    assert_equal(graph_of(ops.Gather(("x", "p"), ("y",), 2, 1), x, p, y), values, library, tmp_path)


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
