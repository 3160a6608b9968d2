# SPDX-License-Identifier: Apache-2.0
"""Drop tensors that nothing uses: TFLM gives each one a place in the arena, at least its struct."""

from __future__ import annotations

import dataclasses

import numpy as np

from sapmcu.ir.graph import Graph
from sapmcu.ir.ops import Opaque

OFFLINE_PLAN = "OfflineMemoryAllocation"
"""Metadata: int32 version, subgraph and count, then an offset for each tensor. Source: micro_allocation_info.cc."""
PLAN_HEADER_NUMBERS = 3


def drop_orphans(graph: Graph) -> Graph:
    """The graph without tensors that are no operand, result, input or output of anything; outputs stay as they are."""
    used = _used(graph)
    kept = [name in used for name in graph.tensors]
    if all(kept):
        return graph
    metadata = {
        key: _without_offsets(data, kept) if key == OFFLINE_PLAN else data for key, data in graph.metadata.items()
    }
    tensors = {name: tensor for name, tensor in graph.tensors.items() if name in used}
    return dataclasses.replace(graph, tensors=tensors, metadata=metadata)


def _used(graph: Graph) -> frozenset[str]:
    names = {*graph.inputs, *graph.outputs}
    for op in graph.ops:
        names.update(op.present_inputs, op.outputs)
        if isinstance(op, Opaque):
            names.update(op.intermediates)
    for signature in graph.signatures:
        names.update(name for _, name in (*signature.inputs, *signature.outputs))
    return frozenset(names)


def _without_offsets(data: bytes, kept: list[bool]) -> bytes:
    """An offline plan without the offsets of dropped tensors; as it is where it isn't one offset a tensor."""
    if len(data) != 4 * (PLAN_HEADER_NUMBERS + len(kept)):
        return data
    numbers = np.frombuffer(data, "<i4")
    version, subgraph, _ = numbers[:PLAN_HEADER_NUMBERS]
    offsets = numbers[PLAN_HEADER_NUMBERS:][kept]
    return np.array([version, subgraph, len(offsets), *offsets], "<i4").tobytes()
