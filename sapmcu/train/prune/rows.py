# SPDX-License-Identifier: Apache-2.0
"""What lives while a network runs row by row, from the Keras model alone: the same question as memory.py asks of whole
ops, for plans by rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from sapmcu.ir.graph import Array
from sapmcu.train.prune.calls import Call
from sapmcu.train.prune.graph import ChannelGraph
from sapmcu.train.prune.memory import LiveTensors, Ranked, is_pooling
from sapmcu.train.prune.rules import rule_of

Segment = tuple[int, int]
"""First call, and the first behind the last: a cascade."""
MAP_RANK = 4


class LiveRows:
    """An estimate of the int8 arena of a plan by rows.

    The calls are cut into cascades. Inside one a tensor has the rows of its readers' windows; at a cut it is whole.
    What a cascade takes shrinks while what it gives grows: the larger of the two counts. The best cuts are those whose
    largest cascade is the smallest, as in plan/rows. That rows of several tensors share their memory is not in it.
    """

    def __init__(self, graph: ChannelGraph) -> None:
        self.graph = graph
        self.tensors = LiveTensors(graph)
        calls, is_live = graph.network.calls, self.tensors.is_live
        self.count = len(calls)
        # numbers of calls from 1, so that inputs are there before the first
        self.first = 1 + is_live.argmax(0)
        self.last = self.count - is_live[::-1].argmax(0)
        for index, ref in enumerate(self.tensors.buffers):
            self.first[index] = 0 if ref in graph.network.inputs else self.first[index]
            self.last[index] = self.count + 1 if ref in graph.network.outputs else self.last[index]
        self.kept_pixels = self.tensors.pixels * self._row_shares()
        self.is_whole = np.array([not _goes_by_rows(call) for call in calls])

    def _row_shares(self) -> Array:
        """Of each tensor: the part of its rows that its readers need at a time."""
        height = {ref: ref.shape[1] or 1 for ref in self.tensors.buffers if len(ref.shape) == MAP_RANK}
        rows = dict.fromkeys(height, 1)
        for call in self.graph.network.calls:
            for ref in map(self.tensors.owners.__getitem__, call.inputs):
                if ref in rows:
                    rows[ref] = max(rows[ref], _window_rows(call))
        return np.array([min(rows[ref] / height[ref], 1.0) if ref in rows else 1.0 for ref in self.tensors.buffers])

    def ranked(self, is_kept: Array) -> Ranked:
        """(bytes, cascade) of the best cuts, the largest first."""
        peaks = self._peaks(is_kept)
        best, cut = np.full(self.count + 1, np.inf), np.zeros(self.count + 1, int)
        best[0] = 0
        for end in range(1, self.count + 1):
            reached = np.maximum(best[:end], peaks[:end, end])
            cut[end] = int(reached.argmin())
            best[end] = reached[cut[end]]
        found, end = [], self.count
        while end:
            found.append((int(peaks[cut[end], end]), (int(cut[end]), end)))
            end = int(cut[end])
        return sorted(found, key=lambda one: (-one[0], one[1]))

    def bytes_at(self, place: Any, is_kept: Array) -> int:
        """The same for one cascade."""
        return int(self._peaks(is_kept)[place])

    def _peaks(self, is_kept: Array) -> Array:
        """float [first, end]: bytes of each cascade; infinite where there is none."""
        widths = np.array([self.graph.width(ref, is_kept) for ref in self.tensors.buffers])
        whole, rows = np.zeros((2, self.count + 2, self.count + 2))
        np.add.at(whole, (self.first, self.last), self.tensors.pixels * widths)
        np.add.at(rows, (self.first, self.last), self.kept_pixels * widths)
        # below[a, b]: of tensors that first live before call a, and last before call b
        below, below_rows = (np.pad(one.cumsum(0).cumsum(1), ((1, 0), (1, 0))) for one in (whole, rows))
        first = np.arange(self.count + 1)[:, None] + 1
        end, all_calls = first.T, self.count + 2
        past = below[first, all_calls] - below[first, end]
        taken = below[first, end] - below[first, first]
        given = (below[end, all_calls] - below[end, end]) - past
        inside = below_rows[all_calls, end] - below_rows[first, end]
        cascade = past + inside + np.maximum(taken, given)
        wholes = np.concatenate([[0], np.cumsum(self.is_whole)])
        cascade[wholes[end - 1] > wholes[first - 1]] = np.inf
        single = past + inside + taken + given
        cascade = np.where((end - first == 1) & self._is_alone(first), single, cascade)
        cascade[end <= first] = np.inf
        return np.asarray(cascade + self._inner_bytes(is_kept, first, end))

    def _is_alone(self, first: Array) -> Array:
        """Whether the call there only runs whole."""
        return np.asarray(np.append(self.is_whole, False)[first - 1])

    def _inner_bytes(self, is_kept: Array, first: Array, end: Array) -> Array:
        """What poolings of sapmcu.layers need beside their input and output, for a row of windows."""
        inner = np.zeros(self.count)
        for index in self.tensors.poolings:
            (ref,) = self.graph.network.calls[index].inputs
            share = min(_window_rows(self.graph.network.calls[index]) / (ref.shape[1] or 1), 1.0)
            inner[index] = share * self.tensors.inner_bytes(index, is_kept)
        total = np.concatenate([[0], np.cumsum(inner)])
        return np.asarray(total[np.maximum(end, first) - 1] - total[first - 1])


def _goes_by_rows(call: Call) -> bool:
    """Whether it makes rows of an image from some rows of others; at the end a mean or maximum of all pixels."""
    if any(len(ref.shape) != MAP_RANK for ref in call.inputs):
        return False
    return (
        is_pooling(call) or rule_of(call.layer).is_in_place or type(call.layer).__name__ not in ("Permute", "Resizing")
    )


def _window_rows(call: Call) -> int:
    """Rows of its operand that a row of the result needs."""
    layer = call.layer
    sizes = (getattr(layer, name, None) for name in ("kernel_size", "pool_size", "patch_size"))
    rows = [size[0] if isinstance(size, tuple | list) else size for size in sizes if size]
    dilation = getattr(layer, "dilation_rate", 1)
    return max(rows, default=1) * (dilation[0] if isinstance(dilation, tuple | list) else int(dilation))
