# SPDX-License-Identifier: Apache-2.0
"""The buffers that TFLM's planner has to place in the head, and between which ops they live.

Source: tflite-micro 90b983c2, micro/micro_allocation_info.cc and micro/docs/memory_management.md.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

from sapmcu.ir.graph import Graph
from sapmcu.plan.arena import align
from sapmcu.plan.tflm.greedy import PlannedBuffer

OFFLINE_METADATA = "OfflineMemoryAllocation"
OFFLINE_HEADER_WORDS = 3
"""Version, subgraph, number of tensors; then an int32 offset for each tensor."""
ONLINE = -1
"""kOnlinePlannedBuffer: an offset that the planner chooses."""
NEVER = -1
"""kUninitializedLifetime: of tensors that no op touches; they live together, beside no other."""


def offline_offsets(graph: Graph) -> Mapping[str, int]:
    """The offsets that the file gives, by tensor; empty where it gives none, or a plan that TFLM refuses."""
    words = _offline_words(graph)
    if len(words) != OFFLINE_HEADER_WORDS + len(graph.tensors) or words[2] != len(graph.tensors):
        return {}
    pairs = zip(graph.tensors, words[OFFLINE_HEADER_WORDS:], strict=True)
    return {name: offset for name, offset in pairs if offset != ONLINE}


def has_refused_offsets(graph: Graph) -> bool:
    """Whether the file brings a plan of another number of tensors, with which AllocateTensors fails."""
    words = _offline_words(graph)
    return OFFLINE_METADATA in graph.metadata and words[2:3] != (len(graph.tensors),)


def _offline_words(graph: Graph) -> tuple[int, ...]:
    """As many as the plan of this graph has, at most."""
    data = graph.metadata.get(OFFLINE_METADATA, b"")
    count = min(len(data) // 4, OFFLINE_HEADER_WORDS + len(graph.tensors))
    return struct.unpack(f"<{count}i", data[: 4 * count])


def tensor_buffers(graph: Graph) -> dict[str, PlannedBuffer]:
    """The tensors that get a place in the head, in the order of the file."""
    given = offline_offsets(graph)
    first, last = _lifetimes(graph)
    return {
        name: PlannedBuffer(align(tensor.size_bytes), first.get(name, NEVER), last.get(name, NEVER), given.get(name))
        for name, tensor in graph.tensors.items()
        if (name in given if tensor.is_variable else not tensor.is_constant)
    }


def scratch_buffers(scratch_bytes: Mapping[int, Sequence[int]]) -> tuple[PlannedBuffer, ...]:
    """Each lives with its op. scratch_bytes: requests by the op's index."""
    return tuple(
        PlannedBuffer(align(size), index + 1, index + 1) for index, sizes in scratch_bytes.items() for size in sizes
    )


def _lifetimes(graph: Graph) -> tuple[dict[str, int], dict[str, int]]:
    """Scope of the first and of the last use, by tensor."""
    first = dict.fromkeys(graph.inputs, 0)
    last = dict.fromkeys(graph.inputs, 0)
    for scope, op in enumerate(graph.ops, 1):
        for name in op.outputs:
            first.setdefault(name, scope)
        last.update(dict.fromkeys((*op.present_inputs, *op.outputs), scope))
    for name in graph.outputs:
        first.setdefault(name, len(graph.ops))
        last[name] = len(graph.ops)
    return first, last
