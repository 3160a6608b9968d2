# SPDX-License-Identifier: Apache-2.0
"""Which channels of a model can be removed, and which only together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sapmcu.errors import UserError
from sapmcu.ir.graph import Array
from sapmcu.train.prune.calls import Call, Network, Ref, read_network
from sapmcu.train.prune.routes import check_layout, route_whole
from sapmcu.train.prune.rules import rule_of
from sapmcu.train.prune.slots import Slots


@dataclass(frozen=True, slots=True)
class Group:
    """Channels that the same layers make. layers: their names. channels: each a root; any of them may go alone."""

    layers: tuple[str, ...]
    channels: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ChannelGraph:
    """roots: by Ref.index, the channel at each position of the last axis. produced: the same of the layers that make
    channels. groups: what can be removed. whole: layers that hold on to their channels, with the reason.
    """

    network: Network
    roots: tuple[Array, ...]
    produced: Mapping[str, Array]
    groups: tuple[Group, ...]
    whole: Mapping[str, str]
    count: int

    @property
    def channels(self) -> int:
        """How many channels can be removed, were there no least width."""
        return sum(len(group.channels) for group in self.groups)

    def kept(self, removed: Iterable[int]) -> Array:
        """bool, by root: what stays."""
        is_kept = np.ones(self.count, bool)
        is_kept[list(removed)] = False
        return is_kept

    def positions(self, ref: Ref, is_kept: Array) -> Array:
        """The numbers of the channels of a tensor that stay."""
        return np.flatnonzero(is_kept[self.roots[ref.index]])

    def width(self, ref: Ref, is_kept: Array) -> int:
        """How many channels of a tensor stay."""
        return int(np.count_nonzero(is_kept[self.roots[ref.index]]))


def channel_graph(model: Any, keep: Sequence[str] = (), name: str | None = None) -> ChannelGraph:
    """keep: names of layers whose input and output channels stay. name: what errors call the model.

    Raises: UserError where the model can't be rewritten, has grouped convolutions that are not in `keep`, or no layer
    of a name in `keep`.
    """
    network = read_network(model, name)
    _check_names(network, keep)
    slots = Slots()
    of: dict[int, Array] = {}
    for ref in network.inputs:
        of[ref.index] = slots.fresh(_width(ref))
        slots.lock(of[ref.index])
    for call in network.calls:
        inputs = [of[ref.index] for ref in call.inputs]
        for ref, made in zip(call.outputs, _routed(slots, call, inputs, keep), strict=True):
            of[ref.index] = made
    for ref in network.outputs:
        slots.lock(of[ref.index])
    roots = slots.roots()
    produced = {name: roots[made] for name, made in slots.produced.items()}
    locked = {int(root) for lock in slots.locks for root in roots[lock]}
    return ChannelGraph(
        network=network,
        roots=tuple(roots[of[index]] for index in range(len(of))),
        produced=produced,
        groups=_groups(produced, locked),
        whole=_reasons(network, slots),
        count=len(roots),
    )


def _check_names(network: Network, keep: Sequence[str]) -> None:
    names = dict.fromkeys(call.name for call in network.calls)
    if unknown := [name for name in keep if name not in names]:
        raise UserError(f"{network.name} has no layer {', '.join(unknown)}", hint=f"its layers are {', '.join(names)}")


def _routed(slots: Slots, call: Call, inputs: list[Array], keep: Sequence[str]) -> list[Array]:
    check_layout(call)
    if call.name not in keep:
        return rule_of(call.layer).route(slots, call, inputs)
    slots.reasons[call.name] = "--keep names it"
    return route_whole(slots, call, inputs)


def _reasons(network: Network, slots: Slots) -> dict[str, str]:
    """Without the layers that make the model's outputs, which stay anyway."""
    ends = {call.name for call in network.calls if set(call.outputs) & set(network.outputs)}
    return {name: reason for name, reason in slots.reasons.items() if name not in ends or "--keep" in reason}


def _width(ref: Ref) -> int:
    return (ref.shape[-1] or 0) if len(ref.shape) > 1 else 0


def _groups(produced: Mapping[str, Array], locked: set[int]) -> tuple[Group, ...]:
    makers: dict[int, list[str]] = {}
    for name, roots in produced.items():
        for root in dict.fromkeys(roots.tolist()):
            makers.setdefault(root, []).append(name)
    groups: dict[tuple[str, ...], list[int]] = {}
    for root, names in makers.items():
        if root not in locked:
            groups.setdefault(tuple(names), []).append(root)
    return tuple(Group(names, tuple(channels)) for names, channels in groups.items())
