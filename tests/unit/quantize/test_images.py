# SPDX-License-Identifier: Apache-2.0
"""Samples from directories of pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sapmcu.errors import UserError
from sapmcu.quantize.images import load_images, read_image

pytestmark = pytest.mark.needs("PIL")


def save(path: Path, pixels: np.ndarray, **options: object) -> Path:
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)
    return path


def plain(value: int, height: int = 6, width: int = 4) -> np.ndarray:
    return np.full((height, width, 3), value, np.uint8)


def test_folders_are_classes_in_order_of_their_names(tmp_path: Path) -> None:
    for name, value, count in (("cat", 10, 3), ("ant", 200, 2), ("bee", 90, 1)):
        for index in range(count):
            save(tmp_path / name / f"{index}.png", plain(value))
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("no picture")
    pixels, labels, origin = load_images(tmp_path, (6, 4, 3), limit=5)
    assert pixels.shape == (5, 6, 4, 3)
    assert labels is not None
    assert labels.tolist() == [0, 1, 2, 0, 2]  # by turns: a limit cuts all classes alike
    assert pixels[:, 0, 0, 0].tolist() == [200, 90, 10, 200, 10]
    assert origin == f"5 of the 6 pictures in {tmp_path.name}, 3 classes"


def test_flat_directory_has_no_labels(tmp_path: Path) -> None:
    for index in range(4):
        save(tmp_path / f"{index}.png", plain(index))
    pixels, labels, _ = load_images(tmp_path, (6, 4, 1), limit=10)
    assert labels is None
    assert sorted(pixels[:, 0, 0, 0].tolist()) == [0, 1, 2, 3]
    again, _, _ = load_images(tmp_path, (6, 4, 1), limit=10)
    np.testing.assert_array_equal(again, pixels)


def test_pictures_are_resized_whole_and_turned(tmp_path: Path) -> None:
    from PIL import Image

    picture = np.zeros((20, 40, 3), np.uint8)
    picture[:, 20:] = 250
    exif = Image.Exif()
    exif[0x0112] = 3  # orientation: by 180 degrees
    upright = read_image(save(tmp_path / "a.png", picture), (4, 4, 1))
    turned = read_image(save(tmp_path / "b.png", picture, exif=exif), (4, 4, 1))
    assert upright[0, :, 0].tolist() == turned[0, ::-1, 0].tolist()
    assert upright[0, 0, 0] < 5
    assert upright[0, 3, 0] > 245


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n broken", b"plain text"])
def test_broken_picture_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.png").write_bytes(content)
    with pytest.raises(UserError, match=r"bad\.png is not a picture"):
        load_images(tmp_path, (4, 4, 3), 10)


def test_decompression_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from PIL import Image

    path = save(tmp_path / "large.png", plain(0, 40, 40))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(UserError, match=r"large\.png is not a picture"):
        read_image(path, (4, 4, 3))


def test_directory_without_pictures_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no pictures"):
        load_images(tmp_path, (4, 4, 3), 10)


@pytest.mark.parametrize("shape", [(10,), (4, 4, 2), (4, 4)])
def test_model_must_take_pictures(tmp_path: Path, shape: tuple[int, ...]) -> None:
    with pytest.raises(UserError, match="needs a model with an input of"):
        load_images(tmp_path, shape, 10)
