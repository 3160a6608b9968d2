# SPDX-License-Identifier: Apache-2.0
"""Ops that move nothing go; reshapes and transposes that follow each other become one."""

from __future__ import annotations

import pytest

from sapmcu.ir.check import verify_graph
from sapmcu.ir.graph import Graph
from sapmcu.ir.ops import Reshape, Transpose
from sapmcu.ir.text import parse_text
from sapmcu.passes.moves import fold_moves

TEXT = """
graph net ""
tensor x [{shape}] int8 (0.5, -3)
const two [1] int8 (0.5, -3) = 2
{constants}
tensor a [{shape}] int8 (0.5, -3)
{between}
tensor y [{result}] int8 (0.5, -3)
tensor z [{result}] int8 (0.5, -3)
input x
output {outputs}
a = Add(x, two, activation=-128..127)
{ops}
z = Add(y, two, activation=-128..127)
"""


def net(
    ops: str, shape: str, result: str | None = None, constants: str = "", between: str = "", outputs: str = "z"
) -> Graph:
    graph = parse_text(
        TEXT.format(ops=ops, shape=shape, result=result or shape, constants=constants, between=between, outputs=outputs)
    )
    verify_graph(graph)
    return graph


def kinds(graph: Graph) -> list[str]:
    verify_graph(graph)
    return [type(op).__name__ for op in graph.ops]


IDENTITIES = {
    "y = Reshape(a)": "",
    "y = Transpose(a, c)": "const c [4] int32 = 0 1 3 2",
    "y = Slice(a, c, d)": "const c [4] int32 = 0 0 0 0\nconst d [4] int32 = -1 3 -1 4",
    "y = StridedSlice(a, c, d, e, begin_mask=15, end_mask=15, shrink_axis_mask=0)": (
        "const c [4] int32 = 0 0 0 0\nconst d [4] int32 = 1 3 1 4\nconst e [4] int32 = 1 1 1 1"
    ),
    "y = Reverse(a, c)": "const c [1] int32 = 2",
    "y = Pad(a, c)": "const c [4,2] int32 = 0 0 0 0 0 0 0 0",
    "y = Concatenation(a, axis=1, activation=-128..127)": "",
    "y = Quantize(a)": "",
    "y = MaxPool2D(a, window=(1, 1), stride=(1, 1), padding=((0, 0), (0, 0)), activation=-128..127)": "",
    "y = BroadcastTo(a, c)": "const c [4] int32 = 1 3 1 4",
}


@pytest.mark.parametrize("op", [op for op in IDENTITIES if "Transpose" not in op])
def test_an_op_that_changes_nothing_goes(op: str) -> None:
    graph = net(op, "1,3,1,4", constants=IDENTITIES[op])
    folded = fold_moves(graph)
    assert kinds(folded) == ["Add", "Add"]
    assert set(folded.tensors) == {"x", "two", "a", "z"}


@pytest.mark.parametrize(
    ("op", "constants"),
    [
        ("y = Reverse(a, c)", "const c [1] int32 = 1"),
        (
            "y = StridedSlice(a, c, d, e, begin_mask=15, end_mask=15, shrink_axis_mask=0)",
            "const c [4] int32 = 0 0 0 0\nconst d [4] int32 = 1 3 1 4\nconst e [4] int32 = 1 -1 1 1",
        ),
        ("y = MaxPool2D(a, window=(1, 1), stride=(1, 1), padding=((0, 0), (0, 0)), activation=-3..127)", ""),
    ],
)
def test_an_op_that_keeps_the_shape_but_not_the_numbers_stays(op: str, constants: str) -> None:
    graph = net(op, "1,3,1,4", constants=constants)
    assert fold_moves(graph) is graph


def test_a_transpose_over_axes_of_one_pixel_is_a_reshape() -> None:
    graph = net("y = Transpose(a, c)", "1,3,1,4", "1,1,3,4", "const c [4] int32 = 0 2 1 3")
    assert kinds(fold_moves(graph)) == ["Add", "Reshape", "Add"]


def test_reshapes_in_a_row_are_one() -> None:
    graph = net(
        "b = Reshape(a)\nc = Squeeze(b, axes=(0,))\ny = Reshape(c)",
        "1,3,1,4",
        "6,2",
        between="tensor b [1,12] int8 (0.5, -3)\ntensor c [12] int8 (0.5, -3)",
    )
    folded = fold_moves(graph)
    assert kinds(folded) == ["Add", "Reshape", "Add"]
    assert folded.ops[1] == Reshape(("a",), ("y",))


def test_transposes_in_a_row_are_one_or_none() -> None:
    constants = "const c [3] int32 = 2 0 1\nconst d [3] int32 = {}"
    ops, between = "b = Transpose(a, c)\ny = Transpose(b, d)", "tensor b [4,2,3] int8 (0.5, -3)"
    there_and_back = net(ops, "2,3,4", "2,3,4", constants.format("1 2 0"), between)
    assert kinds(fold_moves(there_and_back)) == ["Add", "Add"]
    further = fold_moves(net(ops, "2,3,4", "3,4,2", constants.format("2 0 1"), between))
    assert kinds(further) == ["Add", "Transpose", "Add"]
    assert isinstance(further.ops[1], Transpose)
    assert further.tensors[str(further.ops[1].inputs[1])].value.tolist() == [1, 2, 0]


def test_what_another_op_reads_between_two_stays() -> None:
    graph = net(
        "b = Reshape(a)\nc = Add(b, two, activation=-128..127)\ny = Reshape(b)",
        "1,3,1,4",
        "3,4",
        between="tensor b [1,12] int8 (0.5, -3)\ntensor c [1,12] int8 (0.5, -3)",
        outputs="z, c",
    )
    assert fold_moves(graph) is graph


def test_an_identity_that_makes_an_output_gives_its_name_to_the_operand() -> None:
    graph = net("y = Reshape(a)", "1,3,1,4", outputs="y, z")
    folded = fold_moves(graph)
    assert kinds(folded) == ["Add", "Add"]
    assert [op.outputs for op in folded.ops] == [("y",), ("z",)]
    assert folded.outputs == graph.outputs


def test_an_identity_between_two_outputs_or_from_the_input_stays() -> None:
    graph = net("y = Reshape(a)", "1,3,1,4", outputs="y, a")
    assert fold_moves(graph) is graph
    graph = net("y = Reshape(x)", "1,3,1,4", outputs="y, z")
    assert kinds(fold_moves(graph)) == ["Add", "Reshape", "Add"]


def test_an_op_to_another_quantization_stays() -> None:
    graph = net("y = Quantize(a)", "1,3,1,4")
    tensors = {**graph.tensors, "a": parse_text("tensor a [1,3,1,4] int8 (0.25, -3)").tensors["a"]}
    graph = Graph(graph.name, tensors, graph.ops, graph.inputs, graph.outputs)
    verify_graph(graph)
    assert fold_moves(graph) is graph
