# SPDX-License-Identifier: Apache-2.0
"""A TRANSPOSE that moves an input's channels last goes to the host, and nothing else does."""

from __future__ import annotations

import numpy as np
import pytest

from sapmcu.ir.check import verify_graph
from sapmcu.ir.graph import Graph
from sapmcu.ir.text import parse_text
from sapmcu.passes.input_layout import channels_last_inputs
from sapmcu.reference import run_graph

TEXT = """
graph net ""
tensor x [1,3,4,5] int8 (0.5, -3)
const two [1] int8 (0.5, -3) = 2
const perm [4] int32 = {perm}
tensor t [{shape}] int8 (0.5, -3)
tensor y [{shape}] int8 (0.5, -3)
tensor z [1,3,4,5] int8 (0.5, -3)
input x
output y{outputs}
t = Transpose(x, perm)
y = Add(t, two, activation=-128..127)
{more}
"""


def net(perm: str = "0 2 3 1", shape: str = "1,4,5,3", outputs: str = "", more: str = "") -> Graph:
    graph = parse_text(TEXT.format(perm=perm, shape=shape, outputs=outputs, more=more))
    verify_graph(graph)
    return graph


def test_the_input_takes_the_place_of_the_transpose() -> None:
    graph = net()
    moved, perms = channels_last_inputs(graph)
    verify_graph(moved)
    assert perms == {"x": (0, 2, 3, 1)}
    assert moved.inputs == ("x",) and moved.tensors["x"].shape == (1, 4, 5, 3)
    assert [op.name for op in moved.ops] == ["y"]
    x = np.random.default_rng(0).integers(-128, 128, (1, 3, 4, 5), np.int8)
    given = np.ascontiguousarray(x.transpose(perms["x"]))
    np.testing.assert_array_equal(run_graph(graph, [x])["y"], run_graph(moved, [given])["y"])


@pytest.mark.parametrize(
    "graph",
    [
        net("0 3 2 1", "1,5,4,3"),
        net(more="z = Add(x, two, activation=-128..127)", outputs=", z"),
        net(outputs=", t"),
        net(outputs=", x"),
    ],
    ids=["other axes", "another reader", "transposed output", "input is output"],
)
def test_all_else_stays(graph: Graph) -> None:
    assert channels_last_inputs(graph) == (graph, {})
