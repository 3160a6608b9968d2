# SPDX-License-Identifier: Apache-2.0
"""The boxes that a detector starts from, and which of them is to find which object. numpy only.

Source: Liu et al., "SSD" (arXiv 1512.02325), section 2.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sapmcu.ir.graph import Array
from sapmcu.train.detection.boxes import NO_CLASS, encode, pairwise_iou, to_corners

MATCHING_IOU = 0.5
"""From here on an anchor has to find the object."""
DIFFERENT_IOU = 0.4
"""Below, it has to find nothing; between the two it may do either."""


@dataclass(frozen=True)
class AnchorShape:
    """size: the square root of its area, relative to the image. ratio: height / width, where the image is square."""

    size: float
    ratio: float = 1.0


def anchor_table(maps: Sequence[tuple[int, int]], shapes: Sequence[Sequence[AnchorShape]]) -> Array:
    """float32 [anchors,4]: for each map (rows, columns), row, column and shape, in this order, one at the centre."""
    tables = []
    for (rows, columns), those in zip(maps, shapes, strict=True):
        y, x = (np.arange(rows) + 0.5) / rows, (np.arange(columns) + 0.5) / columns
        centres = np.stack(np.meshgrid(y, x, indexing="ij"), axis=-1)
        sizes = np.array([[one.size * one.ratio**0.5, one.size / one.ratio**0.5] for one in those])
        grid = (rows, columns, len(those), 2)
        pair = [np.broadcast_to(centres[:, :, None], grid), np.broadcast_to(sizes, grid)]
        tables.append(np.concatenate(pair, axis=-1).reshape(-1, 4))
    return np.asarray(np.concatenate(tables), np.float32)


def match(anchors: Array, truths: Array) -> Array:
    """int64 [anchors]: the number of the object in truths [m,5] that each has to find, -1: none, -2: as it likes.

    Each object gets the anchors that overlap it most of all objects, by MATCHING_IOU at least, and its best anchor in
    any case; where objects share that, the later one takes it and the earlier its best of the rest.
    """
    objects = np.flatnonzero(truths[:, 4] != NO_CLASS)
    if not len(objects):
        return np.full(len(anchors), -1)
    iou = pairwise_iou(to_corners(anchors), truths[objects, :4])
    best = iou.argmax(axis=1)
    most = iou[np.arange(len(anchors)), best]
    result = np.where(most >= MATCHING_IOU, objects[best], np.where(most < DIFFERENT_IOU, -1, -2))
    is_taken = np.zeros(len(anchors), bool)
    for column in reversed(range(len(objects))):
        anchor = int(np.where(is_taken, -1, iou[:, column]).argmax())
        is_taken[anchor] = True
        result[anchor] = objects[column]
    return result


def targets(anchors: Array, truths: Array, classes: int) -> tuple[Array, Array]:
    """What a detector has to give for images with truths [n,m,5]: codes [n,A,5] and scores [n,A,classes], float32.

    codes: the object's code, then 1; all 0 where there is no object.
    scores: 1 for the class of the anchor's object, else 0; all NO_CLASS where the anchor does as it likes.
    """
    codes = np.zeros((len(truths), len(anchors), 5), np.float32)
    scores = np.zeros((len(truths), len(anchors), classes), np.float32)
    for index, truth in enumerate(truths):
        chosen = match(anchors, truth)
        found = np.flatnonzero(chosen >= 0)
        objects = truth[chosen[found]]
        scores[index, chosen == -2] = NO_CLASS
        scores[index, found, objects[:, 4].astype(int)] = 1
        codes[index, found, :4] = encode(objects[:, :4], anchors[found])
        codes[index, found, 4] = 1
    return codes, scores
