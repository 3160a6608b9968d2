# SPDX-License-Identifier: Apache-2.0
"""The batches of an epoch."""

from __future__ import annotations

import numpy as np

from sapmcu.ir.graph import Array
from sapmcu.train.batches import Moves, augmented, count_batches, epoch_batches, move_boxes
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
    for part in batches:
        np.testing.assert_array_equal(part.images[:, 0, 0, 0], part.labels)
        found.append(part.labels.tolist())
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
    part = Split(np.tile(image, (count, 1, 1, 1)), np.zeros(count, np.int64))
    moved = augmented(part, random_words(3, np.arange(count)), Augmentation(1, True)).images
    rows = [np.clip(np.arange(4) + down, 0, 3) for down in (-1, 0, 1)]
    columns = [np.clip(np.arange(5) + right, 0, 4) for right in (-1, 0, 1)]
    columns += [one[::-1] for one in columns]
    expected = {image[0, row][:, column].tobytes() for row in rows for column in columns}
    assert {one.tobytes() for one in moved} == expected
    assert len(expected) == 18


def test_without_augmentation_nothing_changes() -> None:
    part = numbered(3)
    assert augmented(part, random_words(3, np.arange(3)), Augmentation()) is part


def test_boxes_go_with_their_pictures() -> None:
    """A batch has the pictures' own boxes, however they are shuffled, moved and mirrored."""
    split = rectangles_on_black(40)
    for part in epoch_batches(split, 8, Augmentation(2, True), seed=3, epoch=1):
        assert part.boxes is not None
        np.testing.assert_array_equal(part.boxes, [box_around(image) for image in part.images])
    assert part.labels.tolist() != split.labels[-8:].tolist()


def rectangles_on_black(count: int) -> Split:
    """8×12 pixels; what is moved by two pixels stays more than half."""
    rng = np.random.default_rng(0)
    images, boxes = np.zeros((count, 8, 12, 1), np.uint8), np.zeros((count, 4), np.float32)
    for image, box in zip(images, boxes, strict=True):
        size = rng.integers(5, 8, 2)
        corner = rng.integers(0, [8, 12] - size + 1)
        box[:] = [*corner, *(corner + size)]
        image[corner[0] : corner[0] + size[0], corner[1] : corner[1] + size[1]] = 255
    return Split(images, np.arange(count), boxes)


def box_around(image: Array) -> list[int]:
    rows, columns = (np.flatnonzero(image[..., 0].any(axis=axis)) for axis in (1, 0))
    return [rows[0], columns[0], rows[-1] + 1, columns[-1] + 1]


def test_a_box_of_which_less_than_half_is_left_is_none() -> None:
    """4×4 in a corner of 8×8, moved out by 1, 2 and 3 pixels of one axis, or by 1 of both and 2 of both."""
    boxes = np.tile(np.array([0, 4, 4, 8], np.float32), (5, 1))
    moves = Moves(np.array([-1, -2, -3, -1, -2]), np.array([0, 0, 0, 1, 2]), np.zeros(5, bool))
    expected = [[0, 4, 3, 8], [0, 4, 2, 8], [0, 0, 0, 0], [0, 5, 3, 8], [0, 0, 0, 0]]
    np.testing.assert_array_equal(move_boxes(boxes, moves, (8, 8)), expected)


def test_what_has_no_box_gets_none() -> None:
    empty = np.zeros((1, 4), np.float32)
    assert move_boxes(empty, Moves(np.array([3]), np.array([3]), np.array([True])), (8, 8)).tolist() == [[0] * 4]
