# SPDX-License-Identifier: Apache-2.0
"""QUANTIZE and DEQUANTIZE at a model's shores go; the int8 in between stays the same."""

from dataclasses import replace

import numpy as np
from small_graphs import RESIDUAL, residual

from sapmcu.ir.check import verify_graph
from sapmcu.ir.text import parse_text
from sapmcu.passes.int8_interface import int8_interface
from sapmcu.reference import run_graph

FLOAT_SHORES = (
    RESIDUAL.replace("input x", "tensor real_x [1,4,4,2] float32\ntensor real_y [1,4,4,2] float32\ninput real_x")
    .replace("output y", "output real_y")
    .replace("a = Conv2D", "x = Quantize(real_x)\na = Conv2D")
    + "real_y = Dequantize(y)\n"
)


def test_float_shores_go() -> None:
    graph = int8_interface(parse_text(FLOAT_SHORES))
    verify_graph(graph)
    assert (graph.inputs, graph.outputs) == (("x",), ("y",))
    assert graph.ops == residual().ops
    assert "real_x" not in graph.tensors


def test_the_values_in_between_stay() -> None:
    before = parse_text(FLOAT_SHORES)
    real = np.linspace(-20, 20, 32, dtype=np.float32).reshape(1, 4, 4, 2)
    values = run_graph(before, [real])
    after = run_graph(int8_interface(before), [values["x"]])
    np.testing.assert_array_equal(after["y"], values["y"])


def test_an_int8_model_stays_as_it_is() -> None:
    graph = residual()
    assert int8_interface(graph) is graph


def test_an_input_that_others_read_stays_float() -> None:
    graph = parse_text(FLOAT_SHORES)
    graph = replace(graph, outputs=("real_y", "real_x"))
    assert int8_interface(graph).inputs == ("real_x",)
