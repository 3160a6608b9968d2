# SPDX-License-Identifier: Apache-2.0
"""A data set cut in three: pictures to train with, to choose with, and to test with once at the end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

import numpy as np

from sapmcu.errors import UserError
from sapmcu.ir.graph import Array
from sapmcu.train.data.counter_random import random_order, stream_key


class Part(StrEnum):
    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


@dataclass(frozen=True)
class Split:
    """images: uint8 [n,H,W,C], 0..255. labels: int64 [n], from 0.

    boxes: float32 [n,4], (top, left, bottom, right) of the one object in pixels, the last two exclusive, all 0 where
    there is no object; None where the data set has none.
    """

    images: Array
    labels: Array
    boxes: Array | None = None

    def __len__(self) -> int:
        return len(self.images)

    def part(self, chosen: Array | slice) -> Split:
        """Some of the pictures."""
        return Split(self.images[chosen], self.labels[chosen], None if self.boxes is None else self.boxes[chosen])


@dataclass(frozen=True)
class Splits:
    """The three parts, each loaded when it is first asked for: who doesn't touch `test` hasn't read the test set.

    origin: one line that says what they are. load: the loader of one part.
    """

    name: str
    origin: str
    class_names: tuple[str, ...]
    load: Callable[[Part], Split]

    @cached_property
    def train(self) -> Split:
        return self.load(Part.TRAIN)

    @cached_property
    def validation(self) -> Split:
        return self.load(Part.VALIDATION)

    @cached_property
    def test(self) -> Split:
        return self.load(Part.TEST)


def held_out(labels: Array, shares: tuple[float, ...], seed: int) -> tuple[Array, ...]:
    """Cut indices 0..len(labels)-1 into len(shares) + 1 parts, the same shares of each class, each part ascending.

    shares: of the parts after the first, which takes the rest. Every part gets one of each class at least. The order
    inside a class is random_order's, so a split depends on labels, shares and seed alone.
    Raises: UserError where a class has fewer pictures than there are parts.
    """
    parts: list[list[Array]] = [[] for _ in range(len(shares) + 1)]
    for label in np.unique(labels):
        indices = np.flatnonzero(labels == label)
        if len(indices) <= len(shares):
            raise UserError(
                f"class {label} has {len(indices)} pictures, too few for {len(parts)} parts", hint="add pictures to it"
            )
        indices = indices[random_order(stream_key((seed, int(label))), len(indices))]
        for part, share in zip(parts[1:], shares, strict=True):
            count = min(max(1, round(len(labels[labels == label]) * share)), len(indices) - 1)
            part.append(indices[:count])
            indices = indices[count:]
        parts[0].append(indices)
    return tuple(np.sort(np.concatenate(part)) for part in parts)
