# SPDX-License-Identifier: Apache-2.0
"""A model's SRAM on both engines, side by side, and what less SRAM costs in MACs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sapmcu.boards.fit import fitting_boards
from sapmcu.errors import UserError
from sapmcu.ir.cost import graph_macs
from sapmcu.ir.graph import Graph
from sapmcu.ir.memory import EngineSram, ParetoPoint, SramSavings, Technique
from sapmcu.ir.twins import Twins
from sapmcu.lower.graph import lower_graph
from sapmcu.plan.rows import CascadeOptions, cascade_front, plan_cascades
from sapmcu.plan.tflm.target import Target
from sapmcu.tflm_sram import least_sram

Progress = Callable[[str], None]
EXTRA_MACS = (0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0)
"""Limits at which the front of SRAM against MACs is asked for, as shares of the model's MACs."""
TECHNIQUES = {
    Technique.OFFSETS: "better offsets",
    Technique.OVERLAP: "results over operands",
    Technique.BANDS: "bands of rows",
}


@dataclass(frozen=True)
class Compared:
    """graph: for TFLM, as convert rewrites it; native: for the native engine, with the kernels of `twins`. flash_bytes:
    of the model, and of it with TFLM. savings: of TFLM, where they are known already."""

    graph: Graph
    native: Graph
    target: Target
    twins: Twins
    model_bytes: int
    tflm_flash_bytes: int
    savings: SramSavings | None = None


def engine_sram(compared: Compared, progress: Progress) -> tuple[EngineSram, ...]:
    """From TFLM as it plans today to the native engine with its input by rows."""
    ways = [
        (list(_tflm(compared, progress)), compared.tflm_flash_bytes),
        (list(_native(compared, progress)), compared.model_bytes),
    ]
    rows = []
    for engine, flash_bytes in ways:
        before = None
        for name, arena_bytes, extra_macs in engine:
            saved = 0 if before is None else before - arena_bytes
            rows.append(EngineSram(name, arena_bytes, saved, extra_macs, fitting_boards(arena_bytes, flash_bytes)))
            before = arena_bytes
    return tuple(rows)


def _tflm(compared: Compared, progress: Progress) -> Iterator[tuple[str, int, int]]:
    """(name, bytes of arena, extra MACs)"""
    progress("planning TFLM's arena")
    own, *better = (compared.savings or least_sram(compared.graph, compared.target)).steps
    yield f"TFLM, {compared.target.kernels.value}", own.arena_bytes, 0
    for step in better:
        yield f"TFLM, {TECHNIQUES[step.technique]}", step.arena_bytes, step.extra_macs


def _native(compared: Compared, progress: Progress) -> Iterator[tuple[str, int, int]]:
    graph = compared.native
    try:
        whole = lower_graph(graph, twins=compared.twins)
    except UserError as error:
        progress(f"note: not on the native engine: {error.message}")
        return
    yield "native, op after op", whole.plan.arena_bytes, 0
    progress("planning the native engine's arena")
    for name, by_rows in (("native, by rows", False), ("native, input by rows", True)):
        plan = plan_cascades(graph, whole.steps, CascadeOptions(by_rows))
        yield name, plan.arena_bytes, plan.macs - graph_macs(graph)


def pareto_front(graph: Graph, twins: Twins, progress: Progress) -> tuple[ParetoPoint, ...]:
    """Of the native engine: each plan needs less SRAM than all with fewer MACs; empty where it can't run the graph."""
    try:
        steps = lower_graph(graph, twins=twins).steps
    except UserError:
        return ()
    macs, points = graph_macs(graph), list[ParetoPoint]()
    for is_by_rows in (False, True):
        progress(f"planning with up to {EXTRA_MACS[-1]:.0%} more MACs{', input by rows' if is_by_rows else ''}")
        plans = cascade_front(graph, steps, is_by_rows, EXTRA_MACS)
        points += [ParetoPoint(plan.arena_bytes, plan.macs - macs, is_by_rows) for plan in plans]
    return tuple(points)
