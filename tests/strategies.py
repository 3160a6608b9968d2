# SPDX-License-Identifier: Apache-2.0
"""Random graphs of one op that convolves, multiplies, pools, reduces or normalises, and data for their inputs."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st
from single_op import constant, graph_of, tensor
from strategies_data import any_data, generators, int8_tensors, scales, shapes, zero_points

from sapmcu.ir import ops
from sapmcu.ir.activation import activation_range
from sapmcu.ir.graph import Array, Graph, Quantization, Tensor
from sapmcu.ir.ops import Padding, Pair, Range
from sapmcu.ir.padding import VALID, output_size, same_padding, window_extent

INT8 = Range(-128, 127)
pairs = st.tuples(st.integers(1, 4), st.integers(1, 4))


def smooth(one: Tensor, generator: np.random.Generator) -> Array:
    """Waves along all axes, as in pictures: neighbours are alike, and some inputs stay within a small range."""
    info = np.iinfo(one.dtype.value)
    waves = np.zeros(one.shape)
    for _ in range(4):
        phase = np.full(one.shape, generator.uniform(0, 2 * np.pi))
        for axis, size in enumerate(one.shape):
            steps = np.linspace(0, generator.uniform(-6, 6), size)
            phase += np.expand_dims(steps, tuple(set(range(len(one.shape))) - {axis}))
        waves += np.cos(phase)
    middle, spread = generator.uniform(info.min, info.max), generator.uniform(1, (info.max - info.min) / 2)
    return np.clip(np.rint(middle + spread * waves), info.min, info.max).astype(one.dtype.numpy)


def varied_inputs(graph: Graph, generator: np.random.Generator) -> list[list[Array]]:
    """Random and smooth data, all of one value: lowest, highest, zero; and zero but for a few."""
    inputs = [graph.tensors[name] for name in graph.inputs]
    runs = [[make(one, generator) for one in inputs] for make in (any_data, any_data, smooth)]
    runs += [[np.full(one.shape, value, np.int8) for one in inputs] for value in (-128, 127)]
    runs.append([np.full(one.shape, one.zero_point, np.int8) for one in inputs])
    runs.append(
        [np.where(generator.random(one.shape) < 0.1, any_data(one, generator), one.zero_point) for one in inputs]
    )
    return [[one.astype(np.int8) for one in run] for run in runs]


def _sparse(one: Tensor, generator: np.random.Generator) -> Array:
    return np.where(generator.random(one.shape) < 0.1, any_data(one, generator), one.zero_point)


@st.composite
def factors(draw: st.DrawFn) -> float:
    """Of a requantization: mostly as in a trained net, sometimes so that all is 0 or all saturates."""
    lowest, highest = draw(st.sampled_from([(-12, 0), (-12, 0), (-36, -13), (1, 28)]))
    return draw(scales(lowest, highest))


@st.composite
def filter_quantizations(draw: st.DrawFn, x: Tensor, y: Tensor, channels: int, axis: int) -> Quantization:
    """One scale, or one a channel with dead ones among them, so that x · filter / y are plausible factors."""
    count = channels if draw(st.booleans()) else 1
    chosen = [draw(factors()) * y.scale / x.scale for _ in range(count)]
    chosen = [0.0 if count > 1 and draw(st.integers(0, 9)) == 0 else one for one in chosen]
    return Quantization(tuple(float(np.float32(one)) for one in chosen), (0,) * count, axis)


@st.composite
def filter_values(draw: st.DrawFn, shape: tuple[int, ...], generator: np.random.Generator) -> Array:
    """Random over the whole range, near dead, or at its ends."""
    kind = draw(st.sampled_from(["any", "any", "near dead", "ends"]))
    if kind == "near dead":
        return (generator.random(shape) < 0.1).astype(np.int8)
    if kind == "ends":
        return generator.choice(np.array([-128, 127], np.int8), shape)
    return generator.integers(-128, 128, shape, np.int8)


def bias_values(channels: int, generator: np.random.Generator) -> st.SearchStrategy[Array]:
    limits = st.sampled_from([1, 1000, 1 << 20, (1 << 31) - 1])
    return limits.map(lambda limit: generator.integers(-limit - 1, limit, channels, np.int32, endpoint=True))


def clamps(y: Tensor) -> st.SearchStrategy[Range]:
    names = st.sampled_from(["NONE", "NONE", "RELU", "RELU6", "RELU_N1_TO_1"])
    return names.map(lambda name: activation_range(name, y))


@st.composite
def windows(draw: st.DrawFn, window: Pair, stride: Pair, dilation: Pair = (1, 1)) -> tuple[Pair, Padding, Pair]:
    """(size, padding, size of the result) of an image under these windows: SAME or VALID."""
    is_same = draw(st.booleans())
    lowest = (1, 1) if is_same else tuple(map(window_extent, window, dilation))
    height, width = (draw(st.integers(one, one + 6)) for one in lowest)
    padding = same_padding((height, width), window, stride, dilation) if is_same else VALID
    out = tuple(map(output_size, (height, width), window, stride, padding, dilation))
    return (height, width), padding, (out[0], out[1])


@st.composite
def convolution_graphs(draw: st.DrawFn) -> Graph:
    groups, depth, filters = draw(st.integers(1, 3)), draw(st.integers(1, 5)), draw(st.integers(1, 4))
    return _convolved(draw, groups * depth, (groups * filters, depth))


@st.composite
def depthwise_graphs(draw: st.DrawFn) -> Graph:
    return _convolved(draw, draw(st.integers(1, 5)), None)


def _convolved(draw: st.DrawFn, channels: int, filters: tuple[int, int] | None) -> Graph:
    """filters: (count, depth), None for a depthwise convolution."""
    batch, kernel_size, stride = draw(st.integers(1, 2)), draw(pairs), draw(pairs)
    dilation = draw(st.sampled_from([(1, 1), (1, 1), (2, 1), (3, 2)]))
    size, padding, out = draw(windows(kernel_size, stride, dilation))
    generator = draw(generators)
    count = filters[0] if filters else channels * draw(st.integers(1, 3))
    shape = (count, *kernel_size, filters[1]) if filters else (1, *kernel_size, count)
    x = draw(int8_tensors("x", (batch, *size, channels), scales()))
    y = draw(int8_tensors("y", (batch, *out, count), scales()))
    quantization = draw(filter_quantizations(x, y, count, 0 if filters else 3))
    tensors = [x, constant("f", draw(filter_values(shape, generator)), quantization)]
    if draw(st.booleans()):
        tensors.append(constant("b", draw(bias_values(count, generator))))
    kind = ops.Conv2D if filters else ops.DepthwiseConv2D
    inputs = tuple(one.name for one in tensors)
    return graph_of(kind(inputs, ("y",), stride, padding, dilation, draw(clamps(y))), *tensors, y)


@st.composite
def transpose_convolution_graphs(draw: st.DrawFn) -> Graph:
    batch, kernel_size, stride = draw(st.integers(1, 2)), draw(pairs), draw(pairs)
    size, padding, out = draw(windows(kernel_size, stride))
    generator = draw(generators)
    channels, count = draw(st.integers(1, 5)), draw(st.integers(1, 5))
    x = draw(int8_tensors("x", (batch, *out, channels), scales()))
    y = draw(int8_tensors("y", (batch, *size, count), scales()))
    values = draw(filter_values((count, *kernel_size, channels), generator))
    tensors = [
        constant("s", np.array(y.shape, np.int32)),
        constant("f", values, draw(filter_quantizations(x, y, count, 0))),
        x,
    ]
    if draw(st.booleans()):
        tensors.append(constant("b", draw(bias_values(count, generator))))
    inputs = tuple(one.name for one in tensors)
    return graph_of(ops.TransposeConv2D(inputs, ("y",), stride, padding, draw(clamps(y))), *tensors, y)


@st.composite
def fully_connected_graphs(draw: st.DrawFn) -> Graph:
    leading, depth, count = draw(shapes(0, 4, 3)), draw(st.integers(1, 40)), draw(st.integers(1, 6))
    keep_num_dims, generator = draw(st.booleans()), draw(generators)
    x = draw(int8_tensors("x", (*leading, depth), scales()))
    result = (*leading, count) if keep_num_dims else (math.prod(leading), count)
    y = draw(int8_tensors("y", result, scales()))
    quantization = draw(filter_quantizations(x, y, count, 0))
    filters = constant("f", draw(filter_values((count, depth), generator)), quantization)
    if draw(st.integers(0, 4)) == 0 and not quantization.is_per_channel:
        filters = tensor("f", (count, depth), "int8", quantization.scale)
    tensors = [x, filters]
    if draw(st.booleans()):
        unit = np.float32(x.scale * quantization.scales[0])
        # TFLM compares a bias of one scale in float64: a float32 scale of a large factor is never close enough
        assume(quantization.is_per_channel or unit / y.scale < 2**16)
        bias = draw(bias_values(count, generator))
        tensors.append(constant("b", bias, Quantization((float(unit),), (0,))))
    inputs = tuple(one.name for one in tensors)
    return graph_of(ops.FullyConnected(inputs, ("y",), draw(clamps(y)), keep_num_dims), *tensors, y)


@st.composite
def batch_mat_mul_graphs(draw: st.DrawFn) -> Graph:
    batch = draw(shapes(0, 3, 3))
    rows, depth, columns = (draw(st.integers(1, 6)) for _ in range(3))

    def operand(name: str, matrix: Pair, is_adjoint: bool) -> Tensor:
        kept = batch[draw(st.integers(0, len(batch))) :]
        sizes = [size if draw(st.booleans()) else 1 for size in kept]
        return draw(int8_tensors(name, (*sizes, *(matrix[::-1] if is_adjoint else matrix)), scales()))

    adjoint_x, adjoint_y = draw(st.booleans()), draw(st.booleans())
    x, y = operand("x", (rows, depth), adjoint_x), operand("y", (depth, columns), adjoint_y)
    result = (*np.broadcast_shapes(x.shape[:-2], y.shape[:-2]), rows, columns)
    scale = float(np.float32(x.scale * y.scale / draw(factors())))
    z = tensor("z", result, "int8", scale, draw(zero_points))
    return graph_of(ops.BatchMatMul(("x", "y"), ("z",), adjoint_x, adjoint_y), x, y, z)


@st.composite
def pooling_graphs(draw: st.DrawFn) -> Graph:
    kind = draw(st.sampled_from([ops.AveragePool2D, ops.MaxPool2D]))
    window, stride = draw(st.tuples(st.integers(1, 9), st.integers(1, 9))), draw(pairs)
    size, padding, out = draw(windows(window, stride))
    batch, channels = draw(st.integers(1, 2)), draw(st.integers(1, 5))
    x = draw(int8_tensors("x", (batch, *size, channels), scales()))
    y = tensor("y", (batch, *out, channels), "int8", x.scale, x.zero_point)
    return graph_of(kind(("x",), ("y",), window, stride, padding, draw(clamps(y))), x, y)


@st.composite
def reduction_graphs(draw: st.DrawFn) -> Graph:
    kind: Any = draw(st.sampled_from([ops.Mean, ops.Sum, ops.ReduceMax, ops.ReduceMin]))
    x = draw(int8_tensors("x", draw(shapes(1, 6, 5)), scales()))
    rank = len(x.shape)
    axes = draw(st.lists(st.integers(-rank, rank - 1), min_size=1, max_size=rank))
    keep_dims = draw(st.booleans())
    reduced = {axis % rank for axis in axes}
    result = [1 if axis in reduced else size for axis, size in enumerate(x.shape) if keep_dims or axis not in reduced]
    y = tensor("y", result, "int8", x.scale, x.zero_point)
    if kind in (ops.Mean, ops.Sum):
        y = tensor("y", result, "int8", float(np.float32(x.scale / draw(factors()))), draw(zero_points))
    return graph_of(kind(("x", "a"), ("y",), keep_dims), x, constant("a", np.array(axes, np.int32)), y)


@st.composite
def arg_graphs(draw: st.DrawFn) -> Graph:
    kind = draw(st.sampled_from([ops.ArgMax, ops.ArgMin]))
    x = draw(int8_tensors("x", draw(shapes(1, 6, 5)), scales()))
    axis = draw(st.integers(-len(x.shape), len(x.shape) - 1))
    result = list(x.shape)
    del result[axis]
    along = constant("a", np.array(axis if draw(st.booleans()) else [axis], np.int32))
    return graph_of(kind(("x", "a"), ("y",)), x, along, tensor("y", result, "int32", None))


@st.composite
def rows(draw: st.DrawFn, highest_rank: int, longest: int) -> tuple[int, ...]:
    """A shape whose last axis may be long."""
    return (*draw(shapes(0, highest_rank - 1, 3)), draw(st.one_of(st.integers(1, 9), st.integers(1, longest))))


@st.composite
def softmax_graphs(draw: st.DrawFn) -> Graph:
    """Up to 511 entries: from 512 on TFLM may abort."""
    x = draw(int8_tensors("x", draw(rows(6, 511)), scales(-20, 8)))
    beta = draw(st.sampled_from([1.0, 0.5, 10.0, 2.0**-5]))
    return graph_of(ops.Softmax(("x",), ("y",), beta), x, tensor("y", x.shape, "int8", 1 / 256, -128))


@st.composite
def log_softmax_graphs(draw: st.DrawFn) -> Graph:
    x = draw(int8_tensors("x", draw(rows(6, 900)), scales(-25, 8)))
    return graph_of(ops.LogSoftmax(("x",), ("y",)), x, tensor("y", x.shape, "int8", 1 / 16, 127))


@st.composite
def l2_normalization_graphs(draw: st.DrawFn) -> Graph:
    x = draw(int8_tensors("x", draw(rows(4, 900)), scales()))
    return graph_of(ops.L2Normalization(("x",), ("y",), INT8), x, tensor("y", x.shape, "int8", 1 / 128))
