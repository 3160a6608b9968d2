# SPDX-License-Identifier: Apache-2.0
"""The batches of an epoch."""

from __future__ import annotations

import numpy as np

from sapmcu.train.batches import augmented, count_batches, epoch_batches
from sapmcu.train.data import Split
from sapmcu.train.data.counter_random import random_words
from sapmcu.train.recipe import Augmentation


def numbered(count: int) -> Split:
    """Picture i is i everywhere, and its class is i."""
    labels = np.arange(count)
    return Split(np.tile(labels.astype(np.uint8)[:, None, None, None], (1, 4, 5, 2)), labels.astype(np.int64))


def labels_of(seed: int, epoch: int, count: int = 20, batch: int = 6) -> list[list[int]]:
    batches = epoch_batches(numbered(count), batch, Augmentation(2, True), seed=seed, epoch=epoch)
    found = []
    for images, labels in batches:
        np.testing.assert_array_equal(images[:, 0, 0, 0], labels)
        found.append(labels.tolist())
    return found


def test_batches_are_whole_and_hold_each_picture_once() -> None:
    batches = labels_of(1, 1)
    assert [len(one) for one in batches] == [6, 6, 6]
    assert len({label for one in batches for label in one}) == 18
    assert len(labels_of(1, 1, count=4)[0]) == 4
    assert (count_batches(20, 6), count_batches(4, 6)) == (3, 1)


def test_order_follows_from_seed_and_epoch() -> None:
    assert labels_of(1, 1) == labels_of(1, 1)
    assert labels_of(1, 1) != labels_of(1, 2)
    assert labels_of(1, 1) != labels_of(2, 1)


def test_pictures_are_moved_and_mirrored_with_their_edge_repeated() -> None:
    image = np.arange(20, dtype=np.uint8).reshape(1, 4, 5, 1)
    count = 400
    moved = augmented(np.tile(image, (count, 1, 1, 1)), random_words(3, np.arange(count)), Augmentation(1, True))
    rows = [np.clip(np.arange(4) + down, 0, 3) for down in (-1, 0, 1)]
    columns = [np.clip(np.arange(5) + right, 0, 4) for right in (-1, 0, 1)]
    columns += [one[::-1] for one in columns]
    expected = {image[0, row][:, column].tobytes() for row in rows for column in columns}
    assert {one.tobytes() for one in moved} == expected
    assert len(expected) == 18


def test_without_augmentation_nothing_changes() -> None:
    images = numbered(3).images
    assert augmented(images, random_words(3, np.arange(3)), Augmentation()) is images
