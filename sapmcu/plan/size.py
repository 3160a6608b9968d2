# SPDX-License-Identifier: Apache-2.0
"""How large a graph is, in all that rewrites save."""

from __future__ import annotations

from sapmcu.ir import ops
from sapmcu.ir.conversion import GraphSize
from sapmcu.ir.cost import graph_macs
from sapmcu.ir.graph import Graph
from sapmcu.plan.live import live_bytes

FILTERING = (ops.Conv2D, ops.DepthwiseConv2D, ops.TransposeConv2D, ops.FullyConnected)
"""Ops that have a filter for each channel of their result."""


def measure_graph(graph: Graph) -> GraphSize:
    """Its size as it stands, in its order of ops."""
    constants = {tensor.data for tensor in graph.constants() if tensor.data is not None}
    return GraphSize(
        ops=len(graph.ops),
        tensors=len(graph.tensors),
        filters=sum(graph.results(op)[0].shape[-1] for op in graph.ops if isinstance(op, FILTERING)),
        macs=graph_macs(graph),
        constant_bytes=sum(map(len, constants)),
        live_bytes=max(live_bytes(graph), default=0),
    )
