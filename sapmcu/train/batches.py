# SPDX-License-Identifier: Apache-2.0
"""The batches of an epoch: in an order of its own, moved and mirrored; a function of seed and epoch alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from sapmcu.ir.graph import Array
from sapmcu.train.data.counter_random import random_order, random_words, stream_key
from sapmcu.train.data.splits import Split
from sapmcu.train.detection.boxes import areas
from sapmcu.train.recipe import Augmentation

MIN_VISIBLE = 0.5
"""Share of a box that has to stay in the picture: halves of items are what fashion-scenes has as distractors."""


def count_batches(pictures: int, batch: int) -> int:
    """Of an epoch: pictures that don't fill a batch are left out, another few in each epoch."""
    return max(1, pictures // batch)


def epoch_batches(split: Split, batch: int, augmentation: Augmentation, *, seed: int, epoch: int) -> Iterator[Split]:
    """Parts of `batch` pictures. A split smaller than a batch is one batch."""
    order = random_order(stream_key((seed, epoch, 0)), len(split))
    words = random_words(stream_key((seed, epoch, 1)), np.arange(len(split))) >> np.uint64(16)
    for number in range(count_batches(len(split), batch)):
        part = split.part(order[number * batch : (number + 1) * batch])
        yield augmented(part, words[number * batch :][: len(part)], augmentation)


def augmented(part: Split, words: Array, augmentation: Augmentation) -> Split:
    """Each picture with its box moved by -shift..shift pixels on both axes and, one of two, mirrored.

    words: uint64 [n], random.
    """
    if not augmentation.shift and not augmentation.flip:
        return part
    span = np.uint64(2 * augmentation.shift + 1)
    down, right = ((word % span).astype(np.int64) - augmentation.shift for word in (words, words // span))
    is_mirrored = (words >> np.uint64(40)) & np.uint64(1) == 1 if augmentation.flip else np.zeros(len(words), bool)
    moves, (height, width) = Moves(down, right, is_mirrored), part.images.shape[1:3]
    boxes = None if part.boxes is None else move_boxes(part.boxes, moves, (height, width))
    return Split(move_images(part.images, moves), part.labels, boxes)


@dataclass(frozen=True)
class Moves:
    """What happens to each picture: int64 [n] pixels down and to the right, then, bool [n], whether it is mirrored."""

    down: Array
    right: Array
    is_mirrored: Array


def move_images(images: Array, moves: Moves) -> Array:
    """Pictures [n,H,W,C]; their edge is repeated."""
    count, height, width, _ = images.shape
    rows = np.clip(np.arange(height) - moves.down[:, None], 0, height - 1)
    columns = np.clip(np.arange(width) - moves.right[:, None], 0, width - 1)
    if moves.is_mirrored.any():
        columns = np.where(moves.is_mirrored[:, None], columns[:, ::-1], columns)
    return np.asarray(images[np.arange(count)[:, None, None], rows[:, :, None], columns[:, None, :]])


def move_boxes(boxes: Array, moves: Moves, size: tuple[int, int]) -> Array:
    """The boxes [n,4] of what moved: (top, left, bottom, right) in pixels of pictures of `size`, height and width.

    They end at the picture's border. A box that touched it grows with the edge that is repeated. One of which less
    than MIN_VISIBLE is left is empty, all 0: there is no object any more.
    """
    limits = np.array([*size, *size], boxes.dtype)
    shift = np.stack([moves.down, moves.right] * 2, axis=-1).astype(boxes.dtype)
    moved = np.clip(boxes + shift, 0, limits)
    is_visible = areas(moved) >= np.maximum(MIN_VISIBLE * areas(boxes), np.finfo(boxes.dtype).tiny)
    moved = np.where((boxes <= 0) | (boxes >= limits), boxes, moved)
    mirrored = np.stack([moved[:, 0], size[1] - moved[:, 3], moved[:, 2], size[1] - moved[:, 1]], axis=-1)
    moved = np.where(moves.is_mirrored[:, None], mirrored, moved)
    return np.asarray(np.where(is_visible[:, None], moved, 0), boxes.dtype)
