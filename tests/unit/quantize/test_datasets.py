# SPDX-License-Identifier: Apache-2.0
"""Named data sets: read whole, refused when damaged or absent."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from data_files import write_idx

from sapmcu.errors import UserError
from sapmcu.quantize import datasets
from sapmcu.quantize.datasets import DATA_VARIABLE, load_digits, load_fashion_mnist, read_idx


@pytest.fixture
def own_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tiny fashion-mnist in a directory of the user's."""
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path))
    directory = tmp_path / "fashion-mnist"
    directory.mkdir()
    write_idx(directory / "train-images-idx3-ubyte.gz", np.arange(3 * 4 * 5, dtype=np.uint8).reshape(3, 4, 5))
    write_idx(directory / "train-labels-idx1-ubyte.gz", np.array([7, 0, 9], np.uint8))
    return directory


def test_own_directory_comes_first(own_data: Path) -> None:
    data = load_fashion_mnist("train")
    assert data.images.shape == (3, 4, 5, 1)
    assert data.images[2, 3, 4, 0] == 59
    assert data.labels.tolist() == [7, 0, 9]
    assert data.origin == "fashion-mnist, train split of 3"


def test_counts_must_agree(own_data: Path) -> None:
    write_idx(own_data / "train-labels-idx1-ubyte.gz", np.zeros(2, np.uint8))
    with pytest.raises(UserError, match="3 train images but 2 labels"):
        load_fashion_mnist("train")


def test_absent_data_set_is_named(own_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets, "DEBIAN_DATA", own_data / "absent")
    with pytest.raises(UserError, match="fashion-mnist is not here") as caught:
        load_fashion_mnist("test")
    assert "apt-get install dataset-fashion-mnist" in str(caught.value.hint)


@pytest.mark.parametrize("damage", ["truncated", "not gzip", "wrong magic", "short", "empty"])
def test_damaged_idx_is_named(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "images.gz"
    whole = write_idx(path, np.zeros((2, 3, 3), np.uint8))
    content = {
        "truncated": whole[:-5],
        "not gzip": b"plain text",
        "wrong magic": gzip.compress(bytes([0, 0, 9, 3]) + bytes(30)),
        "short": gzip.compress(struct.pack(">HBBIII", 0, 8, 3, 2, 3, 3) + bytes(5)),
        "empty": b"",
    }[damage]
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"images\.gz is not a whole IDX file"):
        read_idx(path, 3)


@pytest.mark.needs("sklearn")
def test_digits_are_split_without_overlap() -> None:
    train, test = load_digits("train"), load_digits("test")
    assert (len(train.images), len(test.images)) == (1438, 359)
    assert train.images.shape[1:] == (8, 8, 1)
    assert (train.images.min(), train.images.max()) == (0, 255)
    assert set(test.labels.tolist()) == set(range(10))
