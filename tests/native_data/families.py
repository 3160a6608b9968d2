# SPDX-License-Identifier: Apache-2.0
"""Random ops of all kinds, and data for them."""

from __future__ import annotations

import numpy as np
import strategies
from hypothesis import strategies as st
from native_data import graphs as data
from strategies_data import any_data

from sapmcu.errors import UserError
from sapmcu.ir import ops
from sapmcu.ir.graph import Array, DType, Graph
from sapmcu.reference import run_graph

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
