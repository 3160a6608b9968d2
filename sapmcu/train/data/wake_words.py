# SPDX-License-Identifier: Apache-2.0
"""Visual Wake Words: is a person in the picture? Source: Chowdhery, Warden, Shlens, Howard, Rhodes, "Visual wake words
dataset", arXiv 1906.05721: a COCO picture is of class person where a person's box covers more than 0.5 % of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from sapmcu.errors import UserError
from sapmcu.train.data.disk import read_file
from sapmcu.train.data.folders import (
    FolderOptions,
    Listed,
    check_channels,
    folder_directory,
    load_folders,
    read_pictures,
    split_listed,
)
from sapmcu.train.data.splits import Part, Splits

NAME = "visual-wake-words"
CLASSES = ("non_person", "person")
LEAST_SHARE = 0.005


def load_wake_words(options: FolderOptions) -> Splits:
    """From folders person/ and non_person/ (MLPerf Tiny's form), or from pictures with COCO's instances*.json.

    The second lie in the directory or in its annotations/; pictures in the directory, in images/, or in a folder such
    as train2014/. All of them are split 80:10:10, as folders are.
    """
    check_channels(options.channels)
    directory = folder_directory(NAME, options.directory)
    lists = sorted([*directory.glob("instances*.json"), *directory.glob("annotations/instances*.json")])
    if not lists:
        splits = load_folders(options, NAME)
        if len(splits.class_names) != 2:
            raise UserError(
                f"{directory} has {len(splits.class_names)} class folders; visual wake words have two",
                hint="person/ and non_person/; for other classes the data set is called folders",
            )
        return splits
    listed = _listed(directory, lists)
    if set(listed.labels.tolist()) != {0, 1}:
        raise UserError(
            f"{directory} holds pictures with persons only, or without",
            hint="give COCO's lists and pictures whole",
        )
    parts = split_listed({Part.TRAIN: listed, Part.VALIDATION: None, Part.TEST: None}, CLASSES)
    shape = (options.size, options.size, options.channels)
    origin = f"{NAME} from {directory.name or directory}, {options.size}×{options.size}"
    return Splits(NAME, origin, CLASSES, lambda part: read_pictures(parts[part], shape))


def _listed(directory: Path, lists: list[Path]) -> Listed:
    """The pictures of all lists, by name."""
    places = [directory, directory / "images", *sorted(entry for entry in directory.iterdir() if entry.is_dir())]
    labels: dict[str, int] = {}
    for path in lists:
        labels |= _labels(path)
    names = sorted(labels)
    paths = []
    for name in names:
        found = next((place / name for place in places if (place / name).is_file()), None)
        if found is None:
            raise UserError(f"the picture {name} of {lists[0].name} is not in {directory}", hint="unpack it beside it")
        paths.append(found)
    return Listed(tuple(paths), np.array([labels[name] for name in names], np.int64))


def _labels(path: Path) -> dict[str, int]:
    """Class by file name, of one instances*.json. Raises: UserError where it isn't one."""
    try:
        table: Any = json.loads(read_file(path))
        person = {one["id"] for one in table["categories"] if one["name"] == "person"}
        areas = {one["id"]: float(one["width"]) * float(one["height"]) for one in table["images"]}
        with_person = {
            one["image_id"]
            for one in table["annotations"]
            if one["category_id"] in person
            and float(one["bbox"][2]) * float(one["bbox"][3]) > LEAST_SHARE * areas[one["image_id"]]
        }
        return {str(one["file_name"]): int(one["id"] in with_person) for one in table["images"]}
    except (ValueError, KeyError, TypeError, IndexError, RecursionError) as error:
        raise UserError(
            f"{path} is not a list of COCO's instances, or is damaged",
            hint="unpack the annotations again",
            details=(f"{type(error).__name__}: {error}",),
        ) from error
