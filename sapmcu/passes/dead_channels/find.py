# SPDX-License-Identifier: Apache-2.0
"""Which channels can go: those that no reader needs, where all that makes them can do without.

The largest such set is found by taking all channels and putting back what a rule forbids, until all rules hold.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from sapmcu.ir import ops
from sapmcu.ir.graph import Array, DType, Graph, Op, Tensor
from sapmcu.ir.padding import VALID
from sapmcu.passes.dead_channels.channelwise import CHANNELWISE, keeps_channels
from sapmcu.passes.dead_channels.spans import Span, channel_spans, filter_rows
from sapmcu.reference.fixed_point import INT32_MAX, INT32_MIN

Dead = dict[str, Array]
"""Tensor -> bool [C] of its last axis: the channel goes."""


class DeadChannels:
    """dead: the channels of each activation that go. spans: what they are.

    multiple: what tensors of a multiple of so many channels keep a multiple of.
    """

    def __init__(self, graph: Graph, multiple: int = 1) -> None:
        self.graph = graph
        self.multiple = multiple
        self.spans: Mapping[str, Span] = channel_spans(graph)
        fixed = {*graph.inputs, *graph.outputs}
        self.dead: Dead = {
            name: np.full(graph.tensors[name].shape[-1], name not in fixed and name in graph.readers)
            for name in self.spans
        }
        self._settle()

    def of(self, name: str | None) -> Array | None:
        """None for a tensor that has none: a constant, or an operand that is absent."""
        return None if name is None else self.dead.get(name)

    def folded(self, op: Op) -> Array:
        """int64 [O]: what the dead channels of a convolution's or fully connected op's operand add to its sums."""
        x, filters = (self.graph.tensors[str(name)] for name in op.inputs[:2])
        rows = filter_rows(op, filters, x)
        dead = self.dead[x.name]
        assert rows is not None
        numbers = np.where(dead, self.spans[x.name].low - x.zero_point, 0)
        return np.asarray(rows.sum(1, dtype=np.int64) @ numbers)

    def _settle(self) -> None:
        """Apply every op's rule until nothing changes; then leave each tensor as many as it must have, and go on."""
        while True:
            before = self._count()
            for op in self.graph.ops:
                RULE.get(type(op), _keep_all)(self, op)
            if before == self._count() and not self._put_back():
                return

    def _count(self) -> int:
        return sum(int(dead.sum()) for dead in self.dead.values())

    def _put_back(self) -> bool:
        """Where a tensor would have no channel left, or no multiple of `multiple`; whether there was one."""
        is_changed = False
        for dead in self.dead.values():
            kept = int((~dead).sum())
            whole = kept if dead.size % self.multiple else -(-kept // self.multiple) * self.multiple
            if (more := max(whole, 1) - kept) > 0:
                dead[np.flatnonzero(dead)[:more]] = False
                is_changed = True
        return is_changed

    def keep(self, name: str | None, is_kept: Array | bool = True) -> None:
        dead = self.of(name)
        if dead is not None:
            dead &= ~np.broadcast_to(is_kept, dead.shape)


def _keep_all(state: DeadChannels, op: Op) -> None:
    for name in (*op.present_inputs, *op.outputs):
        state.keep(name)


def _is_fixed(tensor: Tensor | None, dtype: DType) -> bool:
    return tensor is not None and tensor.is_constant and tensor.dtype is dtype


def _has_fixed_filters(state: DeadChannels, op: Op) -> bool:
    _, filters, *rest = state.graph.operands(op)
    bias = rest[0] if rest else None
    return _is_fixed(filters, DType.INT8) and (bias is None or _is_fixed(bias, DType.INT32))


def _sum_over_channels(state: DeadChannels, op: Any) -> None:
    """A convolution needs an input channel unless it always adds the same, which its bias then holds.

    A constant adds the same everywhere if no window reaches the padding, or it is what padding counts as.
    """
    x, filters = op.inputs[:2]
    graph = state.graph
    source, weights = graph.tensors[x], graph.tensors[filters]
    rows = filter_rows(op, weights, source) if _has_fixed_filters(state, op) else None
    if rows is None or x not in state.dead or op.outputs[0] not in state.dead:
        _keep_all(state, op)
        return
    span = state.spans[x]
    is_padded = getattr(op, "padding", VALID) != VALID
    is_foldable = span.is_constant & (~np.array(is_padded) | (span.low == source.zero_point))
    is_read = rows[~state.dead[op.outputs[0]]].any(axis=(0, 1))
    state.keep(x, is_read & ~is_foldable)
    if not state.dead[x].any():
        return
    bias = graph.tensors[op.inputs[2]].value.astype(np.int64).ravel() if _has_bias(op) else np.int64(0)
    total = bias + state.folded(op)
    if total.min() < INT32_MIN or total.max() > INT32_MAX:
        state.keep(x)


def _has_bias(op: Op) -> bool:
    return len(op.inputs) > 2 and op.inputs[2] is not None


def _depthwise(state: DeadChannels, op: ops.DepthwiseConv2D) -> None:
    """An input channel goes with all the output channels that it gives; the only one stays, whatever goes of those."""
    x, y = state.of(op.inputs[0]), state.of(op.outputs[0])
    if x is None or y is None or not _has_fixed_filters(state, op):
        _keep_all(state, op)
    elif x.size == 1:
        state.keep(op.inputs[0])
    else:
        is_dead = x & y.reshape(x.size, -1).all(1)
        state.keep(op.inputs[0], ~is_dead)
        state.keep(op.outputs[0], ~is_dead.repeat(y.size // x.size))


def _by_channel(state: DeadChannels, op: Op) -> None:
    """A channel goes from all operands and the result together."""
    y = state.of(op.outputs[0])
    operands = [state.graph.tensors[name] for name in op.present_inputs]
    if y is None or not keeps_channels(state.graph, op):
        _keep_all(state, op)
        return
    is_dead = y.copy()
    for tensor in operands:
        known = state.of(tensor.name)
        if known is not None and known.size == y.size:
            is_dead &= known
        elif not tensor.is_constant:
            state.keep(tensor.name)
            is_dead &= tensor.shape[-1:] != (y.size,)
    for name in (*op.present_inputs, *op.outputs):
        if state.graph.tensors[name].shape[-1:] == (y.size,):
            state.keep(name, ~is_dead)


def _reshape(state: DeadChannels, op: Op) -> None:
    """Flattened pixels: channel c of each pixel goes, or none."""
    x, y = state.of(op.inputs[0]), state.of(op.outputs[0])
    if x is None or y is None or x.size == y.size or y.size % x.size:
        _by_channel(state, op)
        return
    is_dead = x & y.reshape(-1, x.size).all(0)
    state.keep(op.inputs[0], ~is_dead)
    state.keep(op.outputs[0], ~np.tile(is_dead, y.size // x.size))


def _concatenation(state: DeadChannels, op: ops.Concatenation) -> None:
    """Joined along channels: each goes on both sides."""
    y = state.of(op.outputs[0])
    rank = len(state.graph.results(op)[0].shape)
    parts = [state.of(name) for name in op.inputs]
    if op.axis % rank != rank - 1:
        _by_channel(state, op)
    elif y is None or any(part is None for part in parts):
        _keep_all(state, op)
    else:
        start = 0
        for name, part in zip(op.inputs, parts, strict=True):
            assert part is not None
            kept = np.zeros(y.size, bool)
            kept[start : start + part.size] = ~part
            state.keep(op.outputs[0], kept)
            state.keep(name, ~y[start : start + part.size])
            start += part.size


RULE: Mapping[type[Op], Callable[[DeadChannels, Any], None]] = {
    **dict.fromkeys(CHANNELWISE, _by_channel),
    ops.Conv2D: _sum_over_channels,
    ops.FullyConnected: _sum_over_channels,
    ops.DepthwiseConv2D: _depthwise,
    ops.Concatenation: _concatenation,
    ops.Reshape: _reshape,
}
"""What each op forbids; an op without a row keeps all its channels."""
