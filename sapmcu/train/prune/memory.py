# SPDX-License-Identifier: Apache-2.0
"""Which tensors live at the peak, from the Keras model alone: quick enough to ask after every block."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import Any, Protocol

import numpy as np

from sapmcu.ir.graph import Array
from sapmcu.train.prune.calls import Call, Ref
from sapmcu.train.prune.graph import ChannelGraph
from sapmcu.train.prune.rules import rule_of

Ranked = Sequence[tuple[int, Hashable]]
"""Bytes that live at a place of the run, and which it is."""


class Live(Protocol):
    """An estimate of the arena of a network that has lost some channels. is_kept: bool, by root."""

    def ranked(self, is_kept: Array) -> Ranked:
        """The places that decide, the highest first."""

    def bytes_at(self, place: Any, is_kept: Array) -> int:
        """The same for one place."""


class LiveTensors:
    """An estimate of the int8 arena: bytes of the tensors that live while each call runs.

    What the converter folds away or the engine does in place (batch norm, activations, sums whose operand dies) shares
    its operand's bytes. A pooling of sapmcu.layers is several ops: its cost() says what it needs beside its input and
    output. Scratch of kernels, and gaps in the arena, are not in it.
    """

    def __init__(self, graph: ChannelGraph) -> None:
        self.graph = graph
        self.owners = owners = _owners(graph)
        self.buffers = [ref for ref in owners if owners[ref] == ref]
        number = {ref: index for index, ref in enumerate(self.buffers)}
        self.is_live = np.zeros((len(graph.network.calls), len(self.buffers)), bool)
        first, last = _ranges(graph)
        for ref, owner in owners.items():
            self.is_live[first[ref] : last[ref] + 1, number[owner]] = True
        self.pixels = np.array([_pixels(ref) for ref in self.buffers])
        self.poolings = {index: call for index, call in enumerate(graph.network.calls) if is_pooling(call)}

    def sizes(self, is_kept: Array) -> Array:
        """int64 [buffers]: bytes of each."""
        widths = np.array([self.graph.width(ref, is_kept) for ref in self.buffers])
        sizes: Array = self.pixels * widths
        return sizes

    def live_bytes(self, is_kept: Array) -> Array:
        """int64 [calls]: bytes that live while each call runs."""
        total: Array = self.is_live @ self.sizes(is_kept)
        for index in self.poolings:
            total[index] += self.inner_bytes(index, is_kept)
        return total

    def ranked(self, is_kept: Array) -> Ranked:
        """(bytes, call), the largest first."""
        live_bytes = self.live_bytes(is_kept)
        return [(int(live_bytes[call]), int(call)) for call in np.argsort(-live_bytes, kind="stable")]

    def bytes_at(self, call: Any, is_kept: Array) -> int:
        """The same for one call."""
        live = (self.buffers[index] for index in np.flatnonzero(self.is_live[call]))
        outer = sum(_pixels(ref) * self.graph.width(ref, is_kept) for ref in live)
        return outer + (self.inner_bytes(call, is_kept) if call in self.poolings else 0)

    def inner_bytes(self, index: int, is_kept: Array) -> int:
        """What a pooling needs beside its input and output."""
        call = self.poolings[index]
        (ref,) = call.inputs
        cost = call.layer.cost((*ref.shape[:-1], self.graph.width(ref, is_kept)))
        inner: int = cost.peak_bytes - cost.input_bytes - cost.output_bytes
        return max(0, inner)


def _pixels(ref: Ref) -> int:
    return math.prod(size or 1 for size in ref.shape[1:-1])


def is_pooling(call: Call) -> bool:
    return callable(getattr(call.layer, "cost", None))


def _owners(graph: ChannelGraph) -> dict[Ref, Ref]:
    """The tensor whose bytes each tensor has, in the order of the calls."""
    _, last = _ranges(graph)
    owners = {ref: ref for ref in graph.network.inputs}
    for index, call in enumerate(graph.network.calls):
        for ref in call.outputs:
            owners[ref] = ref
            if not rule_of(call.layer).is_in_place:
                continue
            for operand in call.inputs:
                owner = owners[operand]
                is_dead = all(last[one] <= index for one, of in owners.items() if of == owner and one != ref)
                if is_dead and math.prod(_sizes(operand)) == math.prod(_sizes(ref)):
                    owners[ref] = owner
                    break
    return owners


def _sizes(ref: Ref) -> list[int]:
    return [size or 1 for size in ref.shape[1:]]


def _ranges(graph: ChannelGraph) -> tuple[dict[Ref, int], dict[Ref, int]]:
    """First and last call at which each tensor lives."""
    network = graph.network
    first, last = dict.fromkeys(network.inputs, 0), dict.fromkeys(network.inputs, 0)
    for index, call in enumerate(network.calls):
        for ref in call.inputs:
            last[ref] = index
        for ref in call.outputs:
            first[ref] = last[ref] = index
    end = max(len(network.calls) - 1, 0)
    return first, {**last, **dict.fromkeys(network.outputs, end)}
