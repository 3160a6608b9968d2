# SPDX-License-Identifier: Apache-2.0
"""A detector's outputs -> boxes: what firmware/apps/detector does on a board. numpy only."""

from __future__ import annotations

import numpy as np

from sapmcu.ir.detection import DecoderOptions
from sapmcu.ir.graph import Array
from sapmcu.train.detection.boxes import decode, pairwise_iou


def find_boxes(codes: Array, scores: Array, anchors: Array, options: DecoderOptions) -> Array:
    """float64 [found,6]: (top, left, bottom, right, class, score), the best first.

    codes: [anchors,4]. scores: logits [anchors,classes]. Where scores are equal, the earlier anchor is first, then the
    earlier class.
    """
    probabilities = sigmoid(scores).ravel()
    order = np.argsort(-probabilities, kind="stable")[: options.max_boxes]
    order = order[probabilities[order] >= options.min_score]
    anchor, kind = np.divmod(order, scores.shape[1])
    boxes = np.clip(decode(codes[anchor].astype(np.float64), anchors[anchor].astype(np.float64)), 0, 1)
    kept = suppress(boxes, kind, options.max_iou)
    found = [boxes[kept], kind[kept, None], probabilities[order][kept, None]]
    return np.concatenate(found, axis=1)


def suppress(boxes: Array, classes: Array, max_iou: float) -> Array:
    """Indices of boxes [n,4], the best first, that overlap no kept one of their class by more than max_iou."""
    is_rival = (pairwise_iou(boxes, boxes) > max_iou) & (classes[:, None] == classes[None])
    kept: list[int] = []
    for index in range(len(boxes)):
        if not is_rival[index, kept].any():
            kept.append(index)
    return np.array(kept, int)


def sigmoid(logits: Array) -> Array:
    """Of any size of logit, without overflow, in float64."""
    return np.asarray(0.5 * (1 + np.tanh(0.5 * logits.astype(np.float64))))
