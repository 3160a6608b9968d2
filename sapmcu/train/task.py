# SPDX-License-Identifier: Apache-2.0
"""What a network is trained for: its loss, what it finds in pictures, and how good that is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from sapmcu.ir.graph import Array
from sapmcu.ir.measure import ACCURACY
from sapmcu.train.backend import Backend
from sapmcu.train.data.splits import Split


class Task(ABC):
    """measure: of sapmcu.ir.measure, what `score` gives. Outputs are those of the network, in its order."""

    measure: ClassVar[str]

    @abstractmethod
    def truth(self, part: Split) -> tuple[Array, ...]:
        """What `loss` needs to know of a batch, arrays over its pictures."""

    @abstractmethod
    def loss(self, backend: Backend, outputs: Sequence[Any], truth: Sequence[Any], smoothing: float) -> tuple[Any, Any]:
        """Tensors: the mean over the batch, and how many pictures are right, None where that can't be said."""

    @abstractmethod
    def losses(self, outputs: Sequence[Array], part: Split) -> Array:
        """Of each picture, float64 [n], without smoothing."""

    @abstractmethod
    def find(self, outputs: Sequence[Array]) -> Sequence[Any]:
        """What the network says of each picture."""

    @abstractmethod
    def score(self, found: Sequence[Any], split: Split) -> float:
        """0 to 1: how good it is for the pictures of `split`."""

    @abstractmethod
    def agreement(self, one: Sequence[Any], other: Sequence[Any]) -> float | None:
        """The share of pictures of which two networks say the same; None where that means nothing."""

    @abstractmethod
    def files(self) -> Mapping[str, Array]:
        """Arrays that belong to the trained network, by the name of their .npy beside it."""


@dataclass(frozen=True)
class Classification(Task):
    """The network gives the probabilities of the classes, [n,classes]; what it finds is the likeliest."""

    measure: ClassVar[str] = ACCURACY

    def truth(self, part: Split) -> tuple[Array, ...]:
        return (part.labels,)

    def loss(self, backend: Backend, outputs: Sequence[Any], truth: Sequence[Any], smoothing: float) -> tuple[Any, Any]:
        """Cross-entropy."""
        tf, (probabilities,), (labels,) = backend.tf, outputs, truth
        targets = tf.one_hot(labels, probabilities.shape[-1])
        targets = targets * (1 - smoothing) + smoothing / probabilities.shape[-1]
        loss = tf.reduce_mean(backend.keras.losses.categorical_crossentropy(targets, probabilities))
        right = tf.reduce_sum(tf.cast(tf.argmax(probabilities, axis=1) == labels, tf.int32))
        return loss, right

    def losses(self, outputs: Sequence[Array], part: Split) -> Array:
        (probabilities,) = outputs
        right = probabilities[np.arange(len(part)), part.labels]
        return np.asarray(-np.log(np.maximum(right.astype(np.float64), 1e-7)))

    def find(self, outputs: Sequence[Array]) -> list[int]:
        (probabilities,) = outputs
        return [int(one) for one in probabilities.argmax(axis=1)]

    def score(self, found: Sequence[Any], split: Split) -> float:
        """The share that is right."""
        return float((np.asarray(found) == split.labels).mean())

    def agreement(self, one: Sequence[Any], other: Sequence[Any]) -> float:
        return float((np.asarray(one) == np.asarray(other)).mean())

    def files(self) -> Mapping[str, Array]:
        return {}


CLASSIFICATION = Classification()
