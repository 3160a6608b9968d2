# SPDX-License-Identifier: Apache-2.0
"""Partial execution with standard ops: a run of ops computed band by band of rows, each band by ops of its own.

A band's operands are cut from the whole tensors with SPLIT_V, a few rows wider than needed; the same convolutions run
on them, with SAME padding where the model has it, so that the rows at a cut come out wrong; they are cut off again, and
CONCATENATION puts the bands together. Filters and biases are the same tensors for all bands. The values that remain are
computed from the same pixels in the same way: the outputs are equal in every byte.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np

from sapmcu.ir import ops
from sapmcu.ir.activation import type_range
from sapmcu.ir.graph import DType, Graph, Op, Tensor
from sapmcu.ir.ops import Padding
from sapmcu.ir.padding import VALID, output_size, same_padding_1d, window_extent
from sapmcu.plan.tflm.overlap import ELEMENTWISE

WINDOWS = (ops.Conv2D, ops.DepthwiseConv2D, ops.AveragePool2D, ops.MaxPool2D)
ROW_AXIS = 1
MAX_EXTENT = 64
"""Rows of a window for which the fewest rows of a band's operand are sought; with larger ones it reads all."""
Rows = tuple[int, int]
"""First row, and the first behind the last."""


@dataclass(frozen=True, slots=True, order=True)
class Banding:
    """Ops first..last of a graph, run for each of these bands of the last one's rows. rows: of each band, in order."""

    first: int
    last: int
    rows: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Window:
    """How an op goes over rows. before: padding above. is_same: padded as SAME does."""

    size: int
    stride: int
    dilation: int
    before: int
    is_same: bool

    @property
    def extent(self) -> int:
        return window_extent(self.size, self.dilation)


def even_rows(rows: int, count: int) -> tuple[int, ...]:
    """Rows in `count` bands, as even as can be, the larger ones first."""
    return tuple(rows // count + (index < rows % count) for index in range(count))


def can_band(graph: Graph, first: int, last: int) -> bool:
    """Whether all ops go row by row, and what they make is read by each other only, but for the last one's result."""
    region = range(first, last + 1)
    for index in region:
        op = graph.ops[index]
        if not _goes_by_rows(graph, op):
            return False
        readers = graph.readers.get(op.outputs[0], ())
        is_inside = all(reader in region for reader in readers) and op.outputs[0] not in graph.outputs
        if index < last and not (is_inside and readers):
            return False
    return True


def banded(graph: Graph, bandings: Sequence[Banding]) -> Graph | None:
    """The graph with these runs of ops, which don't overlap, computed by bands; None where some band can't be cut."""
    tensors, done = dict(graph.tensors), list[Op]()
    start = 0
    for one in sorted(bandings, key=lambda banding: banding.first):
        region = _Region(graph, one)
        if not region.build():
            return None
        done += [*graph.ops[start : one.first], *region.ops]
        for op in graph.ops[one.first : one.last]:
            del tensors[op.outputs[0]]
        tensors |= region.tensors
        start = one.last + 1
    return dataclasses.replace(graph, tensors=tensors, ops=(*done, *graph.ops[start:]))


class _Region:
    """The ops of one banding: its operands split, then band after band, then the concatenation."""

    def __init__(self, graph: Graph, banding: Banding) -> None:
        self.graph = graph
        self.banding = banding
        self.inside = graph.ops[banding.first : banding.last + 1]
        self.result = graph.tensors[self.inside[-1].outputs[0]]
        self.tensors: dict[str, Tensor] = {}
        self.ops: list[Op] = []
        self.body: list[Op] = []
        self.windows: dict[str, dict[Rows, str]] = {}
        """Of the operands from outside: the rows that bands read, and the names of the tensors that hold them."""
        self.rows_of: dict[str, Rows] = {}
        """Of the tensors made here: which of the whole tensor's rows they hold."""

    def build(self) -> bool:
        """Make ops and tensors. False where a band can't be cut."""
        ends = [0, *np.cumsum(self.banding.rows).tolist()]
        if ends[-1] != self.result.shape[ROW_AXIS]:
            return False
        parts = []
        for number, rows in enumerate(pairwise(ends)):
            part = self._band(number, rows)
            if part is None:
                return False
            parts.append(part)
        join = ops.Concatenation(tuple(parts), (self.result.name,), ROW_AXIS, type_range(self.result))
        splits = [
            self._split(source, [(rows, wanted[rows]) for rows in layer])
            for source, wanted in self.windows.items()
            for layer in _layers(sorted(wanted))
        ]
        self.ops = [*splits, *self.body, join]
        return True

    def _band(self, number: int, rows: Rows) -> str | None:
        """The name of the tensor with these rows of the result."""
        needed: dict[str, Rows] = {self.result.name: rows}
        takes: list[Rows] = []
        for op in reversed(self.inside):
            take = _operand_rows(self.graph, op, needed[op.outputs[0]])
            if take is None:
                return None
            takes.append(take)
            for name in self._activations(op):
                known = needed.get(name, take)
                needed[name] = (min(known[0], take[0]), max(known[1], take[1]))
        made: dict[str, str] = {}
        for op, take in zip(self.inside, reversed(takes), strict=True):
            self._add(op, number, take, made)
        return self._moved(made[self.result.name], rows)

    def _add(self, op: Op, number: int, take: Rows, made: dict[str, str]) -> None:
        """The op on rows `take` of its operands."""
        is_activation = {*self._activations(op)}
        operands = tuple(
            self._cut(made.get(name, name), take) if name is not None and name in is_activation else name
            for name in op.inputs
        )
        window, whole = _window(self.graph, op), self.graph.tensors[op.outputs[0]]
        first, count, padding = _computed(window, take)
        name = self._free(f"{whole.name}:{number}")
        self.tensors[name] = _with_rows(whole, name, count)
        self.rows_of[name] = (first, first + count)
        made[whole.name] = name
        changes = {} if isinstance(op, ELEMENTWISE) else {"padding": (padding, op.padding[1])}  # type: ignore[attr-defined]
        self.body.append(dataclasses.replace(op, inputs=operands, outputs=(name,), **changes))

    def _cut(self, source: str, rows: Rows) -> str:
        """The tensor that holds these rows of what `source` holds; source itself where it is just them."""
        is_outside = source not in self.tensors
        held = (0, self.graph.tensors[source].shape[ROW_AXIS]) if is_outside else self.rows_of[source]
        if held == rows:
            return source
        windows = self.windows.setdefault(source, {}) if is_outside else {}
        if rows not in windows:
            suffix = f"@{self.banding.first}" if is_outside else ""
            windows[rows] = self._rows(source, f"{source}[{rows[0]}:{rows[1]}]{suffix}", rows)
            if not is_outside:
                self.body.append(self._split(source, [(rows, windows[rows])]))
        return windows[rows]

    def _moved(self, source: str, rows: Rows) -> str:
        """As _cut, for a part of the result: where rows above it are dropped it moves over them, which SLICE's kernel,
        that copies front to back, can do where the bytes lie."""
        held = self.rows_of[source]
        if held[0] == rows[0]:
            return self._cut(source, rows)
        name = self._rows(source, f"{source}[{rows[0]}:{rows[1]}]", rows)
        shape = self.tensors[name].shape
        begin, size = self._constant([0, rows[0] - held[0], 0, 0]), self._constant(shape)
        self.body.append(ops.Slice((source, begin, size), (name,)))
        return name

    def _rows(self, source: str, name: str, rows: Rows) -> str:
        """A new tensor with these rows."""
        whole = self.tensors[source] if source in self.tensors else self.graph.tensors[source]
        name = self._free(name)
        self.tensors[name] = _with_rows(whole, name, rows[1] - rows[0])
        self.rows_of[name] = rows
        return name

    def _split(self, source: str, windows: Sequence[tuple[Rows, str]]) -> Op:
        """SPLIT_V, which is faster than SLICE, into windows that don't overlap and what lies between."""
        whole = self.tensors[source] if source in self.tensors else self.graph.tensors[source]
        at, end = self.rows_of.get(source, (0, whole.shape[ROW_AXIS]))
        parts: list[str] = []
        for rows, name in (*windows, ((end, end), "")):
            if at < rows[0]:
                parts.append(self._rows(source, f"{windows[0][1]}, unused {at}:{rows[0]}", (at, rows[0])))
            parts += [name] if name else []
            at = rows[1]
        sizes = self._constant([self.tensors[name].shape[ROW_AXIS] for name in parts])
        return ops.SplitV((source, sizes, self._constant([ROW_AXIS])), tuple(parts))

    def _free(self, name: str) -> str:
        """The name, or a longer one where the graph has a tensor of this name."""
        while name in self.graph.tensors:
            name += "'"
        return name

    def _constant(self, values: Sequence[int]) -> str:
        name = self._free(f"rows {' '.join(map(str, values))}")
        self.tensors.setdefault(name, Tensor(name, (len(values),), DType.INT32, data=np.array(values, "<i4").tobytes()))
        return name

    def _activations(self, op: Op) -> Iterator[str]:
        return (name for name in op.present_inputs if not self.graph.tensors[name].is_constant)


def _goes_by_rows(graph: Graph, op: Op) -> bool:
    if len(op.outputs) != 1:
        return False
    tensors = [graph.tensors[name] for name in (*op.present_inputs, *op.outputs)]
    activations = [tensor for tensor in tensors if not tensor.is_constant]
    if any(len(one.shape) != 4 or one.shape[0] != 1 or one.is_variable for one in activations):
        return False
    if isinstance(op, ELEMENTWISE):
        return len(tensors) == len(activations) and len({one.shape for one in tensors}) == 1
    if not isinstance(op, WINDOWS) or len(activations) != 2 or activations[0].name != op.inputs[0]:
        return False
    window = _window(graph, op)
    height = activations[0].shape[ROW_AXIS]
    is_known = op.padding[0] in ((0, 0), same_padding_1d(height, window.size, window.stride, window.dilation))
    # a band is padded as SAME in both directions, or in none
    return is_known and not (not window.is_same and any(op.padding[1]))


def _window(graph: Graph, op: Op) -> _Window:
    if not isinstance(op, WINDOWS):
        return _Window(1, 1, 1, 0, is_same=False)
    filters = graph.tensors[str(op.inputs[1])].shape if len(op.inputs) > 1 else ()
    size = filters[1] if filters else op.window[0]  # type: ignore[union-attr]
    dilation = getattr(op, "dilation", (1, 1))[0]
    padding: Padding = op.padding
    return _Window(size, op.stride[0], dilation, padding[0][0], is_same=padding != VALID)


def _computed(window: _Window, take: Rows) -> tuple[int, int, Rows]:
    """(first row, rows, padding) that the op computes of rows `take` of its operand; wrong ones at the cuts among them.

    The first row is of the whole result; it means something where the cut is aligned with the stride.
    """
    height = take[1] - take[0]
    padding = (0, 0)
    if window.is_same:
        padding = same_padding_1d(height, window.size, window.stride, window.dilation)
    count = output_size(height, window.size, window.stride, padding, window.dilation)
    return (take[0] - padding[0] + window.before) // window.stride, count, padding


def _operand_rows(graph: Graph, op: Op, rows: Rows) -> Rows | None:
    """The fewest rows of the operand from which the op computes `rows` of its result right; None where none do."""
    height = graph.tensors[str(op.inputs[0])].shape[ROW_AXIS]
    return _fewest(_window(graph, op), height, rows)


@cache
def _fewest(window: _Window, height: int, rows: Rows) -> Rows | None:
    lowest = max(0, rows[0] * window.stride - window.before)
    highest = min(height, (rows[1] - 1) * window.stride - window.before + window.extent)
    most = 2 * (window.extent + 2 * window.stride) if window.extent <= MAX_EXTENT else 0
    for more in range(most + 1):
        for above in range(more + 1):
            take = (lowest - above, highest + more - above)
            if take[0] >= 0 and take[1] <= height and _is_right(window, take, rows):
                return take
    return (0, height) if _is_right(window, (0, height), rows) else None


def _is_right(window: _Window, take: Rows, rows: Rows) -> bool:
    """Whether the rows come out as they are in the whole result."""
    first, count, padding = _computed(window, take)
    is_aligned = (take[0] - padding[0] + window.before) % window.stride == 0
    return is_aligned and first <= rows[0] and rows[1] <= first + count


def _layers(windows: Sequence[Rows]) -> list[list[Rows]]:
    """The windows, in order, in as few lists as can be without an overlap in one."""
    layers: list[list[Rows]] = []
    for rows in windows:
        layer = next((one for one in layers if one[-1][1] <= rows[0]), None)
        if layer is None:
            layers.append([rows])
        else:
            layer.append(rows)
    return layers


def _with_rows(tensor: Tensor, name: str, rows: int) -> Tensor:
    return dataclasses.replace(tensor, name=name, shape=(1, rows, *tensor.shape[2:]))
