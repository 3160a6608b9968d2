# SPDX-License-Identifier: Apache-2.0
"""What each channel can be: bounds of int8 activations that hold for all inputs, by interval arithmetic.

A channel is an index of the last axis. Where its bounds meet, it is constant: the same number at every position,
whatever the input.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sapmcu.ir import ops
from sapmcu.ir.graph import Array, DType, Graph, Op, Tensor
from sapmcu.ir.padding import VALID
from sapmcu.passes.dead_channels.channelwise import keeps_channels
from sapmcu.reference import EVALUATE
from sapmcu.reference.convolution import channel_factors
from sapmcu.reference.fixed_point import INT32_MAX, INT32_MIN, multiply_by_quantized_multiplier, requantize
from sapmcu.reference.kernel import Operand, UnsupportedError

LOWEST, HIGHEST = -128, 127


@dataclass(frozen=True, slots=True)
class Span:
    """low, high: int64 [C], inclusive, of each channel."""

    low: Array
    high: Array

    @property
    def is_constant(self) -> Array:
        """bool [C]"""
        return np.asarray(self.low == self.high)

    @property
    def is_full(self) -> bool:
        """Whether it says nothing."""
        return bool((self.low == LOWEST).all() and (self.high == HIGHEST).all())


def channel_spans(graph: Graph) -> Mapping[str, Span]:
    """The span of every int8 activation that has an axis."""
    spans: dict[str, Span] = {}
    for name in (*graph.inputs, *(name for op in graph.ops for name in op.outputs)):
        tensor = graph.tensors[name]
        if tensor.dtype is DType.INT8 and tensor.shape:
            spans[name] = _whole(tensor)
    for op in graph.ops:
        known = [name for name in op.outputs if name in spans]
        if known == list(op.outputs) and known:
            spans.update(zip(op.outputs, _spans_of(graph, op, spans), strict=True))
    return spans


def _whole(tensor: Tensor, low: float = LOWEST, high: float = HIGHEST) -> Span:
    channels = tensor.shape[-1]
    return Span(np.full(channels, int(low), np.int64), np.full(channels, int(high), np.int64))


def _spans_of(graph: Graph, op: Op, spans: Mapping[str, Span]) -> Sequence[Span]:
    """Of an op's results, all int8."""
    results = graph.results(op)
    clamp = getattr(op, "activation", ops.Range(LOWEST, HIGHEST))
    unknown = [_whole(tensor, clamp.low, clamp.high) for tensor in results]
    operands = [None if name is None else _known(graph.tensors[name], spans) for name in op.inputs]
    if operands and operands[0] is not None and isinstance(op, ops.Conv2D | ops.DepthwiseConv2D | ops.FullyConnected):
        found = _sums(op, graph, operands[0])
        return unknown if found is None else [found]
    if any(isinstance(one, Span) for one in operands if one is not None):
        try:
            if type(op) in MONOTONE and not all(one.is_full for one in operands if isinstance(one, Span)):
                return _ends(op, graph, operands)
            if type(op) in TABLES:
                return [_table(op, graph, operands[0])]
            if keeps_channels(graph, op):
                return [_where_constant(op, graph, operands, unknown[0])]
        except UnsupportedError:
            pass
    return unknown


Known = Span | Array | None


def _known(tensor: Tensor, spans: Mapping[str, Span]) -> Known:
    """A constant's value, an activation's span; None where neither is known."""
    return tensor.value if tensor.is_constant else spans.get(tensor.name)


# --- sums of products -------------------------------------------------------------------------------------------------


def _sums(op: Any, graph: Graph, x: Known) -> Span | None:
    """Of filters: the least and the largest sum, requantized; None where a sum may leave 32 bits."""
    image, filters, *rest = graph.operands(op)
    (y,) = graph.results(op)
    bias = rest[0] if rest else None
    is_fixed = filters is not None and filters.is_constant and (bias is None or bias.is_constant)
    if image is None or filters is None or not is_fixed or filters.dtype is not DType.INT8 or not isinstance(x, Span):
        return None
    low, high = x.low - image.zero_point, x.high - image.zero_point
    if getattr(op, "padding", VALID) != VALID:  # padding counts as the zero point
        low, high = np.minimum(low, 0), np.maximum(high, 0)
    rows = filter_rows(op, filters, image)
    if rows is None:
        return None
    least, most = np.minimum(rows, 0, dtype=np.int64), np.maximum(rows, 0, dtype=np.int64)
    if isinstance(op, ops.DepthwiseConv2D):
        times = y.shape[-1] // image.shape[-1]
        low, high = low.repeat(times), high.repeat(times)
        ends = [(most * a + least * b).sum(0) for a, b in ((low, high), (high, low))]
    else:
        ends = [most.sum(1) @ a + least.sum(1) @ b for a, b in ((low, high), (high, low))]
    added = np.zeros(y.shape[-1], np.int64) if bias is None else bias.value.ravel().astype(np.int64)
    return _requantized([end + added for end in ends], channel_factors(image, filters, y), y, op.activation)


def filter_rows(op: Op, filters: Tensor, x: Tensor) -> Array | None:
    """int8 [O, taps, C], of a depthwise convolution [taps, O]; None for groups, and rows that split x's channels."""
    values, channels = filters.value, x.shape[-1]
    if isinstance(op, ops.DepthwiseConv2D):
        return values.reshape(-1, values.shape[-1])
    if isinstance(op, ops.FullyConnected):
        return None if values.shape[1] % channels else values.reshape(values.shape[0], -1, channels)
    return None if values.shape[3] != channels else values.reshape(values.shape[0], -1, channels)


def _requantized(ends: list[Array], factors: tuple[Array, Array], y: Tensor, clamp: ops.Range) -> Span | None:
    """Requantizing keeps order unless 32 bits end on the way."""
    left = np.maximum(factors[1], 0)
    if not all(map(_fits_int32, ends)) or not all(_fits_int32(end << left) for end in ends):
        return None
    scaled = [multiply_by_quantized_multiplier(end, *factors) + y.zero_point for end in ends]
    if not all(map(_fits_int32, scaled)):
        return None
    low, high = (requantize(end, factors, y, clamp).astype(np.int64) for end in ends)
    return Span(low, high)


def _fits_int32(values: Array) -> bool:
    return bool(values.min() >= INT32_MIN and values.max() <= INT32_MAX)


# --- all other ops: by the reference ----------------------------------------------------------------------------------

MONOTONE = (
    ops.Reshape,
    ops.Squeeze,
    ops.ExpandDims,
    ops.Transpose,
    ops.Pad,
    ops.PadV2,
    ops.MirrorPad,
    ops.Concatenation,
    ops.Split,
    ops.SplitV,
    ops.StridedSlice,
    ops.Slice,
    ops.Reverse,
    ops.Pack,
    ops.Unpack,
    ops.SpaceToDepth,
    ops.DepthToSpace,
    ops.BroadcastTo,
    ops.ResizeNearest,
    ops.MaxPool2D,
    ops.AveragePool2D,
    ops.ReduceMax,
    ops.ReduceMin,
    ops.Maximum,
    ops.Minimum,
)
"""Ops whose results don't fall where an operand rises: their bounds come from the operands' bounds."""

TABLES = (ops.Relu, ops.LeakyRelu, ops.Logistic, ops.Tanh, ops.HardSwish, ops.Abs, ops.Quantize)
"""Functions of one int8 number."""


def _evaluate(op: Op, graph: Graph, values: Sequence[Array | None]) -> Sequence[Array]:
    tensors = graph.operands(op)
    operands = tuple(
        None if tensor is None or value is None else Operand(tensor, value)
        for tensor, value in zip(tensors, values, strict=True)
    )
    return EVALUATE[type(op)](op, operands, graph.results(op))


def _filled(op: Op, graph: Graph, operands: Sequence[Known], *, is_high: bool) -> list[Array | None]:
    """Values for the operands: an activation is everywhere at one end of its span."""
    values: list[Array | None] = []
    for tensor, known in zip(graph.operands(op), operands, strict=True):
        if isinstance(known, Span):
            assert tensor is not None
            end = (known.high if is_high else known.low).astype(np.int8)
            values.append(np.ascontiguousarray(np.broadcast_to(end, tensor.shape)))
        elif known is None and tensor is not None:
            raise UnsupportedError(f"nothing is known of {tensor.name}")
        else:
            values.append(known)
    return values


def _ends(op: Op, graph: Graph, operands: Sequence[Known]) -> Sequence[Span]:
    lows, highs = (_evaluate(op, graph, _filled(op, graph, operands, is_high=end)) for end in (False, True))
    return [_span(low, high) for low, high in zip(lows, highs, strict=True)]


def _span(low: Array, high: Array) -> Span:
    """Over all positions."""
    rows = [one.reshape(-1, one.shape[-1]).astype(np.int64) for one in (low, high)]
    return Span(rows[0].min(0), rows[1].max(0))


def _table(op: Op, graph: Graph, x: Known) -> Span:
    """The function at all numbers that each channel can be."""
    (source,), (y,) = graph.operands(op), graph.results(op)
    assert isinstance(x, Span) and source is not None
    numbers = np.arange(LOWEST, HIGHEST + 1)
    one = Operand(replace(source, shape=numbers.shape), numbers.astype(np.int8))
    table = EVALUATE[type(op)](op, (one,), (replace(y, shape=numbers.shape),))[0].astype(np.int64)
    is_inside = (numbers >= x.low[:, None]) & (numbers <= x.high[:, None])
    return Span(np.where(is_inside, table, HIGHEST).min(1), np.where(is_inside, table, LOWEST).max(1))


def _where_constant(op: Op, graph: Graph, operands: Sequence[Known], unknown: Span) -> Span:
    """Channels of the result whose operands' channels are all constant, by running the op once."""
    channels = unknown.low.size
    is_constant = np.ones(channels, bool)
    for known in operands:
        if isinstance(known, Span):
            is_constant &= known.is_constant  # one channel, or as many as the result
    if not is_constant.any():
        return unknown
    (value,) = _evaluate(op, graph, _filled(op, graph, operands, is_high=False))
    found = _span(value, value)
    is_constant &= found.is_constant
    return Span(np.where(is_constant, found.low, unknown.low), np.where(is_constant, found.high, unknown.high))
