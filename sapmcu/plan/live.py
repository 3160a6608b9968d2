# SPDX-License-Identifier: Apache-2.0
"""Live ranges of activations in the graph's order of ops."""

from __future__ import annotations

from sapmcu.ir.graph import Graph
from sapmcu.plan.arena import Buffer


def live_buffers(graph: Graph) -> tuple[Buffer, ...]:
    """Every activation from the op that writes it to the last that reads it, at its true size.

    The graph's inputs live from op 0, its outputs to the last op; an op's inputs and outputs live together. Variables
    and tensors that no op touches have no place here.
    """
    last_op = len(graph.ops) - 1
    buffers = []
    for name, tensor in graph.tensors.items():
        readers = graph.readers.get(name, ())
        is_input = name in graph.inputs
        if tensor.is_constant or tensor.is_variable or not (is_input or name in graph.producers):
            continue
        first = 0 if is_input else graph.producers[name]
        last = last_op if name in graph.outputs else max((first, *readers))
        buffers.append(Buffer(name, tensor.size_bytes, first, last))
    return tuple(buffers)


def live_bytes(graph: Graph) -> tuple[int, ...]:
    """Bytes of the activations that live while each op runs."""
    buffers = live_buffers(graph)
    return tuple(
        sum(one.size_bytes for one in buffers if one.first <= index <= one.last) for index in range(len(graph.ops))
    )
