# SPDX-License-Identifier: Apache-2.0
"""Where the user keeps a data set, and reading its files whole."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sapmcu.errors import UserError
from sapmcu.ir.graph import Array
from sapmcu.quantize.datasets import DATA_VARIABLE, data_roots
from sapmcu.train.data.interpolation import resized_images
from sapmcu.train.data.splits import Part, Split, held_out

VALIDATION_SHARE = 0.1
SPLIT_SEED = 0


def find_directory(dataset: str, directory: str, inner: Sequence[str], files: Sequence[str]) -> Path:
    """The first directory that holds one of `files`: `directory` where it is given, else $SAPMCU_DATA/dataset and
    $SAPMCU_DATA; each as it is and by the names of `inner`, which the archives of the data set have.

    Raises: UserError where there is none.
    """
    roots = [Path(directory)] if directory else data_roots(dataset)
    for root in roots:
        for place in (root, *(root / name for name in inner)):
            if any((place / file).exists() for file in files):
                return place
    raise UserError(
        f"the data set {dataset} is not here: no {' or '.join(files)} in {' or '.join(str(root) for root in roots)}",
        hint=f"unpack it, then name its place: directory in the recipe's [data], or {DATA_VARIABLE}",
    )


def read_file(path: Path) -> bytes:
    """Raises: UserError where it can't be read."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise UserError(f"{path} is missing", hint="unpack the data set again, whole") from None
    except OSError as error:
        raise UserError(f"{path} can't be read: {error.strerror}", hint="check the path") from error


def read_rows(path: Path, row_bytes: int) -> Array:
    """A file of rows of one length: uint8 [n,row_bytes]. Raises: UserError where it doesn't divide so."""
    data = read_file(path)
    if not data or len(data) % row_bytes:
        raise UserError(
            f"{path} has {len(data):,} bytes, which is no whole number of rows of {row_bytes:,}",
            hint="copy or unpack it again; the download may have been cut off",
        )
    return np.frombuffer(data, np.uint8).reshape(-1, row_bytes)


def check_labels(labels: Array, classes: int, path: Path) -> None:
    """Raises: UserError where a label is none of 0..classes-1, or a class has no picture."""
    counts = np.bincount(labels, minlength=classes)
    if len(counts) > classes:
        raise UserError(
            f"{path} holds the class {int(labels.max())}; there are {classes}, from 0",
            hint="copy or unpack the data set again",
        )
    if not counts.all():
        raise UserError(
            f"{path} holds no picture of class {int(counts.argmin())}", hint="copy or unpack the data set again"
        )


def part_of(part: Part, images: Array, labels: Array, size: int) -> Split:
    """A part of what a data set has for training, or its whole test set; resized.

    Of each class, 10 % of the pictures for training are held out for validation, by held_out with seed 0.
    """
    if part is not Part.TEST:
        chosen = held_out(labels, (VALIDATION_SHARE,), SPLIT_SEED)[0 if part is Part.TRAIN else 1]
        images, labels = images[chosen], labels[chosen]
    return Split(resized_images(images, size), labels)
