# SPDX-License-Identifier: Apache-2.0
"""STL-10 from its binary version. Source: Coates, Lee, Ng, "An analysis of single-layer networks in unsupervised
feature learning", AISTATS 2011, and the data set's page: columns come before rows, labels count from 1."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sapmcu.errors import UserError
from sapmcu.ir.graph import Array
from sapmcu.train.data.disk import check_labels, find_directory, part_of, read_rows
from sapmcu.train.data.splits import Part, Split, Splits
from sapmcu.train.options import whole, word

SIDE = 96
CLASSES = ("airplane", "bird", "car", "cat", "deer", "dog", "horse", "monkey", "ship", "truck")


@dataclass(frozen=True)
class StlOptions:
    """directory: of train_X.bin, or the one above. size: side of the pictures, which are interpolated."""

    directory: str = word("")
    size: int = whole(SIDE, 48, 224)


def load_stl(options: StlOptions) -> Splits:
    """5,000 colour pictures of 96×96, 10 % of each class for validation; 8,000 for the test."""
    directory = find_directory("stl-10", options.directory, ("stl10_binary",), ("train_X.bin",))

    def load(part: Part) -> Split:
        images, labels = _read(directory, "test" if part is Part.TEST else "train")
        return part_of(part, images, labels, options.size)

    return Splits("stl-10", f"stl-10, {options.size}×{options.size}", CLASSES, load)


def _read(directory: Path, prefix: str) -> tuple[Array, Array]:
    rows = read_rows(directory / f"{prefix}_X.bin", 3 * SIDE * SIDE)
    path = directory / f"{prefix}_y.bin"
    labels = read_rows(path, 1)[:, 0].astype(np.int64) - 1
    if len(labels) != len(rows):
        raise UserError(
            f"{path} has {len(labels):,} labels for {len(rows):,} pictures", hint="unpack stl10_binary.tar.gz again"
        )
    if labels.min() < 0:
        raise UserError(f"{path} holds the label 0; they count from 1", hint="unpack stl10_binary.tar.gz again")
    check_labels(labels, len(CLASSES), path)
    return np.ascontiguousarray(rows.reshape(-1, 3, SIDE, SIDE).transpose(0, 3, 2, 1)), labels
