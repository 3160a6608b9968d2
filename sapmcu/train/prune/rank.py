# SPDX-License-Identifier: Apache-2.0
"""Which channels matter least, and in which blocks they go."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sapmcu.ir.graph import Array
from sapmcu.ir.pruning import Criterion
from sapmcu.train.prune.graph import ChannelGraph, Group
from sapmcu.train.prune.rules import LAYERS, SEPARABLE, TRANSPOSED

LEAST_SHARE = 1 / 8
"""Of its channels each group keeps at least this share: a layer that is narrowed to nothing cuts the network in two."""

TINY = 1e-9
"""Beside scores whose root mean square is 1."""

Block = tuple[int, ...]
"""Channels (roots) of one group that go together, so that its width stays a multiple."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """criteria: what each group was judged by. scores: by channel, comparable between groups: root mean square 1."""

    criteria: tuple[Criterion, ...]
    scores: Mapping[int, float]


def rank(graph: ChannelGraph, criterion: Criterion) -> Ranking:
    """The importance of each channel that can be removed.

    bn: |γ| of the batch norms that its group passes. l1: the sum of |filter| of the layers that make it. Each layer's
    numbers are divided by their root mean square, averaged over the tied layers, and divided again within the group, so
    that layers of different scale compare. A group without a batch norm that scales is judged by l1.

    Source: |γ|: Liu et al., Learning Efficient Convolutional Networks through Network Slimming, ICCV 2017, 3.
    L1: Li et al., Pruning Filters for Efficient ConvNets, ICLR 2017, 3.1. Normalisation by layer: Molchanov et al.,
    Pruning Convolutional Neural Networks for Resource Efficient Inference, ICLR 2017, 2.2.
    """
    by_filters = _means(list(_filter_norms(graph)), graph.count)
    by_scale = _means(list(_scales(graph)), graph.count)
    criteria: list[Criterion] = []
    scores: dict[int, float] = {}
    for group in graph.groups:
        channels = list(group.channels)
        has_scale = criterion is Criterion.BN and not np.isnan(by_scale[channels]).any()
        values = _normalized((by_scale if has_scale else by_filters)[channels])
        criteria.append(Criterion.BN if has_scale else Criterion.L1)
        scores.update(zip(channels, values.tolist(), strict=True))
    return Ranking(tuple(criteria), scores)


def _filter_norms(graph: ChannelGraph) -> Iterator[tuple[Array, Array]]:
    """(roots, L1 norm of the filter that makes each)."""
    for call in _once(graph):
        if call.name in graph.produced:
            kind = LAYERS.get(type(call.layer).__name__)
            kernel = np.abs(call.layer.get_weights()[1 if kind is SEPARABLE else 0])
            kernel = np.moveaxis(kernel, -2, -1) if kind is TRANSPOSED else kernel
            yield graph.produced[call.name], kernel.reshape(-1, kernel.shape[-1]).sum(axis=0)


def _scales(graph: ChannelGraph) -> Iterator[tuple[Array, Array]]:
    """(roots, |γ|) of each batch norm."""
    for call in _once(graph):
        if type(call.layer).__name__ == "BatchNormalization" and call.layer.scale:
            roots = graph.roots[call.outputs[0].index]
            if len(roots) == len(gamma := np.abs(np.asarray(call.layer.gamma))):
                yield roots, gamma


def _once(graph: ChannelGraph) -> Sequence[Any]:
    """One call of each layer."""
    return list({id(call.layer): call for call in graph.network.calls}.values())


def _means(measured: Sequence[tuple[Array, Array]], count: int) -> Array:
    """float [count]: the mean of what is known of each channel, NaN where nothing is."""
    total, known = np.zeros(count), np.zeros(count)
    for roots, values in measured:
        np.add.at(total, roots, _normalized(values.astype(np.float64)))
        np.add.at(known, roots, 1)
    with np.errstate(invalid="ignore"):
        means: Array = total / known
    return means


def _normalized(values: Array) -> Array:
    """Root mean square 1; zeros stay."""
    size = math.sqrt(float(np.mean(np.square(values)))) if len(values) else 0.0
    return values / size if size > 0 else values


class Widths:
    """How many channels each group has left; gives the weakest block of each and takes it."""

    def __init__(self, groups: Sequence[Group], ranking: Ranking, multiple: int) -> None:
        self.scores, self.multiple = ranking.scores, multiple
        self.left = [sorted(group.channels, key=lambda root: (self.scores[root], root)) for group in groups]
        self.before = [len(group.channels) for group in groups]
        self.least = [least_width(channels, multiple) for channels in self.before]

    def weakest(self, group: int) -> Block:
        """The next channels to go; none where the group is at its least width."""
        left = self.left[group]
        size = len(left) % self.multiple or self.multiple
        return tuple(left[:size]) if len(left) - size >= self.least[group] else ()

    def order(self, group: int) -> tuple[float, float, int]:
        """The group whose weakest block has the least mean score goes first; of equals, the one that lost least."""
        block = self.weakest(group)
        mean = sum(self.scores[root] for root in block) / len(block)
        return round(mean, 6), -len(self.left[group]) / self.before[group], group

    def share(self, group: int, block: Block) -> float:
        """Of the scores that the group has left, those of the block; a little more than 0 where all are 0."""
        left = sum(self.scores[root] for root in self.left[group])
        return (sum(self.scores[root] for root in block) + TINY) / (left + TINY)

    def take(self, group: int) -> Block:
        block = self.weakest(group)
        self.left[group] = self.left[group][len(block) :]
        return block


def least_width(channels: int, multiple: int) -> int:
    """A multiple, at least LEAST_SHARE of the channels; all of them where there are no more than one multiple."""
    share = math.ceil(channels * LEAST_SHARE / multiple) * multiple
    return min(channels, max(multiple, share))


def remove_share(widths: Widths, ratio: float) -> list[Block]:
    """The weakest blocks of all groups, until `ratio` of all channels are gone as nearly as blocks allow."""
    wanted = ratio * sum(map(len, widths.left))
    removed: list[Block] = []
    count = 0
    while True:
        open_groups = [group for group in range(len(widths.left)) if widths.weakest(group)]
        if not open_groups:
            return removed
        weakest = min(open_groups, key=widths.order)
        size = len(widths.weakest(weakest))
        if count + size - wanted > wanted - count:
            return removed
        removed.append(widths.take(weakest))
        count += size
