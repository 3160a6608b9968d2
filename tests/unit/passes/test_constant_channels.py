# SPDX-License-Identifier: Apache-2.0
"""Filters that can't change their results become zeros; every byte stays."""

from __future__ import annotations

import numpy as np
from networks_by_hand import Network
from reference_models import reference_model
from strategies import varied_inputs

from sapmcu.frontends.tflite import load_tflite
from sapmcu.ir import ops
from sapmcu.ir.graph import DType, Graph, Tensor
from sapmcu.passes.constant_channels import zero_constant_channels
from sapmcu.passes.edit import with_changed
from sapmcu.reference import run_graph


def filters_of(graph: Graph, index: int) -> Tensor:
    return graph.tensors[str(graph.ops[index].inputs[1])]


def assert_same_bytes(before: Graph, after: Graph) -> None:
    for values in varied_inputs(before, np.random.default_rng(1))[:3]:
        left, right = (run_graph(one, values) for one in (before, after))
        for op in before.ops:
            np.testing.assert_array_equal(left[op.outputs[0]], right[op.outputs[0]])


def test_what_reads_a_constant_channel_by_itself_has_no_filter() -> None:
    graph = load_tflite(reference_model("tflm_person_detect.tflite"))
    after = zero_constant_channels(graph)
    changed = [index for index in range(len(graph.ops)) if graph.ops[index] != after.ops[index]]
    zeros = [not filters_of(one, 1).value[..., 7].any() for one in (graph, after)]
    assert zeros == [False, True] and not changed
    assert_same_bytes(graph, after)


def test_channels_at_an_end_of_the_range_are_constant() -> None:
    net = Network((4, 4), 2)
    y = net.conv(net.x, 3)
    graph = net.graph(net.conv(y, 2))
    op = graph.ops[0]
    assert isinstance(op, ops.Conv2D)
    bias = Tensor("bias", (3,), DType.INT32, None, np.array([1 << 20, 0, -(1 << 20)], "<i4").tobytes())
    with_bias = with_changed(graph, [bias])
    first = ops.Conv2D((*op.inputs[:2], "bias"), op.outputs, op.stride, op.padding, op.dilation, op.activation)
    graph = Graph(graph.name, with_bias.tensors, (first, *graph.ops[1:]), graph.inputs, graph.outputs)
    after = zero_constant_channels(graph)
    assert filters_of(after, 0).value.reshape(3, -1).any(1).tolist() == [False, True, False]
    assert_same_bytes(graph, after)


def test_a_graph_without_constant_channels_stays() -> None:
    net = Network((4, 4), 2)
    graph = net.graph(net.conv(net.x, 3, (3, 3)))
    assert zero_constant_channels(graph) is graph
