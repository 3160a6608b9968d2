# SPDX-License-Identifier: Apache-2.0
"""Activations that lie at fixed distances from one another: copies of the same bytes, which then cost nothing.

A reshape lies where its operand does, a part of it (slice, split) inside it, the operands of a concatenation one behind
the other where its result will be: the kernels then copy bytes onto themselves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

from sapmcu.ir import ops
from sapmcu.ir.graph import Graph, Op
from sapmcu.plan.arena import align
from sapmcu.plan.tflm.overlap import copied_from

IN_PLACE = (ops.Reshape, ops.Squeeze)
"""Their kernels skip the copy onto itself, or copy with memcpy, which leaves the bytes as they are."""


@dataclass(frozen=True, slots=True)
class Place:
    """A buffer inside a block: size_bytes as it is, not rounded up. first, last: scopes, as PlannedBuffer has them."""

    name: str
    size_bytes: int
    first: int
    last: int

    def meets(self, other: Place) -> bool:
        """Whether both live at one op."""
        return self.first <= other.last and other.first <= self.last


@dataclass(frozen=True)
class Block:
    """members: places with their distance from the block's start, in the order of the file."""

    members: tuple[tuple[Place, int], ...]

    @property
    def name(self) -> str:
        return self.members[0][0].name

    @cached_property
    def extent_bytes(self) -> int:
        """What the block adds to TFLM's head: each of its buffers counts rounded up."""
        return align(max(distance + align(place.size_bytes) for place, distance in self.members))

    @cached_property
    def first(self) -> int:
        return min(place.first for place, _ in self.members)

    @cached_property
    def last(self) -> int:
        return max(place.last for place, _ in self.members)


@dataclass(frozen=True, slots=True)
class Segment:
    """Bytes start..start+size_bytes−1 of what `leaf` held when it was written."""

    leaf: str
    start: int
    size_bytes: int


class Contents:
    """What each activation's bytes are copies of."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.segments: dict[str, tuple[Segment, ...]] = {}
        for op in graph.ops:
            copied: dict[str, list[Segment]] = {}
            for operand, result, distance in copies(graph, op):
                size = graph.tensors[result].size_bytes
                part = _cut(self.of(operand), -distance, size) if distance < 0 else self.of(operand)
                copied.setdefault(result, []).extend(part)
            for result, segments in copied.items():
                self.segments[result] = tuple(_cut(segments, 0, graph.tensors[result].size_bytes))

    def of(self, name: str) -> tuple[Segment, ...]:
        whole = Segment(name, 0, self.graph.tensors[name].size_bytes)
        return self.segments.get(name, (whole,))

    def agree(self, one: str, other: str, distance: int) -> bool:
        """Whether the bytes are equal where `other`, starting `distance` bytes behind `one`, overlaps it."""
        sizes = [self.graph.tensors[name].size_bytes for name in (one, other)]
        start, end = max(0, distance), min(sizes[0], distance + sizes[1])
        mine = _joined(_cut(self.of(one), start, end - start))
        return mine == _joined(_cut(self.of(other), start - distance, end - start))


Copy = tuple[str, str, int]
"""(operand, result, bytes from the result's start to where the operand's copy starts): negative for a part, which
starts inside the operand."""


def copies(graph: Graph, op: Op) -> tuple[Copy, ...]:
    """What an op only copies. Empty for ops that compute, and where a copy's bytes don't lie together."""
    x = op.inputs[0] if op.inputs else None
    if x is None or not _is_activation(graph, x):
        return ()
    if isinstance(op, IN_PLACE):
        return ((x, op.outputs[0], 0),)
    if isinstance(op, ops.Slice):
        start = copied_from(graph, op)
        return () if start is None else ((x, op.outputs[0], -start),)
    if isinstance(op, ops.SplitV) and _is_outer(graph.tensors[x].shape, _split_axis(graph, op)):
        ends = accumulate((graph.tensors[name].size_bytes for name in op.outputs), initial=0)
        return tuple((x, name, -start) for name, start in zip(op.outputs, ends, strict=False))
    if not isinstance(op, ops.Concatenation) or any(not _is_activation(graph, name) for name in op.present_inputs):
        return ()
    y = graph.tensors[op.outputs[0]]
    if len(set(op.present_inputs)) < len(op.present_inputs) or not _is_outer(y.shape, op.axis):
        return ()
    ends = accumulate((graph.tensors[name].size_bytes for name in op.present_inputs), initial=0)
    return tuple((name, y.name, start) for name, start in zip(op.present_inputs, ends, strict=False))


def _is_outer(shape: tuple[int, ...], axis: int) -> bool:
    """Whether what differs along the axis lies together."""
    return all(length == 1 for length in shape[: axis % len(shape)])


def _split_axis(graph: Graph, op: ops.SplitV) -> int:
    return int(graph.tensors[str(op.inputs[2])].value.ravel()[0])


def make_blocks(
    graph: Graph, places: Mapping[str, Place], leads: Sequence[Mapping[str, int]], *, contents: Contents
) -> tuple[Block, ...]:
    """Join copies with what they are copies of, wherever that overwrites nothing that is still read.

    places: the activations that need one. leads: operand_leads by op; none, and nothing but copies shares bytes.
    Concatenations come first, as their operands then lie in order; a slice that can't be joined stays a copy.
    """
    groups: dict[str, dict[str, int]] = {name: {name: 0} for name in places}
    for name, result, distance in _pairs(graph):
        if name not in places or result not in places or groups[name] is groups[result]:
            continue
        mine, theirs = groups[result], groups[name]
        shift = mine[result] + distance - theirs[name]
        moved = {one: at + shift for one, at in theirs.items()}
        if all(
            is_allowed(graph, places[one], places[other], moved[other] - mine[one], leads, contents)
            for one in mine
            for other in moved
        ):
            joined = mine | moved
            groups.update(dict.fromkeys(joined, joined))
    unique = {id(group): group for group in groups.values()}
    return tuple(_block(places, group) for group in unique.values())


def is_allowed(
    graph: Graph, one: Place, other: Place, distance: int, leads: Sequence[Mapping[str, int]], contents: Contents
) -> bool:
    """Whether `other` may start `distance` bytes behind `one`."""
    if not one.meets(other) or distance >= one.size_bytes or -distance >= other.size_bytes:
        return True
    if contents.agree(one.name, other.name, distance):
        return True
    return any(
        lead is not None and behind >= lead
        for lead, behind in (
            (lead_over(graph, one, other, leads), distance),
            (lead_over(graph, other, one, leads), -distance),
        )
    )


def lead_over(graph: Graph, result: Place, operand: Place, leads: Sequence[Mapping[str, int]]) -> int | None:
    """The lead if `result` may lie over `operand`: its op is the last to read the operand."""
    op = result.first - 1
    if operand.last != result.first or op < 0 or operand.name in graph.outputs or op >= len(leads):
        return None
    return leads[op].get(operand.name) if result.name in graph.ops[op].outputs else None


def _pairs(graph: Graph) -> list[Copy]:
    """All copies, those of concatenations first."""
    ordered = sorted(graph.ops, key=lambda op: not isinstance(op, ops.Concatenation))
    return [one for op in ordered for one in copies(graph, op)]


def _block(places: Mapping[str, Place], distances: Mapping[str, int]) -> Block:
    lowest = min(distances.values())
    return Block(tuple((places[name], distances[name] - lowest) for name in places if name in distances))


def _cut(segments: Sequence[Segment], start: int, size_bytes: int) -> list[Segment]:
    """Bytes start..start+size_bytes−1 of what the segments hold."""
    found, at = [], 0
    for one in segments:
        first, last = max(start, at), min(start + size_bytes, at + one.size_bytes)
        if first < last:
            found.append(Segment(one.leaf, one.start + first - at, last - first))
        at += one.size_bytes
    return found


def _joined(segments: Sequence[Segment]) -> list[Segment]:
    """Neighbours in one leaf as one segment."""
    found: list[Segment] = []
    for one in segments:
        before = found[-1] if found else None
        if before is not None and before.leaf == one.leaf and before.start + before.size_bytes == one.start:
            found[-1] = Segment(one.leaf, before.start, before.size_bytes + one.size_bytes)
        else:
            found.append(one)
    return found


def _is_activation(graph: Graph, name: str) -> bool:
    tensor = graph.tensors[name]
    return not tensor.is_constant and not tensor.is_variable
