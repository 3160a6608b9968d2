# SPDX-License-Identifier: Apache-2.0
"""What TFLM uses of its arena for a graph, to the byte."""

from __future__ import annotations

from sapmcu.ir.graph import Graph
from sapmcu.ir.memory import ArenaUse
from sapmcu.ir.tflite import op_code
from sapmcu.plan.tflm.allocator import allocate_tensors
from sapmcu.plan.tflm.target import Target


def predict_arena(graph: Graph, target: Target) -> ArenaUse:
    """The arena of the graph as sapmcu writes it to a file, in a build of TFLM for `target`.

    Where unknown_ops isn't empty the figures are a lower bound.
    """
    allocation = allocate_tensors(graph, target)
    return ArenaUse(
        kernels=target.kernels,
        head_bytes=allocation.head_bytes,
        tail_bytes=allocation.tail_bytes,
        temporary_bytes=max(allocation.need_bytes - allocation.tail_bytes, 0),
        scratch_requests=allocation.scratch_bytes,
        offset_bytes=allocation.offset_bytes,
        unknown_ops=tuple(dict.fromkeys(op_code(graph.ops[index]) for index in allocation.unknown_ops)),
    )
