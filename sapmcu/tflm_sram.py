# SPDX-License-Identifier: Apache-2.0
"""`--optimize`: the graph that the TFLM application gets, planned for less SRAM and proven by execution."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sapmcu.emit.tflite import NotExpressibleError, write_tflite
from sapmcu.ir.graph import Array, Graph
from sapmcu.ir.memory import BandedRun, Optimize, SramSavings, SramStep, Technique
from sapmcu.plan.tflm.predict import predict_arena
from sapmcu.plan.tflm.sram import SramPlan, plan_sram
from sapmcu.plan.tflm.target import Target
from sapmcu.run import tflm_host

Progress = Callable[[str], None]
MAX_EXTRA_MACS = 0.15
"""Default limit, as a fraction of the model's MACs."""


@dataclass(frozen=True, slots=True)
class SramWish:
    """room_bytes: for the arena on the board."""

    optimize: Optimize
    max_extra_macs: float
    room_bytes: int


@dataclass(frozen=True)
class Planned:
    """savings: None where nothing was sought. warnings: for the report."""

    graph: Graph
    savings: SramSavings | None = None
    warnings: tuple[str, ...] = ()


def optimize_tflm(
    graph: Graph, target: Target, wish: SramWish, inputs: Sequence[Sequence[Array]], progress: Progress
) -> Planned:
    """The graph with less need of SRAM in stock TFLM, as it is wished.

    Each plan is run in TFLM against the graph as it is before it is chosen; one that differs is our bug: it is dropped,
    and the next one tried.
    """
    if wish.optimize is Optimize.NONE:
        return Planned(graph)
    if wish.optimize is Optimize.AUTO and not _may_help(graph, target, wish.room_bytes):
        return Planned(graph)
    if not tflm_host.is_available():
        return Planned(graph, None, ("TFLM's arena is not optimised: plans are run in tflite-micro, which isn't here",))
    progress("planning TFLM's arena for the least SRAM")
    plans = plan_sram(graph, target, wish.max_extra_macs)
    chosen, warnings = first_proven(graph, _preferred(plans, wish), inputs)
    if chosen is None:
        return Planned(graph, None, warnings)
    return Planned(chosen.graph, _savings(graph, plans, chosen, wish.max_extra_macs), warnings)


def least_sram(graph: Graph, target: Target, max_extra_macs: float = MAX_EXTRA_MACS) -> SramSavings:
    """What the least SRAM is, and how it is reached: for comparisons, which write no file, so nothing is run."""
    plans = plan_sram(graph, target, max_extra_macs)
    return _savings(graph, plans, plans[-1], max_extra_macs)


def _may_help(graph: Graph, target: Target, room_bytes: int) -> bool:
    """Whether the arena has no room as it is, but its tail and the inputs have: no plan makes those smaller."""
    own = predict_arena(graph, target)
    least = own.tail_bytes + sum(graph.tensors[name].size_bytes for name in graph.inputs)
    return least <= room_bytes < own.required_bytes


def first_proven(
    graph: Graph, plans: Sequence[SramPlan], inputs: Sequence[Sequence[Array]]
) -> tuple[SramPlan | None, tuple[str, ...]]:
    """(the first plan with which TFLM gives the graph's outputs, what was wrong with those before it)."""
    expected = tflm_host.invoke(write_tflite(graph), inputs, len(graph.outputs))
    warnings: list[str] = []
    for plan in plans:
        reason = _difference(plan, inputs, expected)
        if not reason:
            return plan, tuple(warnings)
        warnings.append(f"a plan of {plan.arena_bytes:,} bytes for TFLM {reason}: dropped; this is a bug in sapmcu")
    return None, tuple(warnings)


def _preferred(plans: Sequence[SramPlan], wish: SramWish) -> list[SramPlan]:
    """The least weight first, of those that fit if some do; for AUTO the fewest MACs first of those that fit, none
    where none does."""
    if wish.optimize is Optimize.SRAM:
        best_first = plans[::-1]
        return sorted(best_first, key=lambda plan: plan.arena_bytes > wish.room_bytes)
    fitting = [plan for plan in plans if plan.arena_bytes <= wish.room_bytes]
    return sorted(fitting, key=lambda plan: (plan.extra_macs, plan.arena_bytes))


def _difference(plan: SramPlan, inputs: Sequence[Sequence[Array]], expected: Sequence[Sequence[Array]]) -> str:
    """What is wrong with a plan; empty where all outputs are equal in every byte."""
    try:
        outputs = tflm_host.invoke(write_tflite(plan.graph), inputs, len(plan.graph.outputs))
    except (tflm_host.TflmError, NotExpressibleError) as error:
        return f"can't be run ({error})"
    for number, (one, other) in enumerate(zip(outputs, expected, strict=True)):
        if any(left.tobytes() != right.tobytes() for left, right in zip(one, other, strict=True)):
            return f"changes the outputs of input {number}"
    return ""


def _savings(graph: Graph, plans: Sequence[SramPlan], chosen: SramPlan, max_extra_macs: float) -> SramSavings:
    """The plan that is written behind the best ones of simpler techniques."""
    order = list(Technique)
    simpler = {plan.technique: plan for plan in plans if order.index(plan.technique) < order.index(chosen.technique)}
    return SramSavings(tuple(_step(graph, plan) for plan in (*simpler.values(), chosen)), max_extra_macs)


def _step(graph: Graph, plan: SramPlan) -> SramStep:
    runs = tuple(BandedRun(graph.ops[one.first].name, graph.ops[one.last].name, len(one.rows)) for one in plan.bandings)
    return SramStep(plan.technique, plan.arena_bytes, plan.extra_macs, runs)
