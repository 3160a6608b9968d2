# SPDX-License-Identifier: Apache-2.0
"""Data sets that have a name: small, installed by a package, read without a network."""

from __future__ import annotations

import gzip
import os
import struct
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sapmcu.errors import ToolError, UserError
from sapmcu.ir.graph import Array

DATA_VARIABLE = "SAPMCU_DATA"
DEBIAN_DATA = Path("/usr/share/datasets")
IDX_UINT8 = 0x08


@dataclass(frozen=True)
class Dataset:
    """images: uint8 [n,H,W,C], 0..255; labels: int64 [n], from 0."""

    name: str
    split: str
    images: Array
    labels: Array
    class_names: tuple[str, ...]

    @property
    def origin(self) -> str:
        return f"{self.name}, {self.split} split of {len(self.images):,}"


FASHION_CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)


def load_fashion_mnist(split: str = "train") -> Dataset:
    """60,000 (train) or 10,000 (test) grey pictures of 28×28. Source: Xiao, Rasul, Vollgraf, arXiv 1708.07747.

    Looks in $SAPMCU_DATA/fashion-mnist, $SAPMCU_DATA, then where Debian's package dataset-fashion-mnist puts it.
    """
    prefix = {"train": "train", "test": "t10k"}[split]
    images = read_idx(_find("fashion-mnist", f"{prefix}-images-idx3-ubyte.gz"), 3)
    labels = read_idx(_find("fashion-mnist", f"{prefix}-labels-idx1-ubyte.gz"), 1)
    if len(images) != len(labels):
        raise UserError(
            f"fashion-mnist has {len(images):,} {split} images but {len(labels):,} labels",
            hint="install it again: apt-get install --reinstall dataset-fashion-mnist",
        )
    return Dataset("fashion-mnist", split, images[..., None], labels.astype(np.int64), FASHION_CLASSES)


def load_digits(split: str = "train") -> Dataset:
    """scikit-learn's 1,797 grey digits of 8×8, their values 0..16 spread over 0..255. test: each fifth of them."""
    try:
        from sklearn.datasets import load_digits as sklearn_digits
    except ImportError:
        raise ToolError(
            "the samples 'digits' come with scikit-learn, which is not installed", hint="pip install scikit-learn"
        ) from None
    bunch = sklearn_digits()
    is_test = np.arange(len(bunch.target)) % 5 == 4
    chosen = is_test if split == "test" else ~is_test
    images = np.round(bunch.images[chosen] * (255 / 16)).astype(np.uint8)[..., None]
    return Dataset("digits", split, images, bunch.target[chosen].astype(np.int64), tuple("0123456789"))


DATASETS: Mapping[str, Callable[[str], Dataset]] = {"fashion-mnist": load_fashion_mnist, "digits": load_digits}


def read_idx(path: Path, rank: int) -> Array:
    """A gzipped IDX file of unsigned bytes. Source: yann.lecun.com/exdb/mnist, "the IDX file format"."""
    try:
        data = gzip.decompress(path.read_bytes())
        magic = struct.unpack_from(">HBB", data)
        shape = struct.unpack_from(f">{rank}I", data, 4)
        if magic != (0, IDX_UINT8, rank):
            raise ValueError(f"it starts with {data[:4].hex()}")
        return np.frombuffer(data, np.uint8, offset=4 + 4 * rank).reshape(shape)
    except (OSError, EOFError, struct.error, ValueError, zlib.error) as error:
        raise UserError(
            f"{path} is not a whole IDX file of {rank} axes",
            hint="copy or install the data set again",
            details=(str(error),),
        ) from error


def data_roots(dataset: str) -> list[Path]:
    """Where a data set is looked for, in this order."""
    own = [Path(os.environ[DATA_VARIABLE])] if os.environ.get(DATA_VARIABLE) else []
    return [*(root / dataset for root in own), *own, DEBIAN_DATA / dataset]


def _find(dataset: str, file: str) -> Path:
    roots = data_roots(dataset)
    for root in roots:
        if (root / file).is_file():
            return root / file
    raise UserError(
        f"the data set {dataset} is not here: no {file} in {' or '.join(str(root) for root in roots)}",
        hint=f"apt-get install dataset-{dataset}, or set {DATA_VARIABLE} to the directory that holds it",
    )
