# SPDX-License-Identifier: Apache-2.0
"""Ops on constants are computed at conversion."""

from __future__ import annotations

from sapmcu.ir.check import verify_graph
from sapmcu.ir.graph import Graph
from sapmcu.ir.text import parse_text
from sapmcu.passes.constants import fold_constants

TEXT = """
graph net ""
tensor x [1,4] int8 (0.5, 0)
const c [1,4] int8 (0.5, 0) = 1 2 3 4
const d [4] int8 (0.5, 0) = 5 6 7 8
tensor e [1,4] int8 (0.5, 0)
tensor r [4,1] int8 (0.5, 0)
tensor p [1,4] int8 (0.5, 0)
const perm [2] int32 = 1 0
tensor y [1,4] int8 (0.5, 0)
input x
output {outputs}
e = Add(c, d, activation=-128..127)
r = Reshape(e)
p = Transpose(r, perm)
y = Add(x, p, activation=-128..127)
"""


def net(outputs: str = "y") -> Graph:
    graph = parse_text(TEXT.format(outputs=outputs))
    verify_graph(graph)
    return graph


def test_a_chain_of_ops_on_constants_becomes_one_constant() -> None:
    graph = net()
    folded = fold_constants(graph)
    verify_graph(folded)
    assert folded.ops == graph.ops[-1:]
    assert folded.tensors["p"].value.tolist() == [[6, 8, 10, 12]]
    assert set(folded.tensors) == {"x", "p", "y"}


def test_an_output_stays_the_result_of_an_op() -> None:
    folded = fold_constants(net("y, r"))
    verify_graph(folded)
    assert [op.name for op in folded.ops] == ["r", "p", "y"]
    assert folded.tensors["e"].is_constant


def test_without_such_ops_the_graph_is_the_same() -> None:
    folded = fold_constants(net())
    assert fold_constants(folded) is folded


GROWING = """
graph net ""
tensor x [1,{size}] int8 (0.5, 0)
const c [1] int8 (0.5, 0) = 1
const shape [2] int32 = 1 {size}
tensor e [1,{size}] int8 (0.5, 0)
tensor y [1,{size}] int8 (0.5, 0)
input x
output y
e = BroadcastTo(c, shape)
y = Add(x, e, activation=-128..127)
"""


def test_a_constant_that_would_fill_the_flash_is_computed_on_the_board() -> None:
    assert len(fold_constants(parse_text(GROWING.format(size=4105))).ops) == 1
    assert len(fold_constants(parse_text(GROWING.format(size=4106))).ops) == 2


DIVISION = """
graph net ""
tensor x [1] int8 (0.5, 0)
const c [1] int8 (0.5, 0) = 1
const zero [1] int8 (0.5, 0) = 0
tensor q [1] int8 (0.5, 0)
tensor y [1] int8 (0.5, 0)
input x
output y
q = Div(c, zero, activation=-128..127)
y = Add(x, q, activation=-128..127)
"""


def test_what_the_reference_refuses_stays() -> None:
    graph = parse_text(DIVISION)
    verify_graph(graph)
    assert fold_constants(graph) is graph
