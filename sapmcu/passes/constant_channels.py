# SPDX-License-Identifier: Apache-2.0
"""Filters whose results are the same for all inputs become zeros, and the bias gives the number.

Such channels stay where kernels take four at a time. Their sums have no range then, so that they keep no op from
kernels that need a proof about it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sapmcu.ir import ops
from sapmcu.ir.graph import Array, DType, Graph, Op, Tensor
from sapmcu.passes.dead_channels.remove import constant_like
from sapmcu.passes.dead_channels.spans import Span, channel_spans
from sapmcu.passes.edit import with_operand
from sapmcu.reference.convolution import channel_factors
from sapmcu.reference.fixed_point import requantize

MAX_BIAS = 1 << 22
"""Far from where sums overflow."""


def zero_constant_channels(graph: Graph) -> Graph:
    """The graph with filters of zeros where a bias alone gives the same."""
    spans = channel_spans(graph)
    for index, op in enumerate(graph.ops):
        if isinstance(op, ops.Conv2D | ops.DepthwiseConv2D | ops.FullyConnected) and op.outputs[0] in spans:
            graph = _zeroed(graph, index, op, spans[op.outputs[0]])
    return graph


def _zeroed(graph: Graph, index: int, op: Op, span: Span) -> Graph:
    operands = graph.operands(op)
    filters, bias = operands[1], operands[2] if len(operands) > 2 else None
    if filters is None or bias is None or not (_is_fixed(filters, DType.INT8) and _is_fixed(bias, DType.INT32)):
        return graph
    axis = -1 if isinstance(op, ops.DepthwiseConv2D) else 0
    by_channel = np.moveaxis(filters.value, axis, 0).copy()
    is_zeroed = span.is_constant & by_channel.reshape(len(by_channel), -1).any(1)
    if not is_zeroed.any():
        return graph
    biases = _Requantization(graph, op, filters).biases(span.low)
    is_zeroed &= np.abs(biases) <= MAX_BIAS
    if not is_zeroed.any():
        return graph
    by_channel[is_zeroed] = 0
    graph = with_operand(graph, index, 1, constant_like(filters, np.moveaxis(by_channel, 0, axis)))
    values = np.where(is_zeroed, biases, bias.value.ravel())
    return with_operand(graph, index, 2, constant_like(bias, values.reshape(bias.shape)))


def _is_fixed(tensor: Tensor, dtype: DType) -> bool:
    return tensor.is_constant and tensor.dtype is dtype


@dataclass(frozen=True, slots=True)
class _Requantization:
    """Of an op's sums."""

    graph: Graph
    op: Op
    filters: Tensor

    def biases(self, wanted: Array) -> Array:
        """int64 [channels]: the bias nearest to 0 that gives a number; beyond MAX_BIAS where none does."""
        at_least, above = self._least(wanted), self._least(wanted + 1)
        found = np.clip(0, at_least, above - 1)
        return np.where(self.results(found) == wanted, found, MAX_BIAS + 1)

    def _least(self, wanted: Array) -> Array:
        """The least sum that gives a number or more; the largest that is tried where none does."""
        low, high = np.full(wanted.shape, -MAX_BIAS, np.int64), np.full(wanted.shape, MAX_BIAS, np.int64)
        while (low < high).any():
            middle = (low + high) >> 1
            is_enough = self.results(middle) >= wanted
            low, high = np.where(is_enough, low, middle + 1), np.where(is_enough, middle, high)
        return low

    def results(self, sums: Array) -> Array:
        x, y = self.graph.tensors[str(self.op.inputs[0])], self.graph.results(self.op)[0]
        clamp = getattr(self.op, "activation", ops.Range(-128, 127))
        return requantize(sums, channel_factors(x, self.filters, y), y, clamp).astype(np.int64)
