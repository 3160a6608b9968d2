# SPDX-License-Identifier: Apache-2.0
"""fashion-scenes: what a scene shows, that it is the same each time, and that parts share no item."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from data_files import write_fashion

from sapmcu.errors import UserError
from sapmcu.quantize.datasets import DATA_VARIABLE, load_fashion_mnist
from sapmcu.train.data import load_splits
from sapmcu.train.data.counter_random import random_words
from sapmcu.train.data.scenes import (
    ITEM,
    OPAQUE,
    Style,
    draw_layout,
    half_windows,
    make_scenes,
    picture_boxes,
)

SIZES = (96, 128, 224)


@pytest.fixture(scope="module")
def items() -> tuple[np.ndarray, np.ndarray]:
    """400 made-up items, each with a bright frame, two pixels wide; two classes by the frame's grey."""
    words = random_words(1, np.arange(400 * ITEM * ITEM)).reshape(400, ITEM, ITEM)
    pictures = (60 + words % np.uint64(100)).astype(np.uint8)
    labels = np.arange(400) % 2
    for edge in (np.s_[:, :2], np.s_[:, -2:], np.s_[:, :, :2], np.s_[:, :, -2:]):
        pictures[edge] = np.where(labels == 1, 255, 160)[:, None, None]
    return pictures, labels.astype(np.int64)


@pytest.mark.parametrize("size", SIZES)
def test_scene_depends_on_its_number_alone(items: tuple[np.ndarray, np.ndarray], size: int) -> None:
    """Not on how many scenes are made, nor on the blocks they are made in."""
    many, few = make_scenes(*items, 70, size, seed=3, part=1), make_scenes(*items, 3, size, seed=3, part=1)
    np.testing.assert_array_equal(many.images[:3], few.images)
    np.testing.assert_array_equal(many.boxes[:3], few.boxes)
    assert many.labels[:3].tolist() == few.labels.tolist()


def test_seed_and_part_change_all(items: tuple[np.ndarray, np.ndarray]) -> None:
    first = make_scenes(*items, 4, 96, seed=0, part=0).images
    for seed, part in ((1, 0), (0, 1)):
        other = make_scenes(*items, 4, 96, seed=seed, part=part).images
        assert (first != other).mean() > 0.9


def test_bytes_are_these(items: tuple[np.ndarray, np.ndarray]) -> None:
    """On every machine and with every version of NumPy; a change here changes all results on fashion-scenes."""
    digest = hashlib.sha256()
    for size in SIZES:
        scenes = make_scenes(*items, 20, size, seed=0, part=0)
        for array in (scenes.images, scenes.labels.astype("<i8"), scenes.boxes.astype("<f4")):
            digest.update(array.tobytes())
    assert digest.hexdigest() == "472f1eb76c409e08e3c3909d4c873f79ec276e4e306253dc385c8af00343160e"


@pytest.mark.parametrize("size", SIZES)
def test_box_holds_the_target(items: tuple[np.ndarray, np.ndarray], size: int) -> None:
    """The made-up items have a frame, all of one colour: the box's edges lie on it."""
    scenes = make_scenes(*items, 60, size, seed=0, part=0)
    for image, (top, left, bottom, right) in zip(scenes.images, scenes.boxes.astype(int), strict=True):
        assert 0 <= top < bottom <= size
        assert 0 <= left < right <= size
        assert 24 <= bottom - top <= 0.51 * size
        assert 28 <= right - left <= 0.45 * size
        frame = image[top:bottom, left:right].astype(int)
        for edge in (frame[0], frame[-1], frame[:, 0], frame[:, -1]):
            assert np.ptp(edge, axis=0).max() <= 32 + 4  # noise of ±16


def test_classes_and_sizes_are_spread(items: tuple[np.ndarray, np.ndarray]) -> None:
    scenes = make_scenes(*items, 600, 96, seed=0, part=0)
    assert scenes.labels.mean() == pytest.approx(0.5, abs=0.1)
    width = scenes.boxes[:, 3] - scenes.boxes[:, 1]
    assert set(np.unique(width)) >= {float(side) for side in range(28, 41)}
    centre = (scenes.boxes[:, :2] + scenes.boxes[:, 2:]) / 2
    np.testing.assert_allclose(centre.mean(axis=0), 48, atol=3)


@pytest.mark.parametrize("size", SIZES)
def test_only_the_target_is_whole(items: tuple[np.ndarray, np.ndarray], size: int) -> None:
    extents = picture_boxes(items[0])
    layout = draw_layout(5, np.arange(300, dtype=np.uint64), extents, size)
    assert (layout.window[:, -1] == (0, 0, ITEM, ITEM)).all()
    window = layout.window[:, :-1]
    shown = (window[..., 2:] - window[..., :2]) / ITEM
    assert shown.min() > 0
    assert shown.prod(axis=-1).max() <= 0.51
    assert layout.is_present[:, -1].all()
    counts = layout.is_present[:, :-1].sum(axis=1)
    most = size * size // 1150
    assert (counts.min(), counts.max()) == (most // 2, most)


def test_style_sets_sizes_and_distractors(items: tuple[np.ndarray, np.ndarray]) -> None:
    style = Style(smallest=48, largest=80, distractors=50)
    layout = draw_layout(5, np.arange(300, dtype=np.uint64), picture_boxes(items[0]), 96, style)
    width = layout.place[:, -1, 3]
    assert (width.min(), width.max()) == (48, 80)
    counts = layout.is_present[:, :-1].sum(axis=1)
    assert (counts.min(), counts.max()) == (2, 4)  # of 4..8
    scenes = make_scenes(*items, 4, 96, seed=0, part=0, style=style)
    assert (scenes.boxes[:, 2:] - scenes.boxes[:, :2] >= 42).all()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"smallest": 60}, "a smallest item of 60 pixels and a largest of 43"),
        ({"largest": 90}, "an item of 90 pixels, up to 101 high, doesn't fit"),
    ],
)
def test_style_that_cannot_be_gets_a_sentence(options: dict[str, int], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence) as caught:
        load_splits("fashion-scenes", **options)
    assert "largest" in str(caught.value.hint)


def test_half_is_measured_on_the_item() -> None:
    """A shoe that fills 10 of the 28 rows is cut through its middle, not through the black above it."""
    extent = np.tile([12, 2, 22, 26], (4, 1))
    windows = half_windows(extent, np.arange(4), np.full(4, 3))
    assert windows.tolist() == [[12, 2, 17, 26], [12, 2, 22, 14], [17, 2, 22, 26], [12, 14, 22, 26]]


def test_picture_box_is_tight() -> None:
    picture = np.zeros((2, ITEM, ITEM), np.uint8)
    picture[0, 3:9, 5:20] = OPAQUE
    picture[1, 27, 0] = 255
    assert picture_boxes(picture).tolist() == [[3, 5, 9, 20], [27, 0, 28, 1]]


def test_parts_share_no_item(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each part shows pictures of the same part of Fashion-MNIST only; here they are known by their labels."""
    write_fashion(tmp_path / "fashion-mnist", train=5010, test=8)
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path))
    splits = load_splits("fashion-scenes", train=3, validation=3, test=3)
    assert splits.train.images.shape == (3, 96, 96, 3)
    labels = [part.labels.tolist() for part in (splits.train, splits.validation, splits.test)]
    assert labels == [[0, 0, 0], [1, 1, 1], [2, 2, 2]]


def test_real_items_make_these_scenes() -> None:
    data = load_fashion_mnist("test")
    scenes = make_scenes(data.images[..., 0], data.labels, 16, 96, seed=0, part=2)
    assert (
        hashlib.sha256(scenes.images.tobytes()).hexdigest()
        == "fcb762f64dda94cdac8619bb742164b38245db2d5712036ce6bf99b89ad9225e"
    )
