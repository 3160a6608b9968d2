# SPDX-License-Identifier: Apache-2.0
"""Samples from a directory of pictures, flat or with one folder per class."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from sapmcu.errors import ToolError, UserError
from sapmcu.ir.graph import Array

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".ppm", ".pgm", ".webp", ".tif", ".tiff"})
MODES = {1: "L", 3: "RGB"}
"""Pillow's name for pictures by the number of channels."""


def load_images(directory: Path, shape: tuple[int, ...], limit: int) -> tuple[Array, Array | None, str]:
    """Up to `limit` pictures as uint8 [n,H,W,C], their classes where they lie in folders, and a line on their origin.

    Each is resized to (H, W) whole, bilinear, without keeping its aspect. Classes are numbered by the sorted names of
    the folders; as many are taken of each as there are.
    """
    if len(shape) != 3 or shape[2] not in MODES:
        raise UserError(
            f"a directory of images needs a model with an input of H×W×1 or H×W×3; this one has {list(shape)}",
            hint="give the samples as .npy or .npz",
        )
    folders = sorted(entry for entry in directory.iterdir() if entry.is_dir() and _pictures(entry))
    chosen: Sequence[tuple[Path, int]]
    if folders:
        per_class = [[(picture, index) for picture in _spread(folder)] for index, folder in enumerate(folders)]
        turns = chain.from_iterable(zip_longest(*per_class))
        chosen = [one for one in turns if one is not None][:limit]
    else:
        chosen = [(picture, -1) for picture in _spread(directory)[:limit]]
    if not chosen:
        raise UserError(
            f"{directory} holds no pictures", hint=f"sapmcu reads {' '.join(sorted(SUFFIXES))}, one folder deep"
        )
    pixels = np.stack([read_image(path, shape) for path, _ in chosen])
    labels = np.array([label for _, label in chosen], np.int64) if folders else None
    total = sum(len(_pictures(folder)) for folder in folders or [directory])
    origin = f"{len(chosen):,} of the {total:,} pictures in {directory.name or directory}"
    return pixels, labels, origin + (f", {len(folders)} classes" if folders else "")


def read_image(path: Path, shape: tuple[int, ...]) -> Array:
    """One picture as uint8 [H,W,C], turned as its EXIF data say."""
    pillow, operations = _pillow()
    height, width, channels = shape
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pillow.DecompressionBombWarning)
            with pillow.open(path) as opened:
                picture = operations.exif_transpose(opened).convert(MODES[channels])
    except (OSError, ValueError, SyntaxError, pillow.DecompressionBombError, pillow.DecompressionBombWarning) as error:
        raise UserError(
            f"{path} is not a picture that can be read", hint="remove or replace it", details=(str(error),)
        ) from error
    resized = picture.resize((width, height), pillow.Resampling.BILINEAR)
    return np.asarray(resized, np.uint8).reshape(shape)


def _pictures(directory: Path) -> list[Path]:
    return sorted(path for path in directory.iterdir() if path.suffix.lower() in SUFFIXES and path.is_file())


def _spread(directory: Path) -> list[Path]:
    """The pictures in an order that mixes a film's neighbours, the same each time."""
    pictures = _pictures(directory)
    return [pictures[index] for index in np.random.default_rng(0).permutation(len(pictures))]


def _pillow() -> tuple[Any, Any]:
    try:
        from PIL import Image, ImageOps
    except ImportError:
        raise ToolError(
            "reading pictures needs Pillow, which is not installed", hint="pip install 'sapmcu[images]'"
        ) from None
    return Image, ImageOps
