# SPDX-License-Identifier: Apache-2.0
"""Boxes, anchors, which anchor finds what, and the way from a detector's outputs back to boxes."""

from __future__ import annotations

import numpy as np
import pytest

from sapmcu.errors import UserError
from sapmcu.ir.detection import DecoderOptions
from sapmcu.ir.graph import Array
from sapmcu.train.detection.anchors import AnchorShape, anchor_table, match, targets
from sapmcu.train.detection.boxes import (
    NO_CLASS,
    decode,
    encode,
    pairwise_iou,
    stacked_truths,
    to_corners,
    truths_of_one_object,
)
from sapmcu.train.detection.decoder import find_boxes

SQUARES = anchor_table([(2, 2)], [[AnchorShape(0.5)]])
"""One in each quarter of the image."""
QUARTERS = to_corners(SQUARES)
EMPTY = [0, 0, 0, 0, NO_CLASS]


def truth(*rows: list[float]) -> Array:
    return np.array(rows, np.float32)


def test_overlaps_by_hand() -> None:
    one = np.array([[0.0, 0.0, 0.4, 0.4], [0.2, 0.2, 0.2, 0.2]])
    other = np.array([[0.0, 0.2, 0.4, 0.6], [0.5, 0.5, 0.6, 0.6], [0.0, 0.0, 0.4, 0.4], [0.2, 0.2, 0.2, 0.2]])
    np.testing.assert_allclose(pairwise_iou(one, other), [[1 / 3, 0, 1, 0], [0, 0, 0, 0]])


def test_an_anchor_s_own_box_has_the_code_0() -> None:
    np.testing.assert_allclose(encode(QUARTERS, SQUARES), np.zeros((4, 4)), atol=1e-6)


def test_codes_by_hand() -> None:
    """Moved down by half of its height and right by a tenth of its width; twice as high, half as wide."""
    anchor = np.array([0.5, 0.5, 0.2, 0.4])
    box = np.array([0.6 - 0.2, 0.54 - 0.1, 0.6 + 0.2, 0.54 + 0.1])
    np.testing.assert_allclose(encode(box, anchor), [5, 1, np.log(2) / 0.2, -np.log(2) / 0.2])


def test_decoding_undoes_encoding() -> None:
    rng = np.random.default_rng(0)
    corner, size = rng.uniform(0, 0.5, (50, 2)), rng.uniform(0.01, 0.5, (50, 2))
    boxes, anchors = np.concatenate([corner, corner + size], axis=1), rng.uniform(0.1, 0.9, (50, 4))
    np.testing.assert_allclose(decode(encode(boxes, anchors), anchors), boxes, atol=1e-12)


def test_anchors_by_hand() -> None:
    table = anchor_table([(1, 2), (1, 1)], [[AnchorShape(0.2), AnchorShape(0.2, 4.0)], [AnchorShape(0.5)]])
    expected = [
        *([0.5, 0.25, 0.2, 0.2], [0.5, 0.25, 0.4, 0.1]),
        *([0.5, 0.75, 0.2, 0.2], [0.5, 0.75, 0.4, 0.1]),
        [0.5, 0.5, 0.5, 0.5],
    ]
    np.testing.assert_allclose(table, expected, rtol=1e-6)


def test_an_object_gets_the_anchors_that_overlap_it_enough() -> None:
    """Two anchors of one place with overlaps of 1 and 0.64 find it, 0.4225 does as it likes, 0.25 finds nothing."""
    sizes = [1.0, 0.8, 0.65, 0.5]
    anchors = np.array([[0.5, 0.5, size, size] for size in sizes])
    assert match(anchors, truth([0, 0, 1, 1, 3])).tolist() == [0, 0, -2, -1]


def test_an_object_gets_its_best_anchor_however_small_the_overlap() -> None:
    small = [0.6, 0.1, 0.65, 0.15, 0]
    assert match(SQUARES, truth(small)).tolist() == [-1, -1, 0, -1]


def test_objects_with_one_best_anchor_get_two() -> None:
    one, other = [0.1, 0.1, 0.3, 0.3, 0], [0.1, 0.1, 0.35, 0.35, 1]
    found = match(SQUARES, truth(one, other)).tolist()
    assert found[0] == 1
    assert sorted(found) == [-1, -1, 0, 1]


def test_rows_without_a_class_are_no_objects() -> None:
    assert match(SQUARES, truth(EMPTY, EMPTY)).tolist() == [-1] * 4
    assert match(SQUARES, truth(EMPTY, [*QUARTERS[1], 2])).tolist() == [-1, 1, -1, -1]


def test_targets_hold_class_code_and_what_does_not_count() -> None:
    anchors = np.array([[0.5, 0.5, size, size] for size in (1.0, 0.65, 0.5)])
    codes, scores = targets(anchors, np.stack([truth([0, 0, 1, 1, 2]), truth(EMPTY)]), 3)
    assert scores.tolist() == [[[0, 0, 1], [-1, -1, -1], [0, 0, 0]], [[0, 0, 0]] * 3]
    assert codes[..., 4].tolist() == [[1, 0, 0], [0, 0, 0]]
    np.testing.assert_allclose(codes[..., :4], 0)


def test_decoded_targets_are_the_truths() -> None:
    anchors = anchor_table([(6, 6)], [[AnchorShape(0.2), AnchorShape(0.4)]])
    truths = truth([0.1, 0.2, 0.4, 0.5, 1], [0.5, 0.5, 0.7, 0.9, 0])
    codes, scores = targets(anchors, truths[None], 2)
    found = find_boxes(codes[0, :, :4], 20 * np.maximum(scores[0], 0) - 10, anchors, DecoderOptions())
    assert found[:, 4].tolist() in ([1, 0], [0, 1])
    np.testing.assert_allclose(found[np.argsort(-found[:, 4]), :5], truths, atol=1e-6)


def test_boxes_are_sorted_suppressed_and_limited() -> None:
    """The same box four times: class 1 twice, so the better one stays; class 0 is another; the last scores too low."""
    anchors = np.array([[0.5, 0.5, 0.5, 0.5]] * 4)
    scores = np.array([[-9.0, 1.0], [-9.0, 2.0], [0.5, -9.0], [-1.0, -9.0]])
    found = find_boxes(np.zeros((4, 4)), scores, anchors, DecoderOptions(0.5, 0.45, 10))
    np.testing.assert_allclose(found[:, :4], [[0.25, 0.25, 0.75, 0.75]] * 2)
    assert found[:, 4].tolist() == [1, 0]
    np.testing.assert_allclose(found[:, 5], 1 / (1 + np.exp([-2.0, -0.5])))
    assert len(find_boxes(np.zeros((4, 4)), scores, anchors, DecoderOptions(0.5, 0.45, 2))) == 1


def test_boxes_end_at_the_image_s_border() -> None:
    found = find_boxes(np.zeros((1, 4)), np.ones((1, 1)), np.array([[0.1, 0.9, 0.4, 0.4]]), DecoderOptions())
    np.testing.assert_allclose(found[0, :4], [0, 0.7, 0.3, 1])


def test_no_box_is_an_empty_array() -> None:
    assert find_boxes(np.zeros((2, 4)), np.full((2, 3), -900.0), SQUARES[:2], DecoderOptions()).shape == (0, 6)


def test_pixels_become_shares_of_the_image() -> None:
    truths = truths_of_one_object(np.array([[12, 24, 48, 96]], np.float32), np.array([7]), 48, 96)
    assert truths.tolist() == [[[0.25, 0.25, 1, 1, 7]]]


def test_images_with_fewer_objects_are_filled_up() -> None:
    truths = stacked_truths([truth([0, 0, 1, 1, 2]), np.zeros((0, 5)), truth([0, 0, 1, 1, 0], [0, 0, 0.5, 0.5, 1])])
    assert truths.shape == (3, 2, 5)
    assert truths[..., 4].tolist() == [[2, NO_CLASS], [NO_CLASS, NO_CLASS], [0, 1]]


@pytest.mark.parametrize("box", [[0.5, 0, 0.5, 1], [0, 0, 1.1, 1], [-0.1, 0, 1, 1], [0.4, 0.6, 0.9, 0.5]])
def test_an_impossible_box_is_named(box: list[float]) -> None:
    with pytest.raises(UserError, match=r"image 1 has the box \[.*\], empty or not in the image"):
        stacked_truths([truth([0, 0, 1, 1, 0]), truth([*box, 0])])
