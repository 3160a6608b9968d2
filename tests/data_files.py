# SPDX-License-Identifier: Apache-2.0
"""Tiny data sets, written as their authors' archives unpack."""

from __future__ import annotations

import gzip
import json
import pickle
import struct
from pathlib import Path
from typing import Any

import numpy as np


def write_idx(path: Path, array: np.ndarray[Any, Any]) -> bytes:
    """A gzipped IDX file of unsigned bytes."""
    data = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()
    path.write_bytes(gzip.compress(data, 1))
    return path.read_bytes()


def write_fashion(directory: Path, train: int, test: int) -> None:
    """Fashion-MNIST whose pictures are white but for their labels: 0 (train), 1 (the last 5,000), 2 (test)."""
    directory.mkdir(exist_ok=True)
    for prefix, count in (("train", train), ("t10k", test)):
        labels = np.full(count, 2 if prefix == "t10k" else 0, np.uint8)
        if prefix == "train":
            labels[-5000:] = 1
        write_idx(directory / f"{prefix}-images-idx3-ubyte.gz", np.full((count, 28, 28), 255, np.uint8))
        write_idx(directory / f"{prefix}-labels-idx1-ubyte.gz", labels)


def cifar_batch(first: int, per_class: int = 4) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Planes uint8 [n,3072] and labels; pixel (y, x) of plane c is first + label + 2y + 3x + 50c."""
    labels = np.repeat(np.arange(10), per_class)
    y, x = np.mgrid[:32, :32]
    plane = 2 * y + 3 * x + 50 * np.arange(3)[:, None, None]
    return ((first + labels[:, None, None, None] + plane) % 256).astype(np.uint8).reshape(len(labels), -1), labels


def write_cifar(directory: Path, *, is_binary: bool) -> None:
    directory.mkdir(exist_ok=True)
    for number, name in enumerate([*(f"data_batch_{batch}" for batch in range(1, 6)), "test_batch"]):
        planes, labels = cifar_batch(number)
        if is_binary:
            rows = np.concatenate([labels[:, None].astype(np.uint8), planes], axis=1)
            (directory / f"{name}.bin").write_bytes(rows.tobytes())
        else:
            (directory / name).write_bytes(pickle.dumps({b"data": planes, b"labels": labels.tolist()}, protocol=2))


def write_stl(directory: Path) -> None:
    """Pictures of 96×96 that are black but for one white pixel at row 5, column 70."""
    directory.mkdir(exist_ok=True)
    images = np.zeros((20, 3, 96, 96), np.uint8)
    images[:, :, 70, 5] = 255  # the file has columns before rows
    for prefix in ("train", "test"):
        (directory / f"{prefix}_X.bin").write_bytes(images.tobytes())
        (directory / f"{prefix}_y.bin").write_bytes(bytes([*range(1, 11)] * 2))


def write_picture(path: Path, value: int, size: int = 6) -> Path:
    """A grey PNG of one value."""
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((size, size, 3), value, np.uint8)).save(path)
    return path


def write_folders(directory: Path, classes: dict[str, int], value: int = 0) -> None:
    """Class folders with so many pictures; each of its own value."""
    for name, count in classes.items():
        for index in range(count):
            write_picture(directory / name / f"{index:02}.png", value)
            value += 1


def write_coco(directory: Path, boxes: list[list[float]]) -> None:
    """A 20×20 picture with a person's box for each of `boxes`, with none where it is empty; and a dog in all."""
    images = [{"id": n, "file_name": f"{n:03}.png", "width": 20, "height": 20} for n in range(len(boxes))]
    persons = [{"image_id": n, "category_id": 1, "bbox": box} for n, box in enumerate(boxes) if box]
    dogs = [{"image_id": n, "category_id": 18, "bbox": [0, 0, 20, 20]} for n in range(len(boxes))]
    categories = [{"id": 1, "name": "person"}, {"id": 18, "name": "dog"}]
    (directory / "annotations").mkdir(parents=True)
    (directory / "annotations" / "instances_val2014.json").write_text(
        json.dumps({"images": images, "annotations": persons + dogs, "categories": categories})
    )
    for n in range(len(boxes)):
        write_picture(directory / "val2014" / f"{n:03}.png", 10 * bool(boxes[n]), 20)
