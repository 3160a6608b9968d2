# SPDX-License-Identifier: Apache-2.0
"""A whole graph for the native engine: lower each op, plan the arena, name the data."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from sapmcu.errors import UserError
from sapmcu.ir import ops
from sapmcu.ir.cascade import Cascade, CascadePlan
from sapmcu.ir.filters import FilterForm
from sapmcu.ir.graph import DType, Graph, Op, Tensor
from sapmcu.ir.native import Apart, ArenaPlan, Constant, Lowered, NativeProgram, Params, Step
from sapmcu.ir.parts import part_data, pointed_to
from sapmcu.ir.tflite import op_code
from sapmcu.ir.twins import Twins
from sapmcu.lower.lanes import with_lanes
from sapmcu.lower.narrow import with_narrow_kernels
from sapmcu.lower.packing import SMALL_BYTES, with_scratch_on_stack, with_weighted_sums
from sapmcu.lower.table import LOWER, LoweringError
from sapmcu.lower.winograd import with_filters
from sapmcu.plan.live import live_bytes
from sapmcu.plan.native import plan_arena, scratch_bytes
from sapmcu.plan.order import find_order
from sapmcu.plan.tflm.buffers import OFFLINE_METADATA

HINT = "--engine tflm runs it"
MAX_FORM_ROWS = 4_096
"""Of what one op writes or reads by rows. An op of more runs whole: its rows are of few bytes, take longer to call for
than to compute, and minutes to find places for."""


def lower_graph(
    graph: Graph,
    *,
    twins: Twins = Twins.NONE,
    is_each_kept: bool = False,
    cascades: CascadePlan | None = None,
    apart: Collection[Apart] = (),
    filters: Sequence[FilterForm] = (),
) -> NativeProgram:
    """twins: of the core that runs it; those for DSP take packed filters, those for ARMv6-M blocks. filters: of each
    op, as lower_ops takes them.
    is_each_kept: for debugging, give each tensor memory of its own, so that all can be read after a run.

    cascades: a plan for this graph, of the forms that lower_ops gives it; without one all ops run whole. apart: what of
    the interface lies outside of the arena; of whole ops only.

    Raises: UserError with every op that the native engine can't run.
    """
    _check_interface(graph)
    assert cascades is None or not apart, "rows lie in the arena"
    steps = lower_ops(graph, twins=twins, filters=filters)
    if cascades is None:
        steps, plan = _plan_whole(graph, steps, is_each_kept=is_each_kept, apart=apart)
    else:
        plan = _tensors_together(graph, steps, cascades)
    constants, params = _name_data(steps, range(len(steps)) if cascades is None else cascades.parts)
    program = NativeProgram(
        name=graph.name,
        constants=constants,
        params=params,
        steps=steps,
        plan=plan,
        inputs=tuple(graph.tensors[name] for name in graph.inputs),
        outputs=tuple(graph.tensors[name] for name in graph.outputs),
        cascades=cascades,
        filters=tuple(filters),
    )
    return with_narrow_kernels(program)


def _plan_whole(
    graph: Graph, steps: tuple[Step, ...], *, is_each_kept: bool, apart: Collection[Apart]
) -> tuple[tuple[Step, ...], ArenaPlan]:
    """Scratch lies in the arena; on the stack where that makes the arena smaller by as much as it takes."""

    def plan_of(some: tuple[Step, ...]) -> ArenaPlan:
        return plan_arena(graph, some, is_each_kept=is_each_kept, apart=apart)

    plan = plan_of(steps)
    on_stack = tuple(replace(step, lowered=with_scratch_on_stack(step.lowered)) for step in steps)
    if on_stack == steps:
        return steps, plan
    without = plan_of(on_stack)
    if without.arena_bytes + SMALL_BYTES > plan.arena_bytes:
        return steps, plan
    above = {
        step.index
        for step in steps
        if plan.scratch_offset_bytes.get(step.index, 0) + scratch_bytes(step.lowered) > without.arena_bytes
    }
    mixed = tuple(other if one.index in above else one for one, other in zip(steps, on_stack, strict=True))
    mixed_plan = plan_of(mixed)
    return (mixed, mixed_plan) if mixed_plan.arena_bytes <= without.arena_bytes else (on_stack, without)


def _tensors_together(graph: Graph, steps: Sequence[Step], cascades: CascadePlan) -> ArenaPlan:
    """Where whole tensors lie: those whose rows are all kept, one behind the other, and their aliases."""
    aliases: dict[str, str] = {}
    for step in steps:
        for result, operand in step.lowered.aliases:
            if result not in cascades.stores:
                aliases[result] = aliases.get(operand, operand)
    offsets = {}
    for name, tensor in graph.tensors.items():
        store = cascades.stores.get(aliases.get(name, name))
        if store and store.is_together and store.row_bytes * len(store.offset_bytes) == tensor.size_bytes:
            offsets[name] = store.offset_bytes[0]
    return ArenaPlan(
        offset_bytes=offsets,
        aliases={name: owner for name, owner in aliases.items() if name in offsets},
        scratch_offset_bytes=cascades.scratch_offset_bytes,
        arena_bytes=cascades.arena_bytes,
        bound_bytes=cascades.bound_bytes,
    )


def _check_interface(graph: Graph) -> None:
    for name in graph.outputs:
        if graph.tensors[name].is_constant:
            raise UserError(f"the output {name} of {graph.name} is a constant", hint="remove it from the model")


def lower_ops(graph: Graph, *, twins: Twins = Twins.NONE, filters: Sequence[FilterForm] = ()) -> tuple[Step, ...]:
    """What each op becomes. filters: wished for each op of a core with DSP; without, int8. Where a form isn't exact or
    isn't for such an op, the next smaller one is taken.

    Raises: UserError with every op that the native engine can't run.
    """
    steps = []
    violations = []
    for index, op in enumerate(graph.ops):
        try:
            lowered = _lower_op(graph, op)
        except LoweringError as error:
            violations.append(f"op {index} {op_code(op)} ({op.name}): {error}")
            continue
        if twins is Twins.DSP:
            rewritten = with_filters(lowered, filters[index] if filters else FilterForm.INT8)
        else:
            rewritten = REWRITE.get(twins, with_weighted_sums)(lowered)
        if any(max(form.steps, *(reads.rows for reads in form.reads)) > MAX_FORM_ROWS for form in rewritten.forms):
            rewritten = replace(rewritten, forms=())
        steps.append(Step(index, describe(graph, index, op), rewritten))
    if violations:
        raise UserError(violations[0], hint=HINT, details=violations[1:])
    return tuple(steps)


REWRITE: Mapping[Twins, Callable[[Lowered], Lowered]] = {
    Twins.V6M: lambda lowered: with_lanes(with_weighted_sums(lowered)),
}
"""What lowering gives any core, in the forms of the kernels for some without DSP."""


def _lower_op(graph: Graph, op: Op) -> Lowered:
    """Raises: LoweringError."""
    if type(op) not in LOWER:
        raise LoweringError("the native engine doesn't have this op")
    variables = [name for name in op.present_inputs if graph.tensors[name].is_variable]
    if variables:
        raise LoweringError(f"{variables[0]} keeps its value from run to run, which the native engine hasn't")
    return LOWER[type(op)](op, graph.operands(op), graph.results(op))


def order_graph(graph: Graph) -> tuple[Graph, bool]:
    """The graph with its ops in the order whose activations need the least memory; whether no order needs less.

    The file's order stays unless another has a lower peak on the native engine and no higher one on TFLM, where no
    tensors share memory; and where the file has a plan of TFLM's arena, which is one of that order.
    """
    if OFFLINE_METADATA in graph.metadata:
        return graph, False
    lowered = {}
    for index, op in enumerate(graph.ops):
        with suppress(LoweringError):  # TFLM alone runs such a graph
            lowered[index] = _lower_op(graph, op)
    order = find_order(graph, lowered)
    ordered = replace(graph, ops=tuple(graph.ops[index] for index in order.ops))
    if ordered.ops == graph.ops or max(live_bytes(ordered)) > max(live_bytes(graph)):
        return graph, order.is_best and ordered.ops == graph.ops
    return ordered, order.is_best


SIGNS: Mapping[type[Op], str] = {
    ops.Conv2D: " * ",
    ops.DepthwiseConv2D: " * ",
    ops.TransposeConv2D: " * ",
    ops.FullyConnected: " * ",
    ops.BatchMatMul: " * ",
    ops.Add: " + ",
    ops.Sub: " - ",
    ops.Mul: " * ",
    ops.Div: " / ",
}
"""Between the shapes of an op's operands; a comma for all others."""

NUMBERS = (DType.INT32, DType.INT64)
"""Types of constants that say how an op works, or are biases: a comment leaves them out."""


def describe(graph: Graph, index: int, op: Op) -> str:
    """For instance `op 3 add: 1x8x8x16 + 1x8x8x16 -> 1x8x8x16`."""
    operands = [one for one in map(graph.tensors.__getitem__, op.present_inputs) if not _is_number(one)]
    shapes = SIGNS.get(type(op), ", ").join(map(_shape, operands))
    return f"op {index} {op_code(op).lower()}: {shapes} -> {', '.join(map(_shape, graph.results(op)))}"


def _is_number(tensor: Tensor) -> bool:
    return tensor.is_constant and tensor.dtype in NUMBERS


def _shape(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "1"


def _name_data(
    steps: Sequence[Step], parts: Iterable[Cascade | int]
) -> tuple[Mapping[str, Constant], Mapping[str, Params]]:
    """A C identifier for each constant and each struct, equal ones once."""
    constants: dict[Constant, str] = {}
    params: dict[Params, str] = {}
    taken: set[str] = set()

    def name(index: int, role: str) -> str:
        base = f"op{index}_{role}" if role else f"op{index}"
        name, number = base, 2
        while name in taken:
            name, number = f"{base}_{number}", number + 1
        taken.add(name)
        return name

    for part in parts:
        for index, value in part_data(steps, part):
            for one in pointed_to(value):
                if isinstance(one, Constant) and one not in constants:
                    constants[one] = name(index, one.role)
                elif isinstance(one, Params) and one not in params:
                    params[one] = name(index, one.role)
    return {name: one for one, name in constants.items()}, {name: one for one, name in params.items()}
