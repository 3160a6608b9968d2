# SPDX-License-Identifier: Apache-2.0
"""Compute now what doesn't depend on the inputs: an op whose operands are all constant becomes constants."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sapmcu.ir.graph import Graph, Op
from sapmcu.passes.edit import with_changed
from sapmcu.passes.orphans import drop_orphans
from sapmcu.reference import EVALUATE
from sapmcu.reference.kernel import Operand, UnsupportedError

MAX_GROWTH_BYTES = 4096
"""By how much the results of an op may exceed its operands: they move from SRAM to flash."""


def fold_constants(graph: Graph) -> Graph:
    """The graph without ops that have constant operands only; outputs of the graph stay what an op makes."""
    folded = graph
    for op in graph.ops:
        folded = _fold(folded, op)
    return folded if folded is graph else drop_orphans(folded)


def _fold(graph: Graph, op: Op) -> Graph:
    operands, results = graph.operands(op), graph.results(op)
    present = [one for one in operands if one is not None]
    is_constant = bool(present) and all(one.is_constant for one in present)
    if not is_constant or type(op) not in EVALUATE or any(name in graph.outputs for name in op.outputs):
        return graph
    if sum(one.size_bytes for one in results) > sum(one.size_bytes for one in present) + MAX_GROWTH_BYTES:
        return graph
    values = tuple(None if one is None else Operand(one, one.value) for one in operands)
    try:
        arrays = EVALUATE[type(op)](op, values, results)
    except UnsupportedError:
        return graph
    constants = [
        replace(tensor, data=np.ascontiguousarray(array, tensor.dtype.numpy).tobytes())
        for tensor, array in zip(results, arrays, strict=True)
    ]
    return with_changed(replace(graph, ops=tuple(one for one in graph.ops if one is not op)), constants)
