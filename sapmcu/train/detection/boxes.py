# SPDX-License-Identifier: Apache-2.0
"""Arithmetic of boxes and their codes. numpy only."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sapmcu.errors import UserError
from sapmcu.ir.detection import CENTRE_VARIANCE, SIZE_VARIANCE
from sapmcu.ir.graph import Array

NO_CLASS = -1
"""Class of a truth that only fills its row up."""


def pairwise_iou(one: Array, other: Array) -> Array:
    """Intersection over union of boxes [n,4] with boxes [m,4]: [n,m]. 0 where both are empty."""
    top_left = np.maximum(one[:, None, :2], other[None, :, :2])
    bottom_right = np.minimum(one[:, None, 2:], other[None, :, 2:])
    intersection = np.prod(np.clip(bottom_right - top_left, 0, None), axis=-1)
    union = areas(one)[:, None] + areas(other)[None] - intersection
    return np.asarray(np.where(union > 0, intersection / np.where(union > 0, union, 1), 0))


def areas(boxes: Array) -> Array:
    return np.asarray(np.prod(np.clip(boxes[..., 2:] - boxes[..., :2], 0, None), axis=-1))


def to_centres(boxes: Array) -> Array:
    """(top, left, bottom, right) -> (centre y, centre x, height, width); on the last axis."""
    return np.concatenate([(boxes[..., :2] + boxes[..., 2:]) / 2, boxes[..., 2:] - boxes[..., :2]], axis=-1)


def to_corners(centres: Array) -> Array:
    """The way back."""
    half = centres[..., 2:] / 2
    return np.concatenate([centres[..., :2] - half, centres[..., :2] + half], axis=-1)


def encode(boxes: Array, anchors: Array) -> Array:
    """The codes [...,4] of boxes [...,4] at their anchors [...,4]. Boxes have some height and width."""
    centres = to_centres(boxes)
    move = (centres[..., :2] - anchors[..., :2]) / anchors[..., 2:] / CENTRE_VARIANCE
    grow = np.log(centres[..., 2:] / anchors[..., 2:]) / SIZE_VARIANCE
    return np.concatenate([move, grow], axis=-1)


def decode(codes: Array, anchors: Array) -> Array:
    """The boxes [...,4] that codes mean; they may reach out of the image."""
    centre = anchors[..., :2] + codes[..., :2] * CENTRE_VARIANCE * anchors[..., 2:]
    size = anchors[..., 2:] * np.exp(codes[..., 2:] * SIZE_VARIANCE)
    return to_corners(np.concatenate([centre, size], axis=-1))


def truths_of_one_object(boxes: Array, labels: Array, height: int, width: int) -> Array:
    """float32 [n,1,5], (top, left, bottom, right, class), from boxes [n,4] in pixels, the last two exclusive."""
    relative = np.asarray(boxes, np.float32) / np.array([height, width, height, width], np.float32)
    return np.asarray(np.concatenate([relative, np.asarray(labels, np.float32)[:, None]], axis=-1)[:, None])


def stacked_truths(truths: Sequence[Array]) -> Array:
    """float32 [n,m,5] of n images with up to m objects, [objects,5] each; rows of class NO_CLASS fill up.

    Raises: UserError where a box is empty or lies outside 0..1.
    """
    result = np.full((len(truths), max([1, *map(len, truths)]), 5), NO_CLASS, np.float32)
    for index, truth in enumerate(truths):
        result[index, : len(truth)] = np.reshape(truth, (-1, 5))
    check_truths(result)
    return result


def check_truths(truths: Array) -> None:
    """Raises: UserError for the first image [m,5] with a box that is none."""
    boxes, is_object = truths[..., :4], truths[..., 4] != NO_CLASS
    is_right = (boxes >= 0).all(-1) & (boxes <= 1).all(-1) & (boxes[..., 2:] > boxes[..., :2]).all(-1)
    wrong = np.argwhere(is_object & ~is_right)
    if len(wrong):
        image, number = wrong[0]
        raise UserError(
            f"image {image} has the box {np.round(boxes[image, number], 4).tolist()}, empty or not in the image",
            hint="boxes are (top, left, bottom, right) from 0 to 1, relative to the image's height and width",
        )
