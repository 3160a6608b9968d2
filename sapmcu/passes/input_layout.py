# SPDX-License-Identifier: Apache-2.0
"""Inputs that the model transposes first come transposed from the host instead, channels last."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sapmcu.ir import ops
from sapmcu.ir.graph import Graph
from sapmcu.passes.edit import reading, with_changed
from sapmcu.passes.orphans import drop_orphans

CHANNELS_LAST: Mapping[int, tuple[int, ...]] = {3: (0, 2, 1), 4: (0, 2, 3, 1), 5: (0, 2, 3, 4, 1)}
"""By rank: the perm that moves axis 1 to the end."""


def channels_last_inputs(graph: Graph) -> tuple[Graph, Mapping[str, tuple[int, ...]]]:
    """The graph without TRANSPOSEs that only move an input's channels last, and the perm of each such input.

    Changes the interface: such an input keeps its name and is given as numpy's x.transpose(perm).
    """
    moved = {}
    for name in graph.inputs:
        perm = CHANNELS_LAST.get(len(graph.tensors[name].shape))
        readers = [graph.ops[index] for index in graph.readers.get(name, ())]
        transposes = [op for op in readers if isinstance(op, ops.Transpose) and op.name not in graph.outputs]
        if not readers or transposes != readers or name in graph.outputs or perm is None:
            continue
        if all(_perm(graph, op) == perm for op in transposes):
            moved[name] = perm
            graph = _without(graph, name, transposes)
    return (drop_orphans(graph), moved) if moved else (graph, moved)


def _perm(graph: Graph, op: ops.Transpose) -> tuple[int, ...]:
    return tuple(int(axis) for axis in graph.tensors[str(op.inputs[1])].value)


def _without(graph: Graph, name: str, transposes: list[ops.Transpose]) -> Graph:
    """The graph whose input `name` is what these ops make of it."""
    shape = graph.results(transposes[0])[0].shape
    renamed = {op.name: name for op in transposes}
    kept = (reading(op, renamed) for op in graph.ops if op.name not in renamed)
    return with_changed(replace(graph, ops=tuple(kept)), [replace(graph.tensors[name], shape=shape)])
