# SPDX-License-Identifier: Apache-2.0
"""Mean average precision as PASCAL VOC has it from 2010 on: the area under precision over recall at all points.

Source: Everingham et al., "The PASCAL Visual Object Classes (VOC) Challenge" (IJCV 2010), section 4.2; the development
kit of VOC 2012, section 3.4.1. numpy only.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sapmcu.ir.graph import Array
from sapmcu.train.detection.boxes import pairwise_iou


def mean_average_precision(found: Sequence[Array], truths: Sequence[Array], classes: int, iou: float = 0.5) -> float:
    """The mean over the classes that occur in truths; nan where none does.

    found: [n,6] an image, as find_boxes gives. truths: [m,5] an image; rows of NO_CLASS don't count.
    """
    values = [average_precision(found, truths, kind, iou) for kind in range(classes)]
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")


def average_precision(found: Sequence[Array], truths: Sequence[Array], kind: int, iou: float = 0.5) -> float:
    """Of one class; nan where no truth is of it."""
    objects = sum(int((truth[:, 4] == kind).sum()) for truth in truths)
    if objects == 0:
        return float("nan")
    scores, hits = [np.zeros(0)], [np.zeros(0, bool)]
    for boxes, truth in zip(found, truths, strict=True):
        mine = boxes[boxes[:, 4] == kind]
        mine = mine[np.argsort(-mine[:, 5], kind="stable")]
        scores.append(mine[:, 5])
        hits.append(right_ones(mine[:, :4], truth[truth[:, 4] == kind, :4], iou))
    order = np.argsort(-np.concatenate(scores), kind="stable")
    is_hit = np.concatenate(hits)[order]
    recall = np.cumsum(is_hit) / objects
    precision = np.cumsum(is_hit) / np.arange(1, len(is_hit) + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(np.diff(recall, prepend=0) * envelope))


def right_ones(boxes: Array, truths: Array, iou: float) -> Array:
    """Whether each of boxes [n,4], the best first, is the first on the truth [m,4] that it overlaps most."""
    result = np.zeros(len(boxes), bool)
    if not len(truths):
        return result
    overlaps = pairwise_iou(boxes, truths)
    is_found = np.zeros(len(truths), bool)
    for index, row in enumerate(overlaps):
        best = int(row.argmax())
        if row[best] >= iou and not is_found[best]:
            is_found[best] = result[index] = True
    return result
