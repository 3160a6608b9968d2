# SPDX-License-Identifier: Apache-2.0
"""A classifier's head from a framework with channels first loses its TRANSPOSE."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from sapmcu.ir.check import verify_graph
from sapmcu.ir.graph import Graph
from sapmcu.ir.text import parse_text
from sapmcu.passes.flattening import fold_transposed_flattening
from sapmcu.reference import run_graph

TEXT = """
graph net ""
tensor x [{x}] int8 (0.5, -3)
const perm [{rank}] int32 = {perm}
const filter [2,{depth}] int8 (0.01, 0) = {columns}
const two [1] int8 (0.5, -3) = 2
tensor a [{x}] int8 (0.5, -3)
tensor t [{t}] int8 (0.5, -3)
tensor r [{rows},{depth}] int8 (0.5, -3)
tensor y [{rows},2] int8 (0.5, -3)
input x
output y
a = Add(x, two, activation=-128..127)
t = Transpose(a, perm)
r = Reshape(t)
y = FullyConnected(r, filter, activation=-128..127, keep_num_dims=False)
"""


def net(x: tuple[int, ...], perm: tuple[int, ...], rows: int) -> Graph:
    depth = int(np.prod(x)) // rows
    graph = parse_text(
        TEXT.format(
            x=",".join(map(str, x)),
            rank=len(x),
            perm=" ".join(map(str, perm)),
            depth=depth,
            columns=" ".join(str(column % 200 - 100) for column in range(2 * depth)),
            t=",".join(str(x[axis]) for axis in perm),
            rows=rows,
        )
    )
    verify_graph(graph)
    return graph


@pytest.mark.parametrize(
    ("x", "perm", "rows"),
    [((1, 2, 3, 4), (0, 3, 1, 2), 1), ((2, 2, 3, 4), (0, 3, 2, 1), 2), ((1, 5, 3), (0, 2, 1), 1)],
)
def test_columns_move_instead_of_the_image(x: tuple[int, ...], perm: tuple[int, ...], rows: int) -> None:
    graph = net(x, perm, rows)
    folded = fold_transposed_flattening(graph)
    verify_graph(folded)
    assert [type(op).__name__ for op in folded.ops] == ["Add", "Reshape", "FullyConnected"]
    random = np.random.default_rng(0)
    for _ in range(5):
        image = random.integers(-128, 128, x, np.int8)
        np.testing.assert_array_equal(run_graph(graph, [image])["y"], run_graph(folded, [image])["y"])


@pytest.mark.parametrize(
    "graph",
    [
        net((2, 2, 3, 4), (1, 0, 2, 3), 1),
        net((1, 2, 3, 4), (0, 3, 1, 2), 2),
        dataclasses.replace(net((1, 2, 3, 4), (0, 3, 1, 2), 1), outputs=("y", "t")),
    ],
    ids=["batch moves", "a row is no whole image", "an output"],
)
def test_all_else_stays(graph: Graph) -> None:
    assert fold_transposed_flattening(graph) is graph


def test_filters_that_another_op_reads_stay_for_it() -> None:
    graph = net((1, 2, 3, 4), (0, 3, 1, 2), 1)
    other = {name: dataclasses.replace(graph.tensors[name[0]], name=name) for name in ("r2", "y2")}
    last = dataclasses.replace(graph.ops[-1], inputs=("r2", "filter"), outputs=("y2",))
    graph = dataclasses.replace(
        graph,
        tensors={**graph.tensors, **other},
        ops=(*graph.ops, last),
        inputs=("x", "r2"),
        outputs=("y", "y2"),
    )
    verify_graph(graph)
    folded = fold_transposed_flattening(graph)
    verify_graph(folded)
    assert folded.ops[-1] == last and folded.tensors["filter"] == graph.tensors["filter"]
    assert [type(op).__name__ for op in folded.ops][:3] == ["Add", "Reshape", "FullyConnected"]
