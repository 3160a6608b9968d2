# SPDX-License-Identifier: Apache-2.0
"""The best layout of TFLM's head for a graph as it is, and the metadata that makes stock TFLM use it."""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sapmcu.ir.graph import Graph
from sapmcu.plan.tflm.blocks import Block, Contents, Place, make_blocks
from sapmcu.plan.tflm.buffers import NEVER, OFFLINE_METADATA, ONLINE, scratch_buffers, tensor_buffers
from sapmcu.plan.tflm.node import Node, Scratch, UnknownAllocationError
from sapmcu.plan.tflm.offsets import STEPS, Offsets, place_blocks
from sapmcu.plan.tflm.overlap import operand_leads
from sapmcu.plan.tflm.prepare import prepare
from sapmcu.plan.tflm.target import Target

VERSION, SUBGRAPH = 1, 0
"""The first numbers of the metadata. Source: tflite-micro, docs/memory_management.md."""


@dataclass(frozen=True, slots=True)
class HeadLayout:
    """offset_bytes: of activations. head_bytes: with scratch at its best places; TFLM chooses those itself."""

    offset_bytes: Mapping[str, int]
    head_bytes: int


def plan_layout(
    graph: Graph, target: Target, *, may_overlap: bool, scopes: range | None = None, steps: int = STEPS
) -> HeadLayout:
    """Offsets for all activations. may_overlap: results may lie over operands, copies where their bytes are.

    scopes: only what lives at some of these ops (scope k + 1 is op k), for a part of a graph.
    """
    places = _places(graph)
    if scopes is not None:
        part = Place("", 0, scopes.start, scopes.stop - 1)
        places = {name: place for name, place in places.items() if place.meets(part)}
    leads: Sequence[Mapping[str, int]] = ()
    if may_overlap:
        leads = [
            operand_leads(graph, op, target) if scopes is None or index + 1 in scopes else {}
            for index, op in enumerate(graph.ops)
        ]
        blocks = make_blocks(graph, places, leads, contents=Contents(graph))
    else:
        blocks = tuple(Block(((place, 0),)) for place in places.values())
    blocks += tuple(Block(((place, 0),)) for place in _scratch(graph, target, scopes))
    found: Offsets = place_blocks(graph, blocks, leads, steps=steps)
    offsets = {
        place.name: start + distance
        for block, start in zip(blocks, found.offset_bytes, strict=True)
        for place, distance in block.members
        if place.name in places
    }
    return HeadLayout(offsets, found.head_bytes)


def with_offsets(graph: Graph, offset_bytes: Mapping[str, int]) -> Graph:
    """The graph with a plan that stock TFLM takes as it is; scratch and what has no offset it places itself."""
    words = (VERSION, SUBGRAPH, len(graph.tensors), *(offset_bytes.get(name, ONLINE) for name in graph.tensors))
    metadata = {**graph.metadata, OFFLINE_METADATA: struct.pack(f"<{len(words)}i", *words)}
    return dataclasses.replace(graph, metadata=metadata)


def without_offsets(graph: Graph) -> Graph:
    """The graph as TFLM's own planner lays it out."""
    metadata = {key: data for key, data in graph.metadata.items() if key != OFFLINE_METADATA}
    return dataclasses.replace(graph, metadata=metadata)


def _places(graph: Graph) -> dict[str, Place]:
    """The activations that some op touches, with their scopes."""
    buffers = tensor_buffers(without_offsets(graph))
    return {
        name: Place(name, graph.tensors[name].size_bytes, buffer.first, buffer.last)
        for name, buffer in buffers.items()
        if buffer.first != NEVER and buffer.last != NEVER
    }


def _scratch(graph: Graph, target: Target, scopes: range | None) -> list[Place]:
    requests: dict[int, list[int]] = {}
    for index, op in enumerate(graph.ops):
        if scopes is not None and index + 1 not in scopes:
            continue
        try:
            sizes = [one.size_bytes for one in prepare(Node.of(graph, op), target) if isinstance(one, Scratch)]
        except UnknownAllocationError:
            sizes = []
        if sizes:
            requests[index] = sizes
    return [
        Place(f"scratch {number}", one.size_bytes, one.first, one.last)
        for number, one in enumerate(scratch_buffers(requests))
    ]
