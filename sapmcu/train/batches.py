# SPDX-License-Identifier: Apache-2.0
"""The batches of an epoch: in an order of its own, moved and mirrored; a function of seed and epoch alone."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sapmcu.ir.graph import Array
from sapmcu.train.data.counter_random import random_order, random_words, stream_key
from sapmcu.train.data.splits import Split
from sapmcu.train.recipe import Augmentation


def count_batches(pictures: int, batch: int) -> int:
    """Of an epoch: pictures that don't fill a batch are left out, another few in each epoch."""
    return max(1, pictures // batch)


def epoch_batches(
    split: Split, batch: int, augmentation: Augmentation, *, seed: int, epoch: int
) -> Iterator[tuple[Array, Array]]:
    """Images uint8 [batch,H,W,C] and labels int64 [batch]. A split smaller than a batch is one batch."""
    order = random_order(stream_key((seed, epoch, 0)), len(split))
    words = random_words(stream_key((seed, epoch, 1)), np.arange(len(split))) >> np.uint64(16)
    for number in range(count_batches(len(split), batch)):
        chosen = order[number * batch : (number + 1) * batch]
        images = split.images[chosen]
        yield augmented(images, words[number * batch :][: len(chosen)], augmentation), split.labels[chosen]


def augmented(images: Array, words: Array, augmentation: Augmentation) -> Array:
    """Each picture moved by -shift..shift pixels on both axes and, one of two, mirrored. words: uint64 [n], random."""
    if not augmentation.shift and not augmentation.flip:
        return images
    count, height, width, _ = images.shape
    span = np.uint64(2 * augmentation.shift + 1)
    down, right = ((part % span).astype(np.int64) - augmentation.shift for part in (words, words // span))
    rows = np.clip(np.arange(height) - down[:, None], 0, height - 1)
    columns = np.clip(np.arange(width) - right[:, None], 0, width - 1)
    if augmentation.flip:
        is_mirrored = (words >> np.uint64(40)) & np.uint64(1) == 1
        columns = np.where(is_mirrored[:, None], columns[:, ::-1], columns)
    return np.asarray(images[np.arange(count)[:, None, None], rows[:, :, None], columns[:, None, :]])
