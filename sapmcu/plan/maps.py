# SPDX-License-Identifier: Apache-2.0
"""Plans of an arena as pictures: a box for each tensor."""

from __future__ import annotations

from collections.abc import Mapping

from sapmcu.ir.graph import Graph
from sapmcu.ir.memory import ArenaUse
from sapmcu.ir.memory_map import Box, Content, MemoryMap
from sapmcu.ir.native import ArenaPlan, NativeProgram
from sapmcu.ir.tflite import op_code
from sapmcu.plan.live import live_buffers
from sapmcu.plan.native import scratch_bytes


def tflm_map(graph: Graph, use: ArenaUse) -> MemoryMap:
    """TFLM's head: activations where its planner puts them."""
    return MemoryMap(
        f"TFLM, {use.kernels.value} kernels: head",
        use.head_bytes,
        _steps(graph),
        _tensor_boxes(graph, use.offset_bytes),
    )


def native_map(graph: Graph, program: NativeProgram) -> MemoryMap:
    """The native engine's arena, with the scratch of its ops."""
    plan: ArenaPlan = program.plan
    scratch = tuple(
        Box(
            f"scratch of op {step.index}",
            Content.SCRATCH,
            step.index,
            step.index,
            plan.scratch_offset_bytes[step.index],
            scratch_bytes(step.lowered),
        )
        for step in program.steps
        if step.index in plan.scratch_offset_bytes
    )
    boxes = (*_tensor_boxes(graph, plan.offset_bytes), *scratch)
    return MemoryMap("native engine", plan.arena_bytes, _steps(graph), boxes)


def _steps(graph: Graph) -> tuple[str, ...]:
    return tuple(f"op {index} {op_code(op)}" for index, op in enumerate(graph.ops))


def _tensor_boxes(graph: Graph, offset_bytes: Mapping[str, int]) -> tuple[Box, ...]:
    return tuple(
        Box(one.name, _content(graph, one.name), one.first, one.last, offset_bytes[one.name], one.size_bytes)
        for one in live_buffers(graph)
        if one.name in offset_bytes
    )


def _content(graph: Graph, name: str) -> Content:
    if name in graph.inputs:
        return Content.INPUT
    return Content.OUTPUT if name in graph.outputs else Content.ACTIVATION
