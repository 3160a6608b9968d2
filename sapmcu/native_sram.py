# SPDX-License-Identifier: Apache-2.0
"""`--optimize`: the program that the native engine gets, whole op after whole op or in cascades by rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from sapmcu.errors import UserError
from sapmcu.filter_choice import stages
from sapmcu.ir.cascade import Cascade
from sapmcu.ir.conversion import NativeArena
from sapmcu.ir.cost import graph_macs, op_macs
from sapmcu.ir.filters import FilterForm
from sapmcu.ir.graph import Graph
from sapmcu.ir.memory import Optimize
from sapmcu.ir.native import Apart, NativeProgram
from sapmcu.ir.parts import output_rows
from sapmcu.ir.twins import Twins
from sapmcu.lower.graph import lower_graph, lower_ops
from sapmcu.plan.rows import CascadeOptions, plan_cascades

MAX_EXTRA_MACS_TO_FIT = 1.0
"""With --optimize auto, where nothing else is said: at the most twice the MACs to fit a board."""
MAX_ABOVE = 16
"""Plans that prove too large before the search for ops ends whose larger forms of filters have room."""


@dataclass(frozen=True, slots=True)
class NativeWish:
    """max_extra_macs: None for the default. room_bytes: for the arena on the board. by_rows: how inputs come;
    gives_rows: how outputs go.

    twins: of the board's kernels. apart: region of what lies outside of the arena; then all ops run whole. filters:
    forms that were chosen for speed. flash_bytes: for their constants.
    """

    optimize: Optimize
    max_extra_macs: float | None
    room_bytes: int
    by_rows: bool = False
    gives_rows: bool = False
    twins: Twins = Twins.NONE
    apart: Mapping[Apart, str] = field(default_factory=dict)
    filters: tuple[FilterForm, ...] = ()
    flash_bytes: int = 1 << 32

    @property
    def needs_rows(self) -> bool:
        return self.by_rows or self.gives_rows


def plan_native(graph: Graph, wish: NativeWish) -> tuple[NativeProgram | None, str]:
    """The program as it is wished; None and the reason where the graph has an op that the engine can't run.

    none: whole ops. auto: whole ops where they have room, else the fewest MACs that have. sram: the least SRAM.
    Inputs and outputs by rows need a plan by rows in any case. Tiles need more memory than other forms of filters:
    only those ops get them that have room; with sram, where the arena is as small as with the smallest forms.
    """
    try:
        return _plan_forms(graph, wish) if wish.filters else _plan(graph, wish), ""
    except UserError as error:
        return None, error.message


def _plan_forms(graph: Graph, wish: NativeWish) -> NativeProgram:
    """With as many of the forms of filters that were chosen for speed as have room. Raises: UserError."""
    is_least = wish.optimize is Optimize.SRAM
    smallest, plain, *larger = stages(wish.filters)
    before = smallest if is_least else plain
    program = _plan(graph, replace(wish, filters=before))
    room = _Room(graph, wish, program.plan.arena_bytes if is_least else max(wish.room_bytes, program.plan.arena_bytes))
    for forms in (plain, *larger):
        changed = [op for op, form in enumerate(forms) if form is not before[op]]
        changed.sort(key=lambda op: -op_macs(graph, graph.ops[op]))
        program = room.with_forms(program, {op: forms[op] for op in changed})
        before = forms
    return program


@dataclass
class _Room:
    """limit_bytes: of the arena. above: forms of all ops whose plan is above it, or whose constants are above the
    wish's. Those that decide about most MACs come first.
    """

    graph: Graph
    wish: NativeWish
    limit_bytes: int
    above: set[tuple[FilterForm, ...]] = field(default_factory=set)

    def with_forms(self, program: NativeProgram, forms: Mapping[int, FilterForm]) -> NativeProgram:
        """The program with these forms of ops, if there is room; else with those of one half and of the other."""
        filters = tuple(forms.get(op, form) for op, form in enumerate(program.filters))
        if filters not in self.above:
            if not forms or len(self.above) == MAX_ABOVE:
                return program
            changed = _plan(self.graph, replace(self.wish, filters=filters))
            if changed.plan.arena_bytes <= self.limit_bytes and changed.constants_bytes <= self.wish.flash_bytes:
                return changed
            self.above.add(filters)
        if len(forms) > 1:
            ops = list(forms)
            for half in (ops[: len(ops) // 2], ops[len(ops) // 2 :]):
                program = self.with_forms(program, {op: forms[op] for op in half})
        return program


def _plan(graph: Graph, wish: NativeWish) -> NativeProgram:
    """Raises: UserError."""
    whole = lower_graph(graph, twins=wish.twins, apart=wish.apart, filters=wish.filters)
    if wish.apart or not graph.ops or not (wish.needs_rows or _is_sought(whole, wish)):
        return whole
    plan = plan_cascades(graph, lower_ops(graph, twins=wish.twins, filters=wish.filters), _options(wish))
    if not wish.needs_rows and plan.arena_bytes >= whole.plan.arena_bytes:
        return whole
    return lower_graph(graph, twins=wish.twins, cascades=plan, filters=wish.filters)


def _is_sought(whole: NativeProgram, wish: NativeWish) -> bool:
    if wish.optimize is Optimize.AUTO:
        return whole.plan.arena_bytes > wish.room_bytes
    return wish.optimize is Optimize.SRAM


def _options(wish: NativeWish) -> CascadeOptions:
    if wish.optimize is Optimize.SRAM:
        return CascadeOptions(wish.by_rows, wish.max_extra_macs or 0.0, gives_rows=wish.gives_rows)
    extra = MAX_EXTRA_MACS_TO_FIT if wish.max_extra_macs is None else wish.max_extra_macs
    return CascadeOptions(wish.by_rows, extra, wish.room_bytes, wish.gives_rows)


def native_arena(
    program: NativeProgram, graph: Graph, file_order: Graph, *, is_order_best: bool, wish: NativeWish
) -> NativeArena:
    """What a report says of the program. file_order: the graph with its ops as the file has them."""
    plan, cascades = program.plan, program.cascades
    whole = program if cascades is None else lower_graph(graph, twins=wish.twins, filters=program.filters)
    whole_bytes = whole.plan.arena_bytes
    is_reordered = file_order.ops != graph.ops
    in_file_order = plan
    if is_reordered:
        by_op = dict(zip(graph.ops, program.filters, strict=False))
        filters = [by_op.get(op, FilterForm.INT8) for op in file_order.ops] if by_op else []
        in_file_order = lower_graph(file_order, twins=wish.twins, apart=wish.apart, filters=filters).plan
    return NativeArena(
        arena_bytes=plan.arena_bytes,
        bound_bytes=plan.bound_bytes,
        whole_ops_bytes=whole_bytes,
        file_order_bytes=in_file_order.arena_bytes if is_reordered else whole_bytes,
        is_order_best=is_order_best,
        is_by_rows=wish.by_rows,
        outputs_by_rows=() if program.cascades is None else tuple(sorted(output_rows(program))),
        cascaded_ops=()
        if cascades is None
        else tuple(one.ops for one in cascades.parts if isinstance(one, Cascade) and one.ops),
        extra_macs=0 if cascades is None else cascades.macs - graph_macs(graph),
        apart=tuple((str(one), wish.apart[one], size) for one, size in plan.apart_bytes.items()),
    )
