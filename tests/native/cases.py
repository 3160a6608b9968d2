# SPDX-License-Identifier: Apache-2.0
"""Random instances of each op, and what must hold of them on any machine: the kernels give the reference's bytes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st
from native.machines import Machine
from native.other_ops import run_batch_mat_mul, run_binary, run_fully_connected, weighted_params
from native.spatial_ops import run_conv, run_depthwise, run_pool, run_transpose_conv
from single_op import constant, graph_of, tensor
from strategies import (
    batch_mat_mul_graphs,
    bias_values,
    clamps,
    convolution_graphs,
    depthwise_graphs,
    filter_quantizations,
    filter_values,
    fully_connected_graphs,
    pooling_graphs,
)
from strategies_data import any_data, assume_valid, broadcast_shapes, generators, int8_tensors, scales

from sapmcu.errors import UserError
from sapmcu.ir import ops
from sapmcu.ir.graph import Array, Graph, Quantization, Tensor
from sapmcu.ir.padding import output_size
from sapmcu.reference import run_graph

Runner = Callable[[Machine, Graph, Sequence[Array]], Array]


@st.composite
def wide_convolutions(draw: st.DrawFn) -> Graph:
    """Shapes on which the fast paths run, any padding: channels in fours, long rows, windows wider than the image."""
    is_depthwise = draw(st.booleans())
    groups = 1 if is_depthwise else draw(st.sampled_from((1, 1, 1, 2)))
    depth = draw(st.sampled_from((1, 3, 4, 8, 12, 16, 17, 32)))
    count = draw(st.sampled_from((1, 2, 4, 6, 8))) * groups
    is_large = draw(st.integers(0, 4)) == 0
    kernel_size = draw(
        st.sampled_from(((8, 7), (7, 8))) if is_large else st.tuples(st.integers(1, 4), st.integers(1, 5))
    )
    stride = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    dilation = (1, 1) if is_large else draw(st.sampled_from([(1, 1), (1, 1), (1, 1), (2, 2)]))
    padding = draw(st.tuples(*(st.tuples(st.integers(0, 4), st.integers(0, 4)) for _ in range(2))))
    size = draw(st.tuples(st.integers(1, 6), st.integers(8, 14) if is_large else st.integers(1, 11)))
    out = [output_size(*one) for one in zip(size, kernel_size, stride, padding, dilation, strict=True)]
    assume(min(out) >= 1)
    channels = depth * groups
    if is_depthwise:
        count = channels * draw(st.sampled_from((1, 1, 1, 2, 4)))
    generator = draw(generators)
    shape = (1, *kernel_size, count) if is_depthwise else (count, *kernel_size, depth)
    x = draw(int8_tensors("x", (1, *size, channels), scales()))
    y = draw(int8_tensors("y", (1, *out, count), scales()))
    axis = 3 if is_depthwise else 0
    quantization = draw(st.one_of(filter_quantizations(x, y, count, axis), mixed_quantizations(x, y, count, axis)))
    filters = constant("f", draw(filter_values(shape, generator)), quantization)
    bias = constant("b", draw(bias_values(count, generator)))
    kind = ops.DepthwiseConv2D if is_depthwise else ops.Conv2D
    op = kind(("x", "f", "b"), ("y",), stride, padding, dilation, draw(clamps(y)))
    return assume_valid(graph_of(op, x, filters, bias, y))


def mixed_quantizations(x: Tensor, y: Tensor, count: int, axis: int) -> st.SearchStrategy[Quantization]:
    """Shifts to the left and to the right and dead channels side by side, with results that seldom saturate."""
    factors = st.lists(st.sampled_from((0.0, 2.0**-9, 0.75, 1.5, 2.0**-15)), min_size=count, max_size=count)
    return factors.map(
        lambda chosen: Quantization(
            tuple(float(np.float32(one * y.scale / x.scale)) for one in chosen), (0,) * count, axis
        )
    )


@st.composite
def wide_pools(draw: st.DrawFn) -> Graph:
    """Many channels; windows of more than 255 pixels, where sums in 16 bits end."""
    kind = draw(st.sampled_from([ops.AveragePool2D, ops.MaxPool2D]))
    height, width = draw(st.sampled_from([(1, 1), (3, 3), (2, 5), (7, 7), (1, 256), (2, 600), (20, 20)]))
    channels = draw(st.sampled_from((1, 4, 6, 8, 13)))
    stride = (draw(st.integers(1, 3)), draw(st.integers(1, 3)))
    size = (height + draw(st.integers(0, 2)), width + draw(st.integers(0, 3)))
    out = [output_size(*one, (0, 0)) for one in zip(size, (height, width), stride, strict=True)]
    x = draw(int8_tensors("x", (1, *size, channels), scales()))
    y = tensor("y", (1, *out, channels), "int8", x.scale, x.zero_point)
    return graph_of(kind(("x",), ("y",), (height, width), stride, ((0, 0), (0, 0)), draw(clamps(y))), x, y)


@st.composite
def wide_products(draw: st.DrawFn) -> Graph:
    """Long vectors, odd and in fours."""
    depth, count = draw(st.sampled_from((4, 16, 35, 64, 130))), draw(st.sampled_from((1, 3, 4, 5, 10)))
    x = draw(int8_tensors("x", (draw(st.integers(1, 2)), depth), scales()))
    y = draw(int8_tensors("y", (x.shape[0], count), scales()))
    generator = draw(generators)
    filters = draw(filter_values((count, depth), generator))
    quantization = draw(filter_quantizations(x, y, count, 0))
    op = ops.FullyConnected(("x", "f"), ("y",), draw(clamps(y)), False)
    return assume_valid(graph_of(op, x, constant("f", filters, quantization), y))


@st.composite
def wide_mat_muls(draw: st.DrawFn) -> Graph:
    rows, depth, columns = (draw(st.sampled_from((1, 3, 4, 7, 8, 21))) for _ in range(3))
    adjoint_x, adjoint_y = draw(st.booleans()), draw(st.booleans())
    x = draw(int8_tensors("x", (depth, rows) if adjoint_x else (rows, depth), scales()))
    y = draw(int8_tensors("y", (columns, depth) if adjoint_y else (depth, columns), scales()))
    z = draw(int8_tensors("z", (rows, columns), scales()))
    return assume_valid(graph_of(ops.BatchMatMul(("x", "y"), ("z",), adjoint_x, adjoint_y), x, y, z))


@st.composite
def dot_product_graphs(draw: st.DrawFn) -> Graph:
    """Products of one row and one column each, of a window's length and any other."""
    count, depth = draw(st.integers(2, 9)), draw(st.one_of(st.sampled_from((4, 9, 16, 64)), st.integers(1, 21)))
    adjoint_x, adjoint_y = draw(st.booleans()), draw(st.booleans())
    x = draw(int8_tensors("x", (count, depth, 1) if adjoint_x else (count, 1, depth), scales()))
    y = draw(int8_tensors("y", (count, 1, depth) if adjoint_y else (count, depth, 1), scales()))
    z = draw(int8_tensors("z", (count, 1, 1), scales()))
    return assume_valid(graph_of(ops.BatchMatMul(("x", "y"), ("z",), adjoint_x, adjoint_y), x, y, z))


SUMS = (ops.Add, ops.Sub, ops.Mul, ops.SquaredDifference, ops.Maximum, ops.Minimum, ops.Div)


@st.composite
def binary_graphs(draw: st.DrawFn) -> Graph:
    """Any broadcast, or runs that are long enough for four at a time."""
    kind = draw(st.sampled_from(SUMS))
    runs = st.integers(1, 21).flatmap(lambda n: st.sampled_from([((n,), (n,)), ((2, n), (1,)), ((1,), (n,))]))
    operand_shapes = draw(st.one_of(broadcast_shapes(), runs))
    spread = draw(st.sampled_from([(-10, 4), (-10, 4), (-30, 30)]))
    x, y = (draw(int8_tensors(name, shape, scales(*spread))) for name, shape in zip("xy", operand_shapes, strict=True))
    result = np.broadcast_shapes(*operand_shapes)
    z = draw(int8_tensors("z", result, scales(-14, -6) if kind is ops.Div else scales(*spread)))
    if kind in (ops.Add, ops.Sub) and draw(st.integers(0, 3)) == 0:  # a sum that isn't shifted at all
        z = tensor("z", result, "int8", max(x.scale, y.scale) * 2.0**-19 / draw(st.floats(0.5, 0.99)), z.zero_point)
    if kind in (ops.Maximum, ops.Minimum):
        x, y, z = (tensor(name, one.shape, "int8", 0.5, 3) for name, one in zip("xyz", (x, y, z), strict=True))
    options = [draw(clamps(z))] if kind in (ops.Add, ops.Sub, ops.Mul, ops.Div) else []
    return assume_valid(graph_of(kind(("x", "y"), ("z",), *options), x, y, z))


def spatial_graphs() -> st.SearchStrategy[Graph]:
    return st.one_of(convolution_graphs(), depthwise_graphs(), wide_convolutions())


def product_graphs() -> st.SearchStrategy[Graph]:
    return st.one_of(
        fully_connected_graphs(), batch_mat_mul_graphs(), wide_products(), wide_mat_muls(), dot_product_graphs()
    )


def pool_graphs() -> st.SearchStrategy[Graph]:
    return st.one_of(pooling_graphs(), wide_pools())


RUNNERS: dict[type, Runner] = {
    ops.Conv2D: lambda machine, graph, values: run_conv(machine, graph, values[0]),
    ops.DepthwiseConv2D: lambda machine, graph, values: run_depthwise(machine, graph, values[0]),
    ops.TransposeConv2D: lambda machine, graph, values: run_transpose_conv(machine, graph, values[0]),
    ops.AveragePool2D: lambda machine, graph, values: run_pool(machine, graph, values[0]),
    ops.MaxPool2D: lambda machine, graph, values: run_pool(machine, graph, values[0]),
    ops.FullyConnected: run_fully_connected,
    ops.BatchMatMul: run_batch_mat_mul,
}


def assert_kernels_equal_reference(machine: Machine, graph: Graph, inputs: Sequence[Sequence[Array]]) -> None:
    for values in inputs:
        expected = run_graph(graph, values)[graph.outputs[0]]
        got = RUNNERS[type(graph.ops[0])](machine, graph, values)
        np.testing.assert_array_equal(got, expected, err_msg=str(graph.ops[0]))


def assert_binary_equals_reference(machine: Machine, graph: Graph, generator: np.random.Generator) -> None:
    """Also with the result in an operand's place."""
    values = [any_data(graph.tensors[name], generator) for name in "xy"]
    try:
        expected = run_graph(graph, values)["z"]
    except UserError:  # a quotient that TFLM leaves open: it must end, with any result
        run_binary(machine, graph, values)
        return
    places = ["", *(name for name in "xy" if graph.tensors[name].shape == graph.tensors["z"].shape)]
    for place in places:
        np.testing.assert_array_equal(run_binary(machine, graph, values, place), expected, err_msg=place)
    if (weighted := weighted_params(graph)) is not None:
        for place in places:
            got = run_binary(machine, graph, values, place, weighted)
            np.testing.assert_array_equal(got, expected, err_msg=f"weighted {place}")
