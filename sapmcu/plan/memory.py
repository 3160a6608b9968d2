# SPDX-License-Identifier: Apache-2.0
"""The memory report of a graph: per op, TFLM's arena beside the best head, flash."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate

from sapmcu.errors import UserError
from sapmcu.ir.cost import graph_macs, op_macs
from sapmcu.ir.graph import Graph
from sapmcu.ir.memory import ArenaUse, MemoryReport, OpMemory, largest_op
from sapmcu.ir.tflite import op_code
from sapmcu.plan.arena import Buffer, align, plan_offsets
from sapmcu.plan.live import live_buffers
from sapmcu.plan.tflm.buffers import OFFLINE_METADATA, has_refused_offsets, offline_offsets
from sapmcu.plan.tflm.code_size import engine_bytes
from sapmcu.plan.tflm.predict import predict_arena
from sapmcu.plan.tflm.target import Target

MAX_PLANNED_BUFFERS = 1000
"""With more, no better head than TFLM's is sought: the time to search grows with their square."""


def plan_memory(graph: Graph, model_bytes: int, target: Target) -> MemoryReport:
    """What the graph needs on TFLM. model_bytes: of its file. Raises: UserError where it has no ops."""
    if not graph.ops:
        raise UserError(f"{graph.name} has no ops: there is nothing to run", hint="export the model again")
    use = predict_arena(graph, target)
    buffers = live_buffers(graph)
    best_head_bytes, head_bound_bytes = _best_head(graph, use, buffers)
    return MemoryReport(
        model=graph.name,
        macs=graph_macs(graph),
        ops=_ops(graph, use, buffers),
        tflm=use,
        best_head_bytes=best_head_bytes,
        head_bound_bytes=head_bound_bytes,
        model_bytes=model_bytes,
        engine_bytes=engine_bytes(graph, target.kernels),
        notes=tuple(_notes(graph, use)),
    )


def _ops(graph: Graph, use: ArenaUse, buffers: Sequence[Buffer]) -> tuple[OpMemory, ...]:
    """A row an op; the one at the peak with what lives there."""
    given = offline_offsets(graph)
    if all(one.name in given for one in buffers):
        live_bytes = _covered_bytes(buffers, given, len(graph.ops))
    else:
        live_bytes = _live_bytes(buffers, len(graph.ops))
    rows = [
        OpMemory(
            index=index,
            type=op_code(op),
            name=op.name,
            output_bytes=sum(result.size_bytes for result in graph.results(op)),
            live_bytes=live_bytes[index],
            scratch_bytes=use.scratch_bytes.get(index, 0),
            macs=op_macs(graph, op),
        )
        for index, op in enumerate(graph.ops)
    ]
    peak = largest_op(rows)
    live = tuple((one.name, one.size_bytes) for one in buffers if one.first <= peak.index <= one.last)
    rows[peak.index] = replace(peak, live=live)
    return tuple(rows)


def _best_head(graph: Graph, use: ArenaUse, buffers: Sequence[Buffer]) -> tuple[int, int]:
    """(bytes, bound) of the best plan of TFLM's buffers in this order: no overlap, 16-aligned, scratch included."""
    aligned = [replace(one, size_bytes=align(one.size_bytes)) for one in buffers]
    scratch = [
        Buffer(f"scratch {number} of op {index}", align(size), index, index)
        for index, sizes in use.scratch_requests.items()
        for number, size in enumerate(sizes)
    ]
    bound = max(_live_bytes((*aligned, *scratch), len(graph.ops)))
    if use.head_bytes == bound or len(aligned) + len(scratch) > MAX_PLANNED_BUFFERS:
        return use.head_bytes, bound
    return plan_offsets((*aligned, *scratch)).size_bytes, bound


def _live_bytes(buffers: Iterable[Buffer], op_count: int) -> list[int]:
    """Bytes that live at each op; in one sweep, since a hostile file can have very many ops and tensors."""
    change = [0] * (op_count + 1)
    for one in buffers:
        change[one.first] += one.size_bytes
        change[one.last + 1] -= one.size_bytes
    return list(accumulate(change[:op_count]))


def _covered_bytes(buffers: Sequence[Buffer], offset_bytes: Mapping[str, int], op_count: int) -> list[int]:
    """Bytes of the head in use at each op, where some may lie over others."""
    found = []
    for op in range(op_count):
        end = covered = 0
        for start, size in sorted((offset_bytes[b.name], b.size_bytes) for b in buffers if b.first <= op <= b.last):
            covered += max(0, start + size - max(start, end))
            end = max(end, start + size)
        found.append(covered)
    return found


def _notes(graph: Graph, use: ArenaUse) -> Iterator[str]:
    if use.unknown_ops:
        yield (
            f"what TFLM allocates for {', '.join(use.unknown_ops)} isn't known: the arena and the engine's flash are "
            "lower bounds"
        )
    if has_refused_offsets(graph):
        yield (f"{OFFLINE_METADATA} in the file isn't for its {len(graph.tensors)} tensors: TFLM refuses the model so")
