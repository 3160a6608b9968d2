# SPDX-License-Identifier: Apache-2.0
"""A TRANSPOSE before a flattened image's fully connected op goes: the columns of the filters move instead.

Frameworks with channels first flatten so; their converted models have it at the head of every classifier.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from sapmcu.ir import ops
from sapmcu.ir.graph import Graph, Op
from sapmcu.passes.edit import index_of, reading, replaced, with_operand
from sapmcu.passes.moves import SameBytes, fold_moves
from sapmcu.passes.orphans import drop_orphans


def fold_transposed_flattening(graph: Graph) -> Graph:
    """The graph without TRANSPOSEs of which only a fully connected op reads, flattened."""
    folded = graph
    for op in graph.ops:
        if isinstance(op, ops.FullyConnected):
            folded = _fold(folded, op)
    return folded if folded is graph else fold_moves(drop_orphans(folded))  # reshapes may follow each other now


def _fold(graph: Graph, op: ops.FullyConnected) -> Graph:
    """The op's operand may have one shape change between it and the TRANSPOSE."""
    above: Op | None = _only_maker(graph, op)
    flattening = above if isinstance(above, SameBytes) else None
    transpose = _only_maker(graph, flattening) if flattening is not None else above
    filters = graph.tensors[str(op.inputs[1])]
    if not isinstance(transpose, ops.Transpose) or not filters.is_constant:
        return graph
    x, perm = (graph.tensors[str(name)] for name in transpose.inputs)
    axes = perm.value.tolist()
    columns = math.prod(x.shape[1:])
    if axes[0] != 0 or filters.shape[1] != columns or x.is_constant:
        return graph
    places = np.arange(columns).reshape(graph.results(transpose)[0].shape[1:])
    in_order_of_x = places.transpose(np.argsort([axis - 1 for axis in axes[1:]])).ravel()
    data = np.ascontiguousarray(filters.value[:, in_order_of_x]).tobytes()
    graph = with_operand(graph, index_of(graph, op), 1, replace(filters, data=data))
    kept = replaced(graph.ops, transpose)
    return replace(graph, ops=tuple(reading(one, {transpose.name: x.name}) for one in kept))


def _only_maker(graph: Graph, op: Op) -> Op | None:
    """What makes operand 0 for this op alone."""
    name = op.inputs[0]
    if name is None or name not in graph.producers or name in graph.outputs or len(graph.readers[name]) != 1:
        return None
    return graph.ops[graph.producers[name]]
