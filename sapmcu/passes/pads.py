# SPDX-License-Identifier: Apache-2.0
"""Fold an explicit PAD into the windows that read it: convolutions pad with the zero point, as PAD does.

The native engine takes any padding. A file for TFLM has SAME and VALID only, and SAME puts the odd pixel behind; where
that isn't what the PAD did, filters with zeros at an edge can move it. Those cost MACs, so that only PADs at the peak
of memory are folded that way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import product

import numpy as np

from sapmcu.ir import ops
from sapmcu.ir.graph import DType, Graph, Op, Tensor
from sapmcu.ir.ops import Padding, Pair
from sapmcu.ir.padding import VALID, output_size, same_padding_1d, window_extent
from sapmcu.passes.edit import index_of, replaced, with_operand
from sapmcu.passes.orphans import drop_orphans
from sapmcu.plan.live import live_bytes

Padder = ops.Pad | ops.PadV2
Window = ops.Conv2D | ops.DepthwiseConv2D | ops.MaxPool2D
Fold = Callable[[Graph, Window, Tensor, Padding], Graph | None]
"""(graph, reader of the PAD, the PAD's operand, both paddings together) -> the graph whose reader reads the operand."""

MAX_ZERO_TAPS = 3
"""That an edge of a filter may get."""
LOWEST = -128


def fold_pads(graph: Graph) -> Graph:
    """The graph without PADs that only convolutions and max pools read: their padding is explicit, of any size.

    Only the native engine runs it: a file can't hold it.
    """
    return _fold_all(graph, _with_padding)


def fold_same_pads(graph: Graph) -> Graph:
    """The graph without PADs that are SAME or VALID to all that read them, with zeros in filters where that pays."""
    return _fold_all(_fold_all(graph, _with_same), _with_zero_taps, is_at_peak)


def is_at_peak(graph: Graph, pad: Op) -> bool:
    """Whether no op needs more memory than the PAD or one that reads it."""
    live = live_bytes(graph)
    return max(live) == max(live[one] for one in (index_of(graph, pad), *graph.readers[pad.name]))


def _fold_all(graph: Graph, fold: Fold, pays: Callable[[Graph, Op], bool] = lambda graph, pad: True) -> Graph:
    folded = graph
    while (step := _step(folded, fold, pays)) is not None:
        folded = step
    return folded if folded is graph else drop_orphans(folded)


def _step(graph: Graph, fold: Fold, pays: Callable[[Graph, Op], bool]) -> Graph | None:
    """The graph with one PAD less; None where none can go."""
    for op in graph.ops:
        if isinstance(op, Padder) and op.name not in graph.outputs and op.name in graph.readers and pays(graph, op):
            step = _without(graph, op, fold)
            if step is not None:
                return step
    return None


def _without(graph: Graph, pad: Padder, fold: Fold) -> Graph | None:
    x, table = (graph.tensors[str(name)] for name in pad.inputs[:2])
    pairs: list[Pair] = [(int(before), int(after)) for before, after in table.value]
    is_image = x.dtype is DType.INT8 and not x.is_constant and len(pairs) == 4
    if not is_image or pairs[0] != (0, 0) or pairs[3] != (0, 0):
        return None
    for index in graph.readers[pad.name]:
        reader = graph.ops[index]
        is_window = isinstance(reader, Window) and reader.inputs[0] == pad.name and reader.inputs.count(pad.name) == 1
        if not is_window or not _sees_the_same(graph, pad, reader, x):
            return None
        assert isinstance(reader, Window)
        total = [(own[0] + more[0], own[1] + more[1]) for own, more in zip(reader.padding, pairs[1:3], strict=True)]
        step = fold(graph, reader, x, (total[0], total[1]))
        if step is None:
            return None
        graph = step
    return replace(graph, ops=replaced(graph.ops, pad))


def _sees_the_same(graph: Graph, pad: Padder, reader: Op, x: Tensor) -> bool:
    """Whether the padding of the reader means what the PAD's numbers do."""
    value = x.zero_point if isinstance(pad, ops.Pad) else int(graph.tensors[str(pad.inputs[2])].value.ravel()[0])
    if not isinstance(reader, ops.MaxPool2D):
        return value == x.zero_point
    producer = graph.ops[graph.producers[x.name]] if x.name in graph.producers else None
    return value <= int(getattr(producer, "activation", ops.Range(LOWEST, 0)).low)


# --- one reader -------------------------------------------------------------------------------------------------------


def _window(graph: Graph, op: Window) -> tuple[Pair, Pair]:
    """(window, dilation)"""
    if isinstance(op, ops.MaxPool2D):
        return op.window, (1, 1)
    filters = graph.tensors[str(op.inputs[1])]
    return (filters.shape[1], filters.shape[2]), op.dilation


def _axes(graph: Graph, op: Window, x: Tensor, total: Padding) -> Iterator[tuple[int, int, int, int, Pair, int]]:
    """(size of x, window, stride, dilation, padding, size of the result) of both axes."""
    y = graph.results(op)[0]
    window, dilation = _window(graph, op)
    yield from zip(x.shape[1:3], window, op.stride, dilation, total, y.shape[1:3], strict=True)


def _padded(graph: Graph, op: Window, x: Tensor, padding: Padding) -> Graph | None:
    """With this padding on x; None where a pool would have a window without a pixel."""
    if isinstance(op, ops.MaxPool2D):
        for size, window, stride, _, pads, results in _axes(graph, op, x, padding):
            if pads[0] >= window or (results - 1) * stride - pads[0] >= size:
                return None
    inputs = (x.name, *op.inputs[1:])
    return replace(graph, ops=replaced(graph.ops, op, replace(op, inputs=inputs, padding=padding)))


def _with_padding(graph: Graph, op: Window, x: Tensor, total: Padding) -> Graph | None:
    """Any padding in which each window sees a pixel."""
    for _, window, _, dilation, pads, _ in _axes(graph, op, x, total):
        if max(pads) >= window_extent(window, dilation):
            return None
    return _padded(graph, op, x, total)


def _with_same(graph: Graph, op: Window, x: Tensor, total: Padding) -> Graph | None:
    """What SAME or VALID pads, if the windows lie the same then. Pixels behind that no window sees don't count."""
    same, valid = [], []
    for size, window, stride, dilation, pads, results in _axes(graph, op, x, total):
        pair = same_padding_1d(size, window, stride, dilation)
        same.append(pair if pair[0] == pads[0] and -(-size // stride) == results else None)
        valid.append(pads[0] == 0 and output_size(size, window, stride, (0, 0), dilation) == results)
    if all(valid):
        return _padded(graph, op, x, VALID)
    rows, columns = same
    return None if rows is None or columns is None else _padded(graph, op, x, (rows, columns))


def _with_zero_taps(graph: Graph, op: Window, x: Tensor, total: Padding) -> Graph | None:
    """Filters with zeros at their edges, so that SAME pads right; as few as possible."""
    if isinstance(op, ops.MaxPool2D) or op.dilation != (1, 1):
        return None
    filters = graph.tensors[str(op.inputs[1])]
    if not filters.is_constant:
        return None
    edges, padding = [], []
    for size, window, stride, _, pads, results in _axes(graph, op, x, total):
        edge = _zero_taps(size, window, stride, pads[0], results)
        if edge is None:
            return None
        edges.append(edge)
        padding.append(same_padding_1d(size, window + sum(edge), stride))
    values = np.pad(filters.value, [(0, 0), *edges, (0, 0)])
    index = index_of(graph, op)
    graph = with_operand(graph, index, 1, replace(filters, shape=values.shape, data=values.tobytes()))
    made = graph.ops[index]
    assert isinstance(made, Window)
    return _padded(graph, made, x, (padding[0], padding[1]))


def _zero_taps(size: int, window: int, stride: int, before: int, results: int) -> Pair | None:
    """(before, after) for one axis, None where SAME gives another number of results or more would be needed."""
    if -(-size // stride) != results:
        return None
    found = [
        (first, last)
        for first, last in product(range(MAX_ZERO_TAPS + 1), repeat=2)
        if same_padding_1d(size, window + first + last, stride)[0] == before + first
    ]
    return min(found, key=lambda edge: (sum(edge), edge), default=None)
