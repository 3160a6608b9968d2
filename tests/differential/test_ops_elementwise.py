# SPDX-License-Identifier: Apache-2.0
"""Arithmetic and changes of quantization, random instances: numpy gives TFLM's bytes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from single_op import assert_equals_tflm, constant, graph_of, tensor
from strategies_data import (
    REPEATABLE,
    any_data,
    assume_valid,
    broadcast_shapes,
    generators,
    int8_tensors,
    scales,
    shapes,
)

from sapmcu.errors import UserError
from sapmcu.ir import ops
from sapmcu.ir.activation import activation_range
from sapmcu.ir.graph import Graph, Op, Quantization, Tensor
from sapmcu.reference import run_graph

needs_tflm = pytest.mark.needs("tflite_micro")
pytestmark = needs_tflm

Shapes = tuple[tuple[int, ...], tuple[int, ...]]
activations = st.sampled_from(("NONE", "RELU", "RELU6", "RELU_N1_TO_1"))


def with_activation(kind: type[Op], z: Tensor, activation: str) -> Op:
    return kind(("x", "y"), ("z",), activation_range(activation, z))  # type: ignore[call-arg]


@given(
    kind=st.sampled_from((ops.Add, ops.Sub, ops.Mul)),
    operand_shapes=broadcast_shapes(),
    activation=activations,
    data=st.data(),
    generator=generators,
)
@REPEATABLE
def test_sums_and_products_equal_tflm(
    kind: type[Op], operand_shapes: Shapes, activation: str, data: st.DataObject, generator: np.random.Generator
) -> None:
    result = np.broadcast_shapes(*operand_shapes)
    x, y, z = (
        data.draw(int8_tensors(name, shape, scales()))
        for name, shape in zip("xyz", (*operand_shapes, result), strict=True)
    )
    graph = assume_valid(graph_of(with_activation(kind, z, activation), x, y, z))
    assert_equals_tflm(graph, [[any_data(x, generator), any_data(y, generator)] for _ in range(2)])


@given(kind=st.sampled_from((ops.Add, ops.Sub, ops.Mul, ops.SquaredDifference)), data=st.data(), generator=generators)
@REPEATABLE
def test_extreme_scales_equal_tflm(kind: type[Op], data: st.DataObject, generator: np.random.Generator) -> None:
    x, y, z = (data.draw(int8_tensors(name, (64,), scales(-40, 40))) for name in "xyz")
    op = kind(("x", "y"), ("z",)) if kind is ops.SquaredDifference else with_activation(kind, z, "NONE")
    graph = assume_valid(graph_of(op, x, y, z))
    assert_equals_tflm(graph, [[any_data(x, generator), any_data(y, generator)]])


@given(operand_shapes=broadcast_shapes(), data=st.data(), generator=generators)
@REPEATABLE
def test_squared_difference_equals_tflm(
    operand_shapes: Shapes, data: st.DataObject, generator: np.random.Generator
) -> None:
    result = np.broadcast_shapes(*operand_shapes)
    x, y, z = (
        data.draw(int8_tensors(name, shape, scales()))
        for name, shape in zip("xyz", (*operand_shapes, result), strict=True)
    )
    graph = assume_valid(graph_of(ops.SquaredDifference(("x", "y"), ("z",)), x, y, z))
    assert_equals_tflm(graph, [[any_data(x, generator), any_data(y, generator)] for _ in range(2)])


@given(
    kind=st.sampled_from((ops.Maximum, ops.Minimum)),
    operand_shapes=broadcast_shapes(),
    dtype=st.sampled_from(("int8", "int16", "int32", "int64", "float32")),
    generator=generators,
)
@REPEATABLE
def test_maximum_and_minimum_equal_tflm(
    kind: type[Op], operand_shapes: Shapes, dtype: str, generator: np.random.Generator
) -> None:
    scale = 0.25 if dtype in ("int8", "int16") else None
    x, y = (tensor(name, shape, dtype, scale) for name, shape in zip("xy", operand_shapes, strict=True))
    z = tensor("z", np.broadcast_shapes(*operand_shapes), dtype, scale)
    graph = graph_of(kind(("x", "y"), ("z",)), x, y, z)
    assert_equals_tflm(graph, [[any_data(x, generator), any_data(y, generator)]])


@given(operand_shapes=broadcast_shapes(), activation=activations, data=st.data(), generator=generators)
@REPEATABLE
def test_quotients_equal_tflm(
    operand_shapes: Shapes, activation: str, data: st.DataObject, generator: np.random.Generator
) -> None:
    """Where no divisor is 0 and no quotient so small that TFLM's result is undefined."""
    result = np.broadcast_shapes(*operand_shapes)
    x = data.draw(int8_tensors("x", operand_shapes[0], scales()))
    y = data.draw(int8_tensors("y", operand_shapes[1], scales(-6, 0)))
    z = data.draw(int8_tensors("z", result, scales(-14, -6)))
    graph = assume_valid(graph_of(with_activation(ops.Div, z, activation), x, y, z))
    divisors = any_data(y, generator)
    divisors[divisors == y.zero_point] = -128 if y.zero_point > 0 else 127
    values = [any_data(x, generator), divisors]
    try:
        run_graph(graph, values)
    except UserError:
        assume(False)
    assert_equals_tflm(graph, [values])


@pytest.mark.parametrize(
    ("dividend", "divisor", "sentence"),
    [
        (5, 0, "y holds its zero point 0: a division by 0"),
        (1, 100, "shift by 35 bits, over 31"),
    ],
)
def test_quotients_without_a_defined_result_are_refused(dividend: int, divisor: int, sentence: str) -> None:
    x, y, z = (tensor(name, (1,), scale=1.0) for name in "xyz")
    graph = graph_of(with_activation(ops.Div, z, "NONE"), x, y, z)
    with pytest.raises(UserError, match=sentence):
        run_graph(graph, [np.array([dividend], np.int8), np.array([divisor], np.int8)])


@pytest.mark.parametrize(
    ("kind", "numbers", "scale_texts"),
    [
        (ops.Sub, (-18, 90), ("0x1.17b96cp-3", "0x1.1b6c38p-2", "0x1.db0274p-1")),
        (ops.Sub, (-31, -96), ("0x1.3d198cp-2", "0x1.53c322p-2", "0x1.47df26p-2")),
        (ops.Div, (-106, -120), ("0x1.4ab0eap-2", "0x1.f23096p-2", "0x1.b72950p-8")),
        (ops.Div, (-50, -125), ("0x1.153c96p-5", "0x1.716934p-3", "0x1.370afcp-11")),
    ],
)
def test_the_last_bit_of_a_factor_equals_tflm(
    kind: type[Op], numbers: tuple[int, int], scale_texts: tuple[str, str, str]
) -> None:
    """Scales and numbers at which factors in float32 give another result."""
    x, y, z = (tensor(n, (1,), scale=float.fromhex(text)) for n, text in zip("xyz", scale_texts, strict=True))
    values = [np.array([number], np.int8) for number in numbers]
    assert_equals_tflm(graph_of(with_activation(kind, z, "NONE"), x, y, z), [values])


@pytest.mark.parametrize("name", ["x", "y"])
def test_a_constant_operand_equals_tflm(name: str) -> None:
    generator = np.random.default_rng(0)
    q = Quantization((0.25,), (3,))
    tensors = {one: tensor(one, (2, 3, 4)) for one in "xyz"}
    tensors[name] = constant(name, generator.integers(-128, 128, (4,)).astype(np.int8), q)
    graph = graph_of(with_activation(ops.Sub, tensors["z"], "RELU"), *tensors.values())
    assert_equals_tflm(graph, [[any_data(graph.tensors[graph.inputs[0]], generator)]])


def test_one_tensor_as_both_operands_equals_tflm() -> None:
    x, z = tensor("x", (300,), scale=0.1, zero_point=-7), tensor("z", (300,), scale=0.3)
    graph = graph_of(ops.Mul(("x", "x"), ("z",), activation_range("NONE", z)), x, z)
    assert_equals_tflm(graph, [[any_data(x, np.random.default_rng(0))]])


REQUANTIZATIONS = (
    ("int8", "int8"),
    ("int8", "uint8"),
    ("int8", "int16"),
    ("int8", "int32"),
    ("uint8", "int8"),
    ("int16", "int8"),
    ("int16", "int16"),
    ("int16", "int32"),
    ("int32", "int8"),
    ("int32", "int16"),
)


def zero_point_in(dtype: str) -> st.SearchStrategy[int]:
    info = np.iinfo(dtype)
    return st.sampled_from((info.min, 0, info.max, 5)) if dtype != "int32" else st.integers(-1000, 1000)


@given(
    types=st.sampled_from(REQUANTIZATIONS),
    scale_pair=st.tuples(scales(-30, 10), scales(-30, 10)),
    data=st.data(),
    generator=generators,
)
@REPEATABLE
def test_requantization_equals_tflm(
    types: tuple[str, str], scale_pair: tuple[float, float], data: st.DataObject, generator: np.random.Generator
) -> None:
    x, y = (
        tensor(name, (3, 43), dtype, scale, data.draw(zero_point_in(dtype)))
        for name, dtype, scale in zip("xy", types, scale_pair, strict=True)
    )
    graph = assume_valid(graph_of(ops.Quantize(("x",), ("y",)), x, y))
    assert_equals_tflm(graph, [[any_data(x, generator)]])


@given(
    dtype=st.sampled_from(("int8", "int16")),
    scale=scales(-12, 6),
    zero_point=st.sampled_from((-128, 0, 3, 127)),
    shape=shapes(),
    generator=generators,
)
@REPEATABLE
def test_quantization_of_floats_equals_tflm(
    dtype: str, scale: float, zero_point: int, shape: tuple[int, ...], generator: np.random.Generator
) -> None:
    """Halves among them: they are rounded away from zero, after a division in float32."""
    x, y = tensor("x", shape, "float32", None), tensor("y", shape, dtype, scale, zero_point)
    halves = (generator.integers(-300, 300, shape) + 0.5) * y.scale
    graph = graph_of(ops.Quantize(("x",), ("y",)), x, y)
    assert_equals_tflm(graph, [[halves.astype(np.float32)], [any_data(x, generator)]])


@pytest.mark.parametrize("value", [np.nan, np.inf, -3e38])
def test_a_float_beyond_integers_is_refused(value: float) -> None:
    x, y = tensor("x", (1,), "float32", None), tensor("y", (1,), scale=0.5)
    graph: Graph = graph_of(ops.Quantize(("x",), ("y",)), x, y)
    with pytest.raises(UserError, match=r"not a number or beyond 5\.36871e\+08"):
        run_graph(graph, [np.array([value], np.float32)])


@given(dtype=st.sampled_from(("int8", "uint8", "int16")), scale=scales(-60, 60), data=st.data(), generator=generators)
@REPEATABLE
def test_dequantization_equals_tflm(
    dtype: str, scale: float, data: st.DataObject, generator: np.random.Generator
) -> None:
    x = tensor("x", (65,), dtype, scale, data.draw(zero_point_in(dtype)))
    graph = graph_of(ops.Dequantize(("x",), ("y",)), x, tensor("y", (65,), "float32", None))
    assert_equals_tflm(graph, [[any_data(x, generator)]])
