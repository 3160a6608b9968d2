# SPDX-License-Identifier: Apache-2.0
"""A RELU6 that stands alone is rewritten so that numpy and TFLM give min(max(requantized x, 0), 6)."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from single_op import assert_equals_tflm, constant, graph_of, tensor
from strategies_data import REPEATABLE, assume_valid, generators, scales, zero_points

from sapmcu.emit.tflite import write_tflite
from sapmcu.ir import ops
from sapmcu.ir.activation import activation_range, quantize_limit
from sapmcu.ir.check import verify_graph
from sapmcu.ir.graph import Array, Graph, Quantization, Tensor
from sapmcu.ir.text import parse_text
from sapmcu.passes.relu6 import fold_relu6
from sapmcu.reference import run_graph
from sapmcu.reference.fixed_point import multiply_by_quantized_multiplier, quantize_multiplier
from sapmcu.run import tflm_host

needs_tflm = pytest.mark.needs("tflite_micro")
VALUES = np.arange(-128, 128).astype(np.int8)


def alone(x: tuple[float, int], y: tuple[float, int], dtype: str = "int8") -> Graph:
    values = VALUES.shape
    return graph_of(ops.Relu6(("x",), ("y",)), tensor("x", values, dtype, *x), tensor("y", values, dtype, *y))


def true_relu6(values: Array, x: Tensor, y: Tensor) -> Array:
    """Requantize, then clamp to the integers of 0 and 6."""
    factor = quantize_multiplier(x.scale / y.scale)
    requantized = multiply_by_quantized_multiplier(values.astype(np.int64) - x.zero_point, *factor) + y.zero_point
    return np.clip(requantized, y.zero_point, min(quantize_limit(6.0, y), 127)).astype(np.int8)


pairs = st.tuples(scales(-9, 3), zero_points)


@needs_tflm
@given(x=pairs, y=pairs)
@REPEATABLE
def test_every_quantization_gives_the_definition(x: tuple[float, int], y: tuple[float, int]) -> None:
    graph = assume_valid(alone(x, y))
    folded = fold_relu6(graph)
    verify_graph(folded)
    assert_equals_tflm(folded, [[VALUES]])
    expected = true_relu6(VALUES, graph.tensors["x"], graph.tensors["y"])
    np.testing.assert_array_equal(run_graph(folded, [VALUES])["y"], expected)


@needs_tflm
def test_tflm_is_wrong_without_the_rewrite() -> None:
    """The reason for this pass: where this fails, TFLM has mended RELU6."""
    graph = alone((0.1, -10), (6 / 255, -128))
    ((got,),) = tflm_host.invoke(write_tflite(graph), [[VALUES]], 1)
    expected = true_relu6(VALUES, graph.tensors["x"], graph.tensors["y"])
    assert np.count_nonzero(got != expected) > 200


@pytest.mark.parametrize(
    ("x", "y", "kinds"),
    [
        ((0.1, -10), (6 / 255, -128), [ops.Relu]),  # 6 is the last integer of y
        ((0.1, -10), (0.02, -128), [ops.Relu]),  # and here beyond it
        ((0.05, 3), (0.05, 3), [ops.Relu6]),  # nothing to requantize
        ((0.02, -128), (0.02, -128), [ops.Relu]),
        ((0.1, -10), (0.05, -128), [ops.Relu, ops.Minimum]),
        ((0.05, -10), (0.05, -9), [ops.Relu, ops.Minimum]),
    ],
)
def test_the_cheapest_exact_form_is_taken(x: tuple[float, int], y: tuple[float, int], kinds: list[type]) -> None:
    assert [type(op) for op in fold_relu6(alone(x, y)).ops] == kinds


def test_int16_and_floats() -> None:
    folded = fold_relu6(alone((0.25, 0), (0.125, 0), "int16"))
    assert [type(op) for op in folded.ops] == [ops.Relu, ops.Minimum]
    assert folded.tensors["y/six"].value.tolist() == [48]
    floats = graph_of(ops.Relu6(("x",), ("y",)), tensor("x", (4,), "float32", None), tensor("y", (4,), "float32", None))
    assert fold_relu6(floats) is floats


CONV_RELU6 = """
graph conv ""
tensor x [1,3,3,1] int8 (0.5, -3)
const filter [2,1,1,1] int8 axis 0 (0.25, 0) (0.5, 0) = 1 -2
tensor a [1,3,3,2] int8 (0.0625, 4)
tensor y [1,3,3,2] int8 (0.0625, 4)
input x
output y
a = Conv2D(x, filter, stride=(1, 1), padding=((0, 0), (0, 0)), dilation=(1, 1), activation=-128..127)
y = Relu6(a)
"""


@needs_tflm
@given(generator=generators)
@REPEATABLE
def test_the_clamp_goes_into_the_only_producer(generator: np.random.Generator) -> None:
    graph = parse_text(CONV_RELU6)
    folded = fold_relu6(graph)
    assert [(type(op), op.outputs) for op in folded.ops] == [(ops.Conv2D, ("y",))]
    assert folded.ops[0].activation == ops.Range(4, 100)  # type: ignore[attr-defined]
    assert list(folded.tensors) == ["x", "filter", "y"]
    values = generator.integers(-128, 128, (1, 3, 3, 1)).astype(np.int8)
    assert_equals_tflm(folded, [[values]])
    np.testing.assert_array_equal(run_graph(folded, [values])["y"], run_graph(graph, [values])["y"])


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ("output y", "output y a"),  # the unclamped tensor is asked for
        ("y = Relu6(a)", "y = Relu6(a)\nz = Relu(a)\ntensor z [1,3,3,2] int8 (0.0625, 4)"),  # and here read
        ("activation=-128..127)", "activation=-12..20)"),  # −1 to 1: no fused activation is 0 to 1
        ("tensor a [1,3,3,2] int8 (0.0625, 4)", "tensor a [1,3,3,2] int8 (0.125, 4)"),
        ("tensor a [1,3,3,2] int8 (0.0625, 4)", "tensor a [1,3,3,2] int8 (0.0625, 5)"),
    ],
)
def test_the_producer_stays_where_its_own_result_is_needed(good: str, bad: str) -> None:
    graph = parse_text(CONV_RELU6.replace(good, bad, 1))
    folded = fold_relu6(graph)
    verify_graph(folded)
    assert folded.ops[0] == graph.ops[0]
    assert "a" in folded.tensors


def test_a_fused_relu_becomes_a_fused_relu6() -> None:
    folded = fold_relu6(parse_text(CONV_RELU6.replace("activation=-128..127)", "activation=4..127)", 1)))
    assert folded.ops[0].activation == ops.Range(4, 100)  # type: ignore[attr-defined]


def test_new_names_avoid_those_of_the_graph() -> None:
    """And new tensors stand beside the result, since TFLM plans by their order."""
    x, y = tensor("x", (2,), scale=0.1), tensor("y", (2,), scale=0.05, zero_point=-128)
    taken = constant("y/six", np.array([1], np.int8), Quantization((1.0,), (0,)))
    folded = fold_relu6(graph_of(ops.Relu6(("x",), ("y",)), x, taken, y, tensor("z", (1,))))
    assert list(folded.tensors) == ["x", "y/six", "y/relu", "y/six_1", "y", "z"]
    assert folded.tensors["y/six_1"].value.tolist() == [activation_range("RELU6", y).high]


def test_one_relu6_after_another() -> None:
    x, a, y = (
        tensor(name, (256,), scale=scale, zero_point=-100) for name, scale in (("x", 0.1), ("a", 0.05), ("y", 0.04))
    )
    relu6s = ops.Relu6(("x",), ("a",)), ops.Relu6(("a",), ("y",))
    graph = Graph("two", {one.name: one for one in (x, a, y)}, relu6s, ("x",), ("y",))
    folded = fold_relu6(graph)
    verify_graph(folded)
    expected = true_relu6(true_relu6(VALUES, x, a), a, y)
    np.testing.assert_array_equal(run_graph(folded, [VALUES])["y"], expected)
