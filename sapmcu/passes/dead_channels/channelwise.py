# SPDX-License-Identifier: Apache-2.0
"""Ops that keep channels apart: channel c of the result comes from channel c of the operands alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sapmcu.ir import ops
from sapmcu.ir.graph import Graph, Op, Tensor

Operands = list[Tensor | None]


def keeps_channels(graph: Graph, op: Op) -> bool:
    """Whether each operand that has the result's channels gives channel c to the result's channel c alone.

    The other operands have one channel or none, or say how the op works.
    """
    test = CHANNELWISE.get(type(op))
    if test is None or len(op.outputs) != 1:
        return False
    (y,) = graph.results(op)
    return bool(y.shape) and test(op, list(graph.operands(op)), y)


def _numbers(operand: Tensor | None) -> list[int]:
    assert operand is not None
    return [int(number) for number in operand.value.ravel()] if operand.is_constant else []


def _always(op: Op, operands: Operands, y: Tensor) -> bool:
    return True


def _shape(operand: Tensor | None) -> tuple[int, ...]:
    assert operand is not None
    return operand.shape


def _keeps_last_axis(op: Op, operands: Operands, y: Tensor) -> bool:
    """Other axes may be split or joined."""
    return _shape(operands[0])[-1:] == y.shape[-1:]


def _reduces_others(op: Op, operands: Operands, y: Tensor) -> bool:
    rank = len(_shape(operands[0]))
    return all(axis % rank != rank - 1 for axis in _numbers(operands[1]))


def _pads_others(op: Op, operands: Operands, y: Tensor) -> bool:
    return _shape(operands[0])[-1] == y.shape[-1]


def _moves_others(op: Op, operands: Operands, y: Tensor) -> bool:
    return _numbers(operands[1])[-1] == len(y.shape) - 1


def _reverses_others(op: Op, operands: Operands, y: Tensor) -> bool:
    return _reduces_others(op, operands, y)


def _joins_others(op: ops.Concatenation, operands: Operands, y: Tensor) -> bool:
    return op.axis % len(y.shape) != len(y.shape) - 1


CHANNELWISE: Mapping[type[Op], Callable[[Any, Operands, Tensor], bool]] = {
    **dict.fromkeys(
        (
            ops.Add,
            ops.Sub,
            ops.Mul,
            ops.Maximum,
            ops.Minimum,
            ops.SquaredDifference,
            ops.PRelu,
            ops.Relu,
            ops.LeakyRelu,
            ops.Logistic,
            ops.Tanh,
            ops.HardSwish,
            ops.Abs,
            ops.Quantize,
            ops.MaxPool2D,
            ops.AveragePool2D,
            ops.ResizeNearest,
            ops.ResizeBilinear,
        ),
        _always,
    ),
    **dict.fromkeys((ops.Reshape, ops.Squeeze, ops.ExpandDims), _keeps_last_axis),
    **dict.fromkeys((ops.Mean, ops.Sum, ops.ReduceMax, ops.ReduceMin), _reduces_others),
    **dict.fromkeys((ops.Pad, ops.PadV2, ops.MirrorPad), _pads_others),
    ops.Transpose: _moves_others,
    ops.Reverse: _reverses_others,
    ops.Concatenation: _joins_others,
}
"""What must hold for an op of this type to keep channels apart."""
