# SPDX-License-Identifier: Apache-2.0
"""Pictures in folders, one folder for each class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sapmcu.errors import UserError
from sapmcu.ir.graph import Array
from sapmcu.quantize.datasets import DATA_VARIABLE, data_roots
from sapmcu.quantize.images import SUFFIXES, read_image
from sapmcu.train.data.disk import SPLIT_SEED, VALIDATION_SHARE
from sapmcu.train.data.splits import Part, Split, Splits, held_out
from sapmcu.train.options import whole, word

TEST_SHARE = 0.1
PART_FOLDERS: Mapping[Part, tuple[str, ...]] = {
    Part.TRAIN: ("train",),
    Part.VALIDATION: ("validation", "val"),
    Part.TEST: ("test",),
}


@dataclass(frozen=True)
class FolderOptions:
    """directory: of the class folders, or of train/, validation/ and test/ with class folders each.

    size: side to which pictures are resized, whole and without keeping their aspect. channels: 1 grey, 3 colour.
    """

    directory: str = word("")
    size: int = whole(96, 8, 512)
    channels: int = whole(3, 1, 3)


@dataclass(frozen=True)
class Listed:
    """Pictures that are not read yet."""

    paths: tuple[Path, ...]
    labels: Array

    def chosen(self, indices: Array) -> Listed:
        return Listed(tuple(self.paths[index] for index in indices), self.labels[indices])


def load_folders(options: FolderOptions, dataset: str = "folders") -> Splits:
    """Classes are numbered by the sorted names of their folders.

    Where there is no train/, 10 % of each class are for validation and 10 % for the test, by held_out over the sorted
    names with seed 0; where there is one, the part whose folder is missing is held out of it in the same way.
    """
    check_channels(options.channels)
    directory = folder_directory(dataset, options.directory)
    classes = class_folders(_part_folder(directory, Part.TRAIN) or directory)
    parts = split_listed({part: _list_part(directory, part, classes) for part in Part}, classes)
    shape = (options.size, options.size, options.channels)
    origin = f"{directory.name or directory}, {options.size}×{options.size}"
    return Splits(dataset, origin, classes, lambda part: read_pictures(parts[part], shape))


def folder_directory(dataset: str, directory: str) -> Path:
    """Raises: UserError where it isn't there."""
    if not directory:
        found = [root for root in data_roots(dataset)[:1] if root.is_dir()]
        if not found:
            raise UserError(
                f"the data set {dataset} is not here",
                hint=f"name its place: directory in the recipe's [data], or {DATA_VARIABLE} for the one above it",
            )
        return found[0]
    if not Path(directory).is_dir():
        raise UserError(f"the data directory {directory} is not here", hint="check directory in the recipe's [data]")
    return Path(directory)


def check_channels(channels: int) -> None:
    if channels == 2:
        raise UserError("pictures have 1 or 3 channels, not 2", hint="channels = 1 for grey, 3 for colour")


def class_folders(directory: Path) -> tuple[str, ...]:
    """Sorted names. Raises: UserError where there are fewer than two."""
    names = tuple(sorted(entry.name for entry in directory.iterdir() if entry.is_dir() and entry.name[:1] != "."))
    if len(names) < 2:
        raise UserError(
            f"{directory} has {len(names)} class folders; a classifier needs two or more",
            hint="put the pictures of each class into a folder of its name",
        )
    return names


def split_listed(given: Mapping[Part, Listed | None], classes: Sequence[str]) -> dict[Part, Listed]:
    """Hold the parts that aren't given out of the pictures for training. Raises: UserError where a class is too small.

    given[TRAIN] is there.
    """
    train = given[Part.TRAIN]
    assert train is not None
    shares = {Part.VALIDATION: VALIDATION_SHARE, Part.TEST: TEST_SHARE}
    missing = [part for part in shares if given[part] is None]
    counts = np.bincount(train.labels, minlength=len(classes))
    if counts.min() <= len(missing):
        smallest = classes[int(counts.argmin())]
        raise UserError(
            f"the class {smallest} has {counts.min()} pictures to train with, too few to hold some out",
            hint=f"it needs {len(missing) + 1} or more",
        )
    pieces = held_out(train.labels, tuple(shares[part] for part in missing), SPLIT_SEED)
    parts = {part: listed for part, listed in given.items() if listed is not None}
    parts |= {part: train.chosen(indices) for part, indices in zip([Part.TRAIN, *missing], pieces, strict=True)}
    return parts


def read_pictures(listed: Listed, shape: tuple[int, int, int]) -> Split:
    """Raises: UserError with the first picture that can't be read."""
    images = np.empty((len(listed.paths), *shape), np.uint8)
    for index, path in enumerate(listed.paths):
        images[index] = read_image(path, shape)
    return Split(images, listed.labels)


def _part_folder(directory: Path, part: Part) -> Path | None:
    return next((directory / name for name in PART_FOLDERS[part] if (directory / name).is_dir()), None)


def _list_part(directory: Path, part: Part, classes: Sequence[str]) -> Listed | None:
    """The pictures of a part that has a folder; of all classes where there is no train/. Raises: UserError."""
    has_parts = _part_folder(directory, Part.TRAIN) is not None
    folder = _part_folder(directory, part) if has_parts else directory if part is Part.TRAIN else None
    if folder is None:
        return None
    if (found := class_folders(folder)) != classes:
        odd = sorted(set(found) ^ set(classes))
        raise UserError(
            f"{folder} has other class folders than the pictures for training: {', '.join(odd)}",
            hint="every part needs the same classes",
        )
    paths: list[Path] = []
    counts = []
    for name in classes:
        pictures = sorted(path for path in (folder / name).iterdir() if path.suffix.lower() in SUFFIXES)
        if not pictures:
            raise UserError(
                f"the class folder {folder / name} holds no pictures",
                hint=f"fill or remove it; sapmcu reads {' '.join(sorted(SUFFIXES))}",
            )
        paths += pictures
        counts.append(len(pictures))
    return Listed(tuple(paths), np.repeat(np.arange(len(classes), dtype=np.int64), counts))
