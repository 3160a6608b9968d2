# SPDX-License-Identifier: Apache-2.0
"""A model's SRAM on both engines, side by side, and what less SRAM costs in MACs."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sapmcu.boards.fit import least_board
from sapmcu.emit.tflite import write_tflite
from sapmcu.errors import UserError
from sapmcu.ir.cost import graph_macs
from sapmcu.ir.graph import Graph
from sapmcu.ir.memory import EngineSram, Optimize, ParetoPoint
from sapmcu.lower.graph import lower_graph
from sapmcu.plan.rows import CascadeOptions, plan_cascades
from sapmcu.plan.tflm.predict import predict_arena
from sapmcu.plan.tflm.target import Target
from sapmcu.run.vectors import make_inputs
from sapmcu.tflm_sram import MAX_EXTRA_MACS, SramWish, optimize_tflm

Progress = Callable[[str], None]
VECTORS = 2
"""Inputs on which a plan for TFLM is tried: only what is written to a file is proven on more."""
EXTRA_MACS = (0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0)
"""Limits at which the front of SRAM against MACs is asked for, as shares of the model's MACs."""


def engine_sram(graph: Graph, native: Graph, target: Target, progress: Progress) -> tuple[EngineSram, ...]:
    """graph: for TFLM, as convert rewrites it; native: for the native engine."""
    flash_bytes = len(write_tflite(graph))

    def row(name: str, arena_bytes: int, macs: int) -> EngineSram:
        return EngineSram(name, arena_bytes, macs - graph_macs(graph), least_board(arena_bytes, flash_bytes))

    return tuple(row(*one) for one in (*_tflm(graph, target, progress), *_native(native, progress)))


def _tflm(graph: Graph, target: Target, progress: Progress) -> Iterator[tuple[str, int, int]]:
    yield f"TFLM, {target.kernels.value}", predict_arena(graph, target).required_bytes, graph_macs(graph)
    wish = SramWish(Optimize.SRAM, MAX_EXTRA_MACS, 0)
    planned = optimize_tflm(graph, target, wish, make_inputs(graph, (), VECTORS), progress).graph
    if planned is not graph:
        yield "TFLM, optimised", predict_arena(planned, target).required_bytes, graph_macs(planned)


def _native(graph: Graph, progress: Progress) -> Iterator[tuple[str, int, int]]:
    try:
        whole = lower_graph(graph)
    except UserError as error:
        progress(f"note: not on the native engine: {error.message}")
        return
    yield "native, op after op", whole.plan.arena_bytes, graph_macs(graph)
    progress("planning the native engine's arena")
    for name, by_rows in (("native, by rows", False), ("native, input by rows", True)):
        plan = plan_cascades(graph, whole.steps, CascadeOptions(by_rows))
        yield name, plan.arena_bytes, plan.macs


def pareto_front(graph: Graph, progress: Progress) -> tuple[ParetoPoint, ...]:
    """Of the native engine: each plan needs less SRAM than all with fewer MACs. Raises: UserError."""
    steps, macs = lower_graph(graph).steps, graph_macs(graph)
    front: list[ParetoPoint] = []
    for limit in EXTRA_MACS:
        progress(f"planning with {limit:.0%} more MACs at the most")
        plan = plan_cascades(graph, steps, CascadeOptions(max_extra_macs=limit))
        if not front or plan.arena_bytes < front[-1].arena_bytes:
            front.append(ParetoPoint(plan.arena_bytes, plan.macs - macs))
    return tuple(front)
