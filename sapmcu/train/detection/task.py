# SPDX-License-Identifier: Apache-2.0
"""Detection as a task to train for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from sapmcu.ir.graph import Array
from sapmcu.ir.measure import MAP
from sapmcu.train.backend import Backend
from sapmcu.train.data.splits import Split
from sapmcu.train.detection.anchors import targets
from sapmcu.train.detection.average_precision import mean_average_precision
from sapmcu.train.detection.boxes import NO_CLASS, areas, truths_of_one_object
from sapmcu.train.detection.decoder import find_boxes
from sapmcu.train.detection.training import EVALUATION, code_loss, score_loss
from sapmcu.train.task import Task

ANCHORS = "anchors.npy"


@dataclass(frozen=True, eq=False)
class Detection(Task):
    """The network gives box codes [n,A,4] and logits [n,A,classes]; what it finds are boxes, as find_boxes gives them.

    anchors: float32 [A,4].
    """

    anchors: Array
    classes: int
    measure: ClassVar[str] = MAP

    def truth(self, part: Split) -> tuple[Array, ...]:
        return targets(self.anchors, truths_of(part), self.classes)

    def loss(self, backend: Backend, outputs: Sequence[Any], truth: Sequence[Any], smoothing: float) -> tuple[Any, Any]:
        """Of codes and of scores, added."""
        each = _losses(outputs, truth)
        return backend.tf.reduce_mean(each), None

    def losses(self, outputs: Sequence[Array], part: Split) -> Array:
        return np.asarray(_losses(outputs, self.truth(part)), np.float64)

    def find(self, outputs: Sequence[Array]) -> list[Array]:
        return [find_boxes(codes, scores, self.anchors, EVALUATION) for codes, scores in zip(*outputs, strict=True)]

    def score(self, found: Sequence[Any], split: Split) -> float:
        """Mean average precision at an intersection over union of 0.5."""
        return mean_average_precision(found, list(truths_of(split)), self.classes)

    def agreement(self, one: Sequence[Any], other: Sequence[Any]) -> None:
        return None

    def files(self) -> Mapping[str, Array]:
        return {ANCHORS: self.anchors}


def truths_of(part: Split) -> Array:
    """float32 [n,1,5]; NO_CLASS where a picture's box is empty."""
    assert part.boxes is not None
    height, width = part.images.shape[1:3]
    truths = truths_of_one_object(part.boxes, part.labels, height, width)
    truths[areas(truths[..., :4]) == 0, 4] = NO_CLASS
    return truths


def _losses(outputs: Sequence[Any], truth: Sequence[Any]) -> Any:
    (codes, scores), (right_codes, right_scores) = outputs, truth
    return code_loss(right_codes, codes) + score_loss(right_scores, scores)
