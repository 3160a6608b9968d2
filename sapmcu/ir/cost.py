# SPDX-License-Identifier: Apache-2.0
"""Multiply-accumulates of an op, as papers count them: taps on the padding included, requantization not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sapmcu.ir import ops
from sapmcu.ir.graph import Graph, Op, Tensor


def op_macs(graph: Graph, op: Op) -> int:
    """MACs of one run; 0 for ops that multiply no matrices, and for opaque ones."""
    count = MACS.get(type(op))
    return count(op, [graph.tensors[name] for name in op.present_inputs], graph.results(op)[0]) if count else 0


def graph_macs(graph: Graph) -> int:
    return sum(op_macs(graph, op) for op in graph.ops)


def _convolution(op: Op, operands: list[Tensor], result: Tensor) -> int:
    """Each output is a dot product with one filter [KH,KW,C/groups]."""
    _, height, width, channels = operands[1].shape
    return result.elements * height * width * channels


def _depthwise(op: Op, operands: list[Tensor], result: Tensor) -> int:
    _, height, width, _ = operands[1].shape
    return result.elements * height * width


def _transpose_convolution(op: Op, operands: list[Tensor], result: Tensor) -> int:
    """Each input is scattered through every filter."""
    outputs, height, width, _ = operands[1].shape
    return operands[2].elements * outputs * height * width


def _fully_connected(op: Op, operands: list[Tensor], result: Tensor) -> int:
    return result.elements * operands[1].shape[-1]


def _batch_matmul(op: ops.BatchMatMul, operands: list[Tensor], result: Tensor) -> int:
    return result.elements * operands[0].shape[-2 if op.adjoint_x else -1]


MACS: Mapping[type[Op], Callable[[Any, list[Tensor], Tensor], int]] = {
    ops.Conv2D: _convolution,
    ops.DepthwiseConv2D: _depthwise,
    ops.TransposeConv2D: _transpose_convolution,
    ops.FullyConnected: _fully_connected,
    ops.BatchMatMul: _batch_matmul,
}
