# SPDX-License-Identifier: Apache-2.0
"""Data sets to train with, by name; all from disk or made here, never from a network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sapmcu.errors import UserError
from sapmcu.train.data.cifar import CifarOptions, load_cifar
from sapmcu.train.data.folders import FolderOptions, load_folders
from sapmcu.train.data.named import (
    DigitsOptions,
    FashionOptions,
    SceneOptions,
    load_digits_splits,
    load_fashion,
    load_scenes,
)
from sapmcu.train.data.splits import Part, Split, Splits
from sapmcu.train.data.stl import StlOptions, load_stl
from sapmcu.train.data.wake_words import NAME as WAKE_WORDS
from sapmcu.train.data.wake_words import load_wake_words
from sapmcu.train.options import check_options

__all__ = ["DATA_SETS", "DataSet", "Part", "Split", "Splits", "load_splits"]


@dataclass(frozen=True)
class DataSet:
    """options: the dataclass of a recipe's [data] table, but for the name. load: takes one of them."""

    options: type
    load: Callable[[Any], Splits]


DATA_SETS: Mapping[str, DataSet] = {
    "fashion-mnist": DataSet(FashionOptions, load_fashion),
    "fashion-scenes": DataSet(SceneOptions, load_scenes),
    "digits": DataSet(DigitsOptions, load_digits_splits),
    "cifar-10": DataSet(CifarOptions, load_cifar),
    "stl-10": DataSet(StlOptions, load_stl),
    WAKE_WORDS: DataSet(FolderOptions, load_wake_words),
    "folders": DataSet(FolderOptions, load_folders),
}


def load_splits(name: str, **options: object) -> Splits:
    """The data set `name`; its pictures are read when a part is first asked for.

    Raises: UserError where there is none of that name, an option is wrong, or files are missing or damaged.
    """
    if name not in DATA_SETS:
        raise UserError(f"there is no data set {name}", hint=f"there are {', '.join(DATA_SETS)}")
    data_set = DATA_SETS[name]
    return data_set.load(check_options(data_set.options, options, f"the data set {name}"))
