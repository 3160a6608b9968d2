# SPDX-License-Identifier: Apache-2.0
"""CIFAR-10 from its binary or its Python version. Source: Krizhevsky, "Learning multiple layers of features from tiny
images", 2009, and the README of the archives."""

from __future__ import annotations

import io
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sapmcu.errors import UserError
from sapmcu.ir.graph import Array
from sapmcu.train.data.disk import check_labels, find_directory, part_of, read_file, read_rows
from sapmcu.train.data.splits import Part, Split, Splits
from sapmcu.train.options import whole, word

SIDE = 32
PIXELS = 3 * SIDE * SIDE
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
TRAIN_BATCHES = tuple(f"data_batch_{number}" for number in range(1, 6))
TEST_BATCHES = ("test_batch",)


@dataclass(frozen=True)
class CifarOptions:
    """directory: of the batches, or the one above. size: side of the pictures; above 32 they are interpolated."""

    directory: str = word("")
    size: int = whole(SIDE, SIDE, 224)


def load_cifar(options: CifarOptions) -> Splits:
    """50,000 colour pictures of 32×32, 10 % of each class for validation; 10,000 for the test."""
    first = TRAIN_BATCHES[0]
    inner = ("cifar-10-batches-bin", "cifar-10-batches-py")
    directory = find_directory("cifar-10", options.directory, inner, (f"{first}.bin", first))
    read = _binary if (directory / f"{first}.bin").exists() else _python

    def load(part: Part) -> Split:
        batches = [read(directory, name) for name in (TEST_BATCHES if part is Part.TEST else TRAIN_BATCHES)]
        images, labels = (np.concatenate(arrays) for arrays in zip(*batches, strict=True))
        check_labels(labels, len(CLASSES), directory)
        return part_of(part, images, labels, options.size)

    return Splits("cifar-10", f"cifar-10, {options.size}×{options.size}", CLASSES, load)


def _binary(directory: Path, name: str) -> tuple[Array, Array]:
    """Rows of label, red plane, green plane, blue plane."""
    rows = read_rows(directory / f"{name}.bin", 1 + PIXELS)
    return _images(rows[:, 1:]), rows[:, 0].astype(np.int64)


def _python(directory: Path, name: str) -> tuple[Array, Array]:
    """A pickled dictionary of `data`, uint8 [n,3072], and `labels`."""
    path = directory / name
    try:
        batch = _Unpickler(io.BytesIO(read_file(path)), encoding="bytes").load()
        data, labels = np.asarray(batch[b"data"]), np.asarray(batch[b"labels"], np.int64)
        if data.dtype != np.uint8 or data.shape != (len(labels), PIXELS) or not len(labels) or labels.min() < 0:
            raise ValueError(f"data is {data.dtype} {list(data.shape)}, with {len(labels)} labels")
    except UserError:
        raise
    except Exception as error:  # a damaged pickle raises anything
        raise UserError(
            f"{path} is not a batch of CIFAR-10's Python version, or is damaged",
            hint="unpack cifar-10-python.tar.gz again",
            details=(str(error),),
        ) from error
    return _images(data), labels


def _images(planes: Array) -> Array:
    return np.ascontiguousarray(planes.reshape(-1, 3, SIDE, SIDE).transpose(0, 2, 3, 1))


class _Unpickler(pickle.Unpickler):
    """Makes arrays and nothing else: a pickle from elsewhere could run any program."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in (("numpy", "ndarray"), ("numpy", "dtype")):
            return getattr(np, name)
        if name == "_reconstruct" and module in ("numpy.core.multiarray", "numpy._core.multiarray"):
            return np.empty(0).__reduce__()[0]  # wherever this version of NumPy keeps it
        if (module, name) == ("_codecs", "encode"):
            return lambda text, encoding: text.encode(encoding)
        raise pickle.UnpicklingError(f"it holds {module}.{name}")
