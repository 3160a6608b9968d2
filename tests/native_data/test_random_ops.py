# SPDX-License-Identifier: Apache-2.0
"""Random ops as native C on this host, many in one file: the reference's bytes, under ASan and UBSan."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import strategies
from hypothesis import strategies as st
from native_data import graphs as data
from native_data.host import Models, assert_all_equal, examples, joined, spread
from strategies_data import any_data

from sapmcu.errors import UserError
from sapmcu.ir import ops
from sapmcu.ir.check import graph_violations
from sapmcu.ir.graph import Array, DType, Graph
from sapmcu.lower import lower_graph
from sapmcu.reference import run_graph

pytestmark = pytest.mark.needs("gcc")

EXAMPLES = int(os.environ.get("SAPMCU_NATIVE_EXAMPLES", "15"))
FAMILIES: dict[str, list[st.SearchStrategy[Graph]]] = {
    "movement": [
        data.same_bytes_graphs(),
        data.transpose_graphs(),
        data.broadcast_to_graphs(),
        data.reverse_graphs(),
        data.concatenation_graphs(),
        data.split_graphs(),
        data.pack_graphs(),
        data.block_graphs(),
        data.strided_slice_graphs(),
        data.slice_graphs(),
        data.gather_graphs(),
        data.pad_graphs(),
        data.mirror_pad_graphs(),
        data.resize_graphs(),
    ],
    "elementwise": [data.unary_graphs(), data.prelu_graphs(), data.conversion_graphs(), data.binary_graphs()],
    "over axes": [
        strategies.reduction_graphs(),
        strategies.arg_graphs(),
        strategies.softmax_graphs(),
        strategies.log_softmax_graphs(),
        strategies.l2_normalization_graphs(),
    ],
    "windows and products": [
        strategies.convolution_graphs(),
        strategies.depthwise_graphs(),
        strategies.transpose_convolution_graphs(),
        strategies.pooling_graphs(),
        strategies.fully_connected_graphs(),
        strategies.batch_mat_mul_graphs(),
    ],
}


def inputs_of(graph: Graph, generator: np.random.Generator, kind: int) -> list[Array]:
    """Random data, and for int8 now and then smooth, lowest, highest or zero all over."""
    inputs = [graph.tensors[name] for name in graph.inputs]
    if kind and all(one.dtype is DType.INT8 for one in inputs):
        runs = strategies.varied_inputs(graph, generator)
        return runs[1 + (kind - 1) % (len(runs) - 1)]
    values = [any_data(one, generator) for one in inputs]
    if isinstance(graph.ops[0], ops.Div) and len(values) == 2:
        values[1][values[1] == inputs[1].zero_point] = -128 if inputs[1].zero_point > 0 else 127
    return values


def expected_values(graph: Graph, inputs: list[Array]) -> dict[str, Array] | None:
    """None where the reference leaves the result open."""
    try:
        return dict(run_graph(graph, inputs))
    except UserError:
        return None


@pytest.mark.parametrize("family", FAMILIES)
def test_native_equals_reference(family: str, library: Path, tmp_path: Path) -> None:
    """Each tensor for itself between poisoned gaps, and in the arena of the plan."""
    singles = [graph for strategy in FAMILIES[family] for graph in examples(strategy, EXAMPLES)]
    singles = [graph for graph in singles if not list(graph_violations(graph))]
    graph = joined(singles)
    apart, gaps = spread(graph)
    together = lower_graph(graph)
    models = Models(tmp_path, library, [apart, replace(together, name="together")])
    generator = np.random.default_rng(0)
    for kind in range(7):
        inputs, expected = {}, {}
        for number, single in enumerate(singles):
            given = inputs_of(single, generator, kind)
            inputs.update({f"{number}:{name}": one for name, one in zip(single.inputs, given, strict=True)})
            values = expected_values(single, given)
            expected.update({f"{number}:{name}": one for name, one in (values or {}).items()})
        assert_all_equal(graph, apart, models.run(0, inputs, gaps), expected)
        arena = models.run(1, inputs)
        outputs = {name: expected[name] for name in graph.outputs if name in expected}
        assert_all_equal(graph, together, arena, outputs)
    models.close()
