# SPDX-License-Identifier: Apache-2.0
"""Small edits of a graph that rewrites share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from sapmcu.ir.graph import Graph, Op, Tensor


def new_name(graph: Graph, wanted: str) -> str:
    """A name that no tensor has."""
    name, number = wanted, 1
    while name in graph.tensors:
        name, number = f"{wanted}_{number}", number + 1
    return name


def replaced(ops: tuple[Op, ...], old: Op, *new: Op) -> tuple[Op, ...]:
    """ops with others in the place of one."""
    index = next(index for index, op in enumerate(ops) if op is old)
    return (*ops[:index], *new, *ops[index + 1 :])


def with_tensors(graph: Graph, beside: str, *new: Tensor) -> Graph:
    """The graph with more tensors, before the one named `beside`, since TFLM's planner goes by the order of tensors."""
    tensors: dict[str, Tensor] = {}
    for name, tensor in graph.tensors.items():
        if name == beside:
            tensors |= {one.name: one for one in new}
        tensors[name] = tensor
    return replace(graph, tensors=tensors)


def with_changed(graph: Graph, changed: Iterable[Tensor]) -> Graph:
    """The graph with other tensors of the same names."""
    return replace(graph, tensors={**graph.tensors, **{one.name: one for one in changed}})


def index_of(graph: Graph, op: Op) -> int:
    """Where an op of the graph stands."""
    return next(index for index, one in enumerate(graph.ops) if one is op)


def with_operand(graph: Graph, index: int, place: int, constant: Tensor) -> Graph:
    """The graph with another constant operand of an op. It takes the name of the one that only this op reads."""
    op = graph.ops[index]
    old = op.inputs[place] if place < len(op.inputs) else None
    if old is not None and graph.readers[old] == (index,) and op.inputs.count(old) == 1 and old not in graph.outputs:
        return with_changed(graph, [replace(constant, name=old)])
    fresh = replace(constant, name=new_name(graph, constant.name))
    inputs = (*op.inputs[:place], fresh.name, *op.inputs[place + 1 :])
    graph = with_tensors(graph, op.outputs[0], fresh)
    return replace(graph, ops=(*graph.ops[:index], replace(op, inputs=inputs), *graph.ops[index + 1 :]))


def reading(op: Op, names: Mapping[str, str]) -> Op:
    """The op with other operands."""
    inputs = tuple(None if name is None else names.get(name, name) for name in op.inputs)
    return op if inputs == op.inputs else replace(op, inputs=inputs)


def without_op(graph: Graph, op: Op) -> Graph | None:
    """The graph without an op whose one result equals its operand 0, or None where the interface needs both tensors.

    Readers of the result read the operand; a result that is an output of the graph takes the operand's place.
    """
    x, y = op.inputs[0], op.outputs[0]
    assert x is not None
    ops = tuple(one for one in graph.ops if one is not op)
    if y not in graph.outputs:
        return replace(graph, ops=tuple(reading(one, {y: x}) for one in ops))
    if x in graph.outputs or x not in graph.producers or graph.tensors[x].is_constant:
        return None
    renamed = (reading(one, {x: y}) for one in ops)
    made = (replace(one, outputs=tuple(y if name == x else name for name in one.outputs)) for one in renamed)
    return replace(graph, ops=tuple(made))
