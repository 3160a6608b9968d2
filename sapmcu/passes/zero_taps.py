# SPDX-License-Identifier: Apache-2.0
"""Cut rows and columns of zeros off the edges of filters; what they saw becomes less padding."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sapmcu.ir import ops
from sapmcu.ir.graph import Array, DType, Graph
from sapmcu.ir.ops import Pair
from sapmcu.ir.padding import output_size
from sapmcu.passes.edit import index_of, replaced, with_operand
from sapmcu.passes.orphans import drop_orphans


def trim_filters(graph: Graph) -> Graph:
    """The graph with filters that begin and end with a number in both directions, as far as padding isn't negative.

    Only the native engine runs it: the padding that is left is seldom SAME or VALID.
    """
    trimmed = graph
    for op in graph.ops:
        if isinstance(op, ops.Conv2D | ops.DepthwiseConv2D):
            trimmed = _trim(trimmed, op)
    return trimmed if trimmed is graph else drop_orphans(trimmed)


def _trim(graph: Graph, op: ops.Conv2D | ops.DepthwiseConv2D) -> Graph:
    x, filters, y = graph.tensors[str(op.inputs[0])], graph.tensors[str(op.inputs[1])], graph.results(op)[0]
    if not filters.is_constant or filters.dtype is not DType.INT8:
        return graph
    values, padding = filters.value, list(op.padding)
    for axis in (0, 1):
        geometry = (x.shape[axis + 1], op.stride[axis], op.dilation[axis], y.shape[axis + 1])
        first, last, padding[axis] = _cut(np.moveaxis(values, axis + 1, 0), padding[axis], *geometry)
        values = values.take(range(first, values.shape[axis + 1] - last), axis + 1)
    if values.shape == filters.shape:
        return graph
    index = index_of(graph, op)
    small = replace(filters, shape=values.shape, data=np.ascontiguousarray(values).tobytes())
    graph = with_operand(graph, index, 1, small)
    made = graph.ops[index]
    assert isinstance(made, type(op))
    return replace(graph, ops=replaced(graph.ops, made, replace(made, padding=(padding[0], padding[1]))))


def _cut(taps: Array, pads: Pair, size: int, stride: int, dilation: int, results: int) -> tuple[int, int, Pair]:
    """(taps to cut before, taps to cut after, padding that is left) along the first axis of taps."""
    used = np.flatnonzero(taps.reshape(len(taps), -1).any(1)).tolist()
    if not used:
        return 0, 0, pads
    first = min(used[0], pads[0] // dilation)
    before = pads[0] - first * dilation
    for last in range(len(taps) - 1 - used[-1], 0, -1):
        left = (before, max(pads[1] - last * dilation, 0))
        if output_size(size, len(taps) - first - last, stride, left, dilation) == results:
            return first, last, left
    return first, 0, (before, pads[1])
