# SPDX-License-Identifier: Apache-2.0
"""Mean average precision: cases computed by hand, and another way to compute it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from sapmcu.ir.graph import Array
from sapmcu.train.detection.average_precision import average_precision, mean_average_precision
from sapmcu.train.detection.boxes import NO_CLASS

LEFT, RIGHT, MIDDLE = [0.0, 0.0, 1.0, 0.4], [0.0, 0.6, 1.0, 1.0], [0.0, 0.4, 1.0, 0.6]


def found(*rows: tuple[list[float], int, float]) -> Array:
    return np.array([[*box, kind, score] for box, kind, score in rows]).reshape(-1, 6)


def truth(*rows: tuple[list[float], int]) -> Array:
    return np.array([[*box, kind] for box, kind in rows]).reshape(-1, 5)


def test_hit_miss_hit_of_three_objects() -> None:
    """Recall 1/3, 1/3, 2/3 at precision 1, 1/2, 2/3; the third object is never found."""
    truths = [truth((LEFT, 0), (RIGHT, 0)), truth((LEFT, 0))]
    boxes = [found((LEFT, 0, 0.9), (MIDDLE, 0, 0.8)), found((LEFT, 0, 0.7))]
    assert average_precision(boxes, truths, 0) == pytest.approx(1 / 3 + 1 / 3 * 2 / 3)


def test_precision_counts_from_its_best_at_a_higher_recall() -> None:
    """Miss, hit, hit: 1/2 and 2/3 become 2/3 at both recalls."""
    boxes = [found((MIDDLE, 0, 0.9), (LEFT, 0, 0.8), (RIGHT, 0, 0.7))]
    assert average_precision(boxes, [truth((LEFT, 0), (RIGHT, 0))], 0) == pytest.approx(2 / 3)


def test_an_object_found_twice_is_one_hit_and_one_miss() -> None:
    boxes = [found((LEFT, 0, 0.9), (LEFT, 0, 0.8), (RIGHT, 0, 0.7))]
    assert average_precision(boxes, [truth((LEFT, 0), (RIGHT, 0))], 0) == pytest.approx(1 / 2 + 1 / 2 * 2 / 3)


def test_overlap_of_just_one_half_is_enough() -> None:
    half, whole = [0.0, 0.0, 0.5, 0.5], [0.0, 0.0, 1.0, 0.5]
    assert average_precision([found((half, 0, 0.9))], [truth((whole, 0))], 0) == 1
    assert average_precision([found((half, 0, 0.9))], [truth((whole, 0))], 0, iou=0.51) == 0


def test_a_box_of_another_class_or_image_finds_nothing() -> None:
    truths = [truth((LEFT, 0)), truth((RIGHT, 1))]
    assert mean_average_precision([found((LEFT, 1, 0.9)), found((LEFT, 0, 0.9))], truths, 2) == 0


def test_the_mean_is_over_classes_that_occur() -> None:
    truths = [truth((LEFT, 0), (RIGHT, 2), (MIDDLE, NO_CLASS))]
    assert mean_average_precision([found((LEFT, 0, 0.9), (MIDDLE, 1, 0.9))], truths, 4) == pytest.approx(1 / 2)
    assert np.isnan(mean_average_precision([found()], [truth()], 4))


def iou(a: Sequence[float], b: Sequence[float]) -> float:
    height, width = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    both = height * width if height > 0 and width > 0 else 0.0
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)


def other_average_precision(boxes: list[Array], truths: list[Array], kind: int) -> float:
    """For each number of objects found, the best precision at which as many or more are; their mean over objects."""
    rows = sorted(
        ((-row[5], image, row) for image, one in enumerate(boxes) for row in one if row[4] == kind),
        key=lambda item: item[:2],
    )
    objects = sum(row[4] == kind for one in truths for row in one)
    taken: set[tuple[int, int]] = set()
    points: list[tuple[int, float]] = []
    for rank, (_, image, row) in enumerate(rows, 1):
        rivals = [(iou(row, one), -number) for number, one in enumerate(truths[image]) if one[4] == kind]
        overlap, number = max(rivals, default=(0.0, 0))
        if overlap >= 0.5:
            taken.add((image, -number))
        points.append((len(taken), len(taken) / rank))
    best = [max((p for hits, p in points if hits >= wanted), default=0.0) for wanted in range(1, objects + 1)]
    return sum(best) / objects


def test_another_way_to_compute_it_agrees() -> None:
    rng = np.random.default_rng(0)
    seen = []
    for _ in range(60):
        corner = rng.uniform(0, 0.5, (3, 4, 2))
        truths = [
            np.concatenate([one, one + rng.uniform(0.2, 0.5, one.shape), rng.integers(0, 2, (4, 1))], axis=1)
            for one in corner
        ]
        boxes = [
            np.concatenate([np.tile(one[:, :4], (2, 1)) + rng.normal(0, 0.05, (8, 4)), rng.random((8, 2))], axis=1)
            for one in truths
        ]
        for one, other in zip(boxes, truths, strict=True):
            one[:, 4] = np.where(rng.random(8) < 0.8, np.tile(other[:, 4], 2), 1 - np.tile(other[:, 4], 2))
        if any((one[:, 2:4] <= one[:, :2]).any() for one in boxes):
            continue
        for kind in (0, 1):
            if any((one[:, 4] == kind).any() for one in truths):
                seen.append(average_precision(boxes, truths, kind))
                assert seen[-1] == pytest.approx(other_average_precision(boxes, truths, kind)), kind
    assert len(seen) > 80
    assert len({round(value, 6) for value in seen}) > 50
