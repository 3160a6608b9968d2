# SPDX-License-Identifier: Apache-2.0
"""Drop ops that move nothing, and join reshapes and transposes that follow each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from sapmcu.ir import ops
from sapmcu.ir.activation import type_range
from sapmcu.ir.graph import DType, Graph, Op, Tensor
from sapmcu.ir.padding import VALID
from sapmcu.passes.edit import new_name, replaced, with_tensors, without_op
from sapmcu.passes.orphans import drop_orphans

SameBytes = ops.Reshape | ops.Squeeze | ops.ExpandDims
"""Ops whose result has its operand's bytes in another shape."""


def fold_moves(graph: Graph) -> Graph:
    """The graph without ops that change nothing, chains of reshapes and of transposes as one op each.

    A transpose that only moves axes of length 1 becomes a reshape.
    """
    folded = graph
    while (step := _step(folded)) is not None:
        folded = step
    return folded if folded is graph else drop_orphans(folded)


def _step(graph: Graph) -> Graph | None:
    """One op less, or simpler; None where there is none."""
    for op in graph.ops:
        if is_identity(graph, op):
            without = without_op(graph, op)
            if without is not None:
                return without
        simpler = _as_reshape(graph, op) or _joined(graph, op)
        if simpler is not None:
            return simpler
    return None


def is_identity(graph: Graph, op: Op) -> bool:
    """Whether the result is operand 0, in shape, type, quantization and every byte."""
    test = IDENTITY.get(type(op))
    if test is None or len(op.outputs) != 1 or not op.inputs or op.inputs[0] is None:
        return False
    x, y = graph.tensors[op.inputs[0]], graph.tensors[op.outputs[0]]
    if (x.shape, x.dtype, x.quantization) != (y.shape, y.dtype, y.quantization) or x.is_variable:
        return False
    return test(op, [None if name is None else graph.tensors[name] for name in op.inputs], y)


Operands = list[Tensor | None]


def _always(op: Op, operands: Operands, y: Tensor) -> bool:
    """A result of the operand's shape is all of it, in its order."""
    return True


def _numbers(operand: Tensor | None) -> list[int]:
    """A constant's; the rules have made sure that it is one."""
    assert operand is not None
    return [int(number) for number in operand.value.ravel()]


def _is_still(op: ops.Transpose, operands: Operands, y: Tensor) -> bool:
    """Axes that are longer than 1 stay in their order."""
    long = [axis for axis, size in zip(_numbers(operands[1]), y.shape, strict=True) if size > 1]
    return long == sorted(long)


def _has_unit_strides(op: ops.StridedSlice, operands: Operands, y: Tensor) -> bool:
    return set(_numbers(operands[3])) <= {1}


def _reverses_nothing(op: ops.Reverse, operands: Operands, y: Tensor) -> bool:
    return all(y.shape[axis] == 1 for axis in _numbers(operands[1]))


def _is_of_one(op: ops.Concatenation, operands: Operands, y: Tensor) -> bool:
    return len(operands) == 1


def _pools_pixels(op: ops.MaxPool2D | ops.AveragePool2D, operands: Operands, y: Tensor) -> bool:
    is_open = op.activation == type_range(y)
    return op.window == (1, 1) and op.stride == (1, 1) and op.padding == VALID and is_open and y.dtype is DType.INT8


IDENTITY: Mapping[type[Op], Callable[[Any, Operands, Tensor], bool]] = {
    ops.Reshape: _always,
    ops.Squeeze: _always,
    ops.ExpandDims: _always,
    ops.Slice: _always,
    ops.BroadcastTo: _always,
    ops.Pad: _always,
    ops.PadV2: _always,
    ops.MirrorPad: _always,
    ops.Quantize: _always,
    ops.Transpose: _is_still,
    ops.StridedSlice: _has_unit_strides,
    ops.Reverse: _reverses_nothing,
    ops.Concatenation: _is_of_one,
    ops.MaxPool2D: _pools_pixels,
    ops.AveragePool2D: _pools_pixels,
}
"""Ops that may be identities where shape, type and quantization are operand 0's: what else must hold."""


def _as_reshape(graph: Graph, op: Op) -> Graph | None:
    """A transpose that moves no bytes as a reshape, which engines do without copying."""
    if not isinstance(op, ops.Transpose) or not _is_still(op, list(graph.operands(op)), graph.results(op)[0]):
        return None
    return replace(graph, ops=replaced(graph.ops, op, ops.Reshape(op.inputs[:1], op.outputs)))


def _joined(graph: Graph, op: Op) -> Graph | None:
    """Two of a kind as one, where nothing else reads what is between them."""
    between = op.inputs[0] if op.inputs else None
    if between is None or between not in graph.producers or between in graph.outputs:
        return None
    first = graph.ops[graph.producers[between]]
    if len(graph.readers[between]) != 1:
        return None
    if isinstance(op, SameBytes) and isinstance(first, SameBytes):
        joined: Op = ops.Reshape(first.inputs[:1], op.outputs)
    elif isinstance(op, ops.Transpose) and isinstance(first, ops.Transpose):
        before, after = (_numbers(graph.operands(one)[1]) for one in (first, op))
        perm = np.array([before[axis] for axis in after], "<i4")
        tensor = Tensor(new_name(graph, f"{op.name}/perm"), perm.shape, DType.INT32, None, perm.tobytes())
        graph = with_tensors(graph, op.name, tensor)
        joined = ops.Transpose((first.inputs[0], tensor.name), op.outputs)
    else:
        return None
    return replace(graph, ops=replaced(replaced(graph.ops, first), op, joined))
