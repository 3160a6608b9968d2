# SPDX-License-Identifier: Apache-2.0
"""Functions of one number, for every int8 value and random quantization: numpy gives TFLM's bytes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from single_op import assert_equals_tflm, constant, graph_of, tensor
from strategies_data import REPEATABLE, any_data, assume_valid, generators, scales, zero_points

from sapmcu.emit.tflite import write_tflite
from sapmcu.errors import UserError
from sapmcu.ir import ops
from sapmcu.ir.graph import Graph, Op, Quantization
from sapmcu.reference import run_graph
from sapmcu.run import tflm_host

pytestmark = pytest.mark.needs("tflite_micro")

VALUES = np.arange(-128, 128).astype(np.int8).reshape(1, 2, 128)
EDGE_SCALES = (2.0**-28, 2.0**-27, 1e-3, 0.99, 15 / 128, 0.125, 1.0, 15.0, 16.0, 2.0**27, 2.0**34)


def values_graph(op: Op, x: tuple[float, int], y: tuple[float, int]) -> Graph:
    """A graph of a function that takes every value at once. x, y: scale and zero point."""
    return graph_of(op, tensor("x", VALUES.shape, "int8", *x), tensor("y", VALUES.shape, "int8", *y))


def assert_all_values_equal(op: Op, x: tuple[float, int], y: tuple[float, int]) -> None:
    assert_equals_tflm(assume_valid(values_graph(op, x, y)), [[VALUES]])


pairs = st.tuples(scales(-14, 8), zero_points)


@given(kind=st.sampled_from((ops.Relu, ops.Relu6, ops.Abs, ops.HardSwish)), x=pairs, y=pairs)
@REPEATABLE
def test_piecewise_functions_equal_tflm(kind: type[Op], x: tuple[float, int], y: tuple[float, int]) -> None:
    assert_all_values_equal(kind(("x",), ("y",)), x, y)


@given(kind=st.sampled_from((ops.Relu, ops.Relu6, ops.Abs, ops.HardSwish)), data=st.data())
@REPEATABLE
def test_piecewise_functions_with_extreme_scales_equal_tflm(kind: type[Op], data: st.DataObject) -> None:
    wide = st.tuples(scales(-40, 24), zero_points)
    assert_all_values_equal(kind(("x",), ("y",)), data.draw(wide), data.draw(wide))


@given(kind=st.sampled_from((ops.Relu, ops.Relu6, ops.Abs, ops.HardSwish)), x=pairs)
@REPEATABLE
def test_equal_quantization_equals_tflm(kind: type[Op], x: tuple[float, int]) -> None:
    assert_all_values_equal(kind(("x",), ("y",)), x, x)


@given(scale=st.one_of(scales(-12, 4), st.sampled_from(EDGE_SCALES)), zero_point=zero_points)
@REPEATABLE
def test_sigmoids_equal_tflm(scale: float, zero_point: int) -> None:
    assert_all_values_equal(ops.Logistic(("x",), ("y",)), (scale, zero_point), (1 / 256, -128))
    assert_all_values_equal(ops.Tanh(("x",), ("y",)), (scale, zero_point), (1 / 128, 0))


@given(alpha=st.one_of(st.sampled_from((0.0, 1.0, -1.0, 0.2)), st.floats(-8, 8, width=32)), x=pairs, y=pairs)
@REPEATABLE
def test_leaky_relu_equals_tflm(alpha: float, x: tuple[float, int], y: tuple[float, int]) -> None:
    assert_all_values_equal(ops.LeakyRelu(("x",), ("y",), float(np.float32(alpha))), x, y)


@given(x=pairs, y=pairs, alpha=st.tuples(scales(-12, 0), zero_points), axes=st.integers(0, 7), generator=generators)
@REPEATABLE
def test_prelu_equals_tflm(
    x: tuple[float, int],
    y: tuple[float, int],
    alpha: tuple[float, int],
    axes: int,
    generator: np.random.Generator,
) -> None:
    """Bit i of axes: alpha has its own number for each index of axis i; leading axes of length 1 are missing."""
    shape = (1, 4, 5, 3)
    slopes = tuple(size if axes >> index & 1 else 1 for index, size in enumerate(shape[1:]))
    values = generator.integers(-128, 128, slopes).astype(np.int8)
    graph = assume_valid(
        graph_of(
            ops.PRelu(("x", "alpha"), ("y",)),
            tensor("x", shape, "int8", *x),
            constant("alpha", values, Quantization((alpha[0],), (alpha[1],))),
            tensor("y", shape, "int8", *y),
        )
    )
    assert_equals_tflm(graph, [[any_data(graph.tensors["x"], generator)] for _ in range(2)])


@given(x=st.tuples(scales(-16, 8), zero_points), y=st.tuples(scales(-16, 8), zero_points))
@REPEATABLE
def test_rsqrt_equals_tflm(x: tuple[float, int], y: tuple[float, int]) -> None:
    values = np.arange(x[1], 128).astype(np.int8)
    tensors = tensor("x", values.shape, "int8", *x), tensor("y", values.shape, "int8", *y)
    assert_equals_tflm(assume_valid(graph_of(ops.Rsqrt(("x",), ("y",)), *tensors)), [[values]])


def test_rsqrt_of_a_negative_number_is_refused_as_tflm_does() -> None:
    graph = graph_of(ops.Rsqrt(("x",), ("y",)), tensor("x", (1,)), tensor("y", (1,)))
    values = [np.array([-1], np.int8)]
    with pytest.raises(UserError, match="x holds numbers below 0"):
        run_graph(graph, values)
    with pytest.raises(tflm_host.TflmError):
        tflm_host.invoke(write_tflite(graph), [values], 1)


@pytest.mark.parametrize(
    ("op", "x", "y"),
    [
        (ops.Relu(("x",), ("y",)), ("0x1.a2e19cp-6", -128), ("0x1.18a13cp-3", -128)),
        (ops.Abs(("x",), ("y",)), ("0x1.8e169ep-6", -128), ("0x1.c6952ep-6", -128)),
        (ops.LeakyRelu(("x",), ("y",), float.fromhex("0x1.bc48eap-3")), ("0x1.2a2f64p-6", 127), ("0x1.258cfap-6", 127)),
        (ops.Rsqrt(("x",), ("y",)), ("0x1.d48fbep-1", -128), ("0x1.3dbba2p-9", -128)),
        (ops.HardSwish(("x",), ("y",)), ("0x1.ea753p-4", 0), ("0x1.40b6e4p-10", -128)),
    ],
)
def test_the_last_bit_of_a_factor_equals_tflm(op: Op, x: tuple[str, int], y: tuple[str, int]) -> None:
    """Scales at which a factor in float32 gives another result."""
    graph = values_graph(op, (float.fromhex(x[0]), x[1]), (float.fromhex(y[0]), y[1]))
    assert_equals_tflm(graph, [[VALUES]])
