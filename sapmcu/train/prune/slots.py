# SPDX-License-Identifier: Apache-2.0
"""Channel slots: who must go together. A tensor's last axis is an array of slots; tied slots are one channel."""

from __future__ import annotations

from typing import Any

import numpy as np

from sapmcu.ir.graph import Array


class Slots:
    """Union-find over the positions of all channel axes; a locked slot stays, and with it all that are tied to it."""

    def __init__(self) -> None:
        self.parent: list[int] = []
        self.locks: list[Array] = []
        self.reasons: dict[str, str] = {}
        self.produced: dict[str, Array] = {}
        """Output slots of the layers that make channels of their own, by name."""
        self.first_inputs: dict[int, list[Array]] = {}

    def fresh(self, count: int) -> Array:
        start = len(self.parent)
        self.parent.extend(range(start, start + count))
        return np.arange(start, start + count)

    def tie(self, one: Array, other: Array) -> None:
        """Elementwise: one[i] and other[i] are kept or removed together."""
        for left, right in zip(one.tolist(), other.tolist(), strict=True):
            left, right = self.root(left), self.root(right)
            if left != right:
                self.parent[max(left, right)] = min(left, right)

    def lock(self, slots: Array, name: str = "", reason: str = "") -> None:
        """Keep these slots. name, reason: the layer at fault, for the report."""
        self.locks.append(slots)
        if name:
            self.reasons.setdefault(name, reason)

    def tie_calls(self, layer: Any, inputs: list[Array]) -> None:
        """A layer with weights that is called again takes the same channels again."""
        for one, other in zip(self.first_inputs.setdefault(id(layer), inputs), inputs, strict=True):
            self.tie(one, other)

    def root(self, slot: int) -> int:
        while self.parent[slot] != slot:
            self.parent[slot] = self.parent[self.parent[slot]]
            slot = self.parent[slot]
        return slot

    def roots(self) -> Array:
        """The root of every slot."""
        return np.array([self.root(slot) for slot in range(len(self.parent))], dtype=np.int64)
