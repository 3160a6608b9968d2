# SPDX-License-Identifier: Apache-2.0
"""Data sets that the user has on disk: what is read, how it is split, and what is said where files are damaged."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from data_files import cifar_batch, write_cifar, write_coco, write_fashion, write_folders, write_picture, write_stl

from sapmcu.errors import UserError
from sapmcu.quantize import datasets
from sapmcu.quantize.datasets import DATA_VARIABLE
from sapmcu.train.data import Split, Splits, load_splits
from sapmcu.train.data.splits import held_out

Read = Callable[[], Splits]


def counts(splits: Splits) -> tuple[int, int, int]:
    return len(splits.train), len(splits.validation), len(splits.test)


def rows_of(split: Split) -> set[bytes]:
    return {image.tobytes() for image in split.images}


def test_held_out_takes_of_each_class_and_leaves_nothing() -> None:
    labels = np.array([0, 1] * 10 + [1] * 20)
    parts = held_out(labels, (0.1, 0.2), seed=0)
    assert np.sort(np.concatenate(parts)).tolist() == list(range(40))
    assert [np.bincount(labels[part]).tolist() for part in parts] == [[7, 21], [1, 3], [2, 6]]
    assert [part.tolist() for part in held_out(labels, (0.1, 0.2), seed=0)] == [part.tolist() for part in parts]
    assert held_out(labels, (0.1, 0.2), seed=1)[2].tolist() != parts[2].tolist()


def test_fashion_mnist_validates_with_the_last_of_its_train_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_fashion(tmp_path / "fashion-mnist", train=5003, test=4)
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path))
    splits = load_splits("fashion-mnist", size=32)
    assert counts(splits) == (3, 5000, 4)
    assert splits.train.images.shape[1:] == (32, 32, 1)
    assert set(splits.validation.labels.tolist()) == {1}


@pytest.mark.needs("sklearn")
def test_digits_are_cut_in_three() -> None:
    splits = load_splits("digits")
    assert counts(splits) == (1295, 143, 359)
    assert set(splits.validation.labels.tolist()) == set(range(10))


@pytest.mark.parametrize("is_binary", [True, False])
@pytest.mark.parametrize("inner", ["", "cifar-10-batches-bin"])
def test_cifar_is_read(tmp_path: Path, is_binary: bool, inner: str) -> None:
    write_cifar(tmp_path / inner, is_binary=is_binary)
    splits = load_splits("cifar-10", directory=str(tmp_path))
    assert counts(splits) == (180, 20, 40)
    planes, labels = cifar_batch(5)
    np.testing.assert_array_equal(splits.test.images[7, 3, 9], planes[7].reshape(3, 32, 32)[:, 3, 9])
    np.testing.assert_array_equal(splits.test.labels, labels)
    assert np.bincount(splits.validation.labels).tolist() == [2] * 10
    assert load_splits("cifar-10", directory=str(tmp_path), size=48).validation.images.shape == (20, 48, 48, 3)


def test_pickle_that_would_run_a_program_is_refused(tmp_path: Path) -> None:
    class Program:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return Path.touch, (str(tmp_path / "ran"),)

    write_cifar(tmp_path, is_binary=False)
    (tmp_path / "data_batch_3").write_bytes(pickle.dumps({b"data": Program(), b"labels": []}))
    with pytest.raises(UserError, match="data_batch_3 is not a batch"):
        _ = load_splits("cifar-10", directory=str(tmp_path)).train


def test_stl_has_columns_before_rows(tmp_path: Path) -> None:
    write_stl(tmp_path / "stl10_binary")
    splits = load_splits("stl-10", directory=str(tmp_path))
    assert counts(splits) == (10, 10, 20)
    assert np.argwhere(splits.test.images[4, :, :, 1]).tolist() == [[5, 70]]
    assert splits.test.labels[:3].tolist() == [0, 1, 2]


def test_environment_names_the_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path))
    write_stl(tmp_path / "stl10_binary")
    assert len(load_splits("stl-10").test) == 20
    write_folders(tmp_path / "folders", {"a": 3, "b": 3})
    assert load_splits("folders").class_names == ("a", "b")


def test_folders_are_split_80_10_10(tmp_path: Path) -> None:
    write_folders(tmp_path, {"cat": 20, "ant": 10})
    (tmp_path / "ant" / "notes.txt").write_text("no picture")
    splits = load_splits("folders", directory=str(tmp_path), size=8, channels=1)
    assert splits.class_names == ("ant", "cat")
    assert counts(splits) == (24, 3, 3)
    assert splits.train.images.shape[1:] == (8, 8, 1)
    values = [set(part.images[:, 0, 0, 0].tolist()) for part in (splits.train, splits.validation, splits.test)]
    assert sorted(set.union(*values)) == list(range(30))
    assert all(value < 20 for part in (splits.train,) for value in part.images[part.labels == 1, 0, 0, 0])


def test_own_train_and_test_folders_are_kept(tmp_path: Path) -> None:
    write_folders(tmp_path / "train", {"a": 10, "b": 10})
    write_folders(tmp_path / "test", {"a": 2, "b": 3}, value=100)
    splits = load_splits("folders", directory=str(tmp_path), size=8)
    assert counts(splits) == (18, 2, 5)
    assert splits.test.images.min() == 100
    write_folders(tmp_path / "val", {"a": 4, "b": 4}, value=200)
    assert counts(load_splits("folders", directory=str(tmp_path), size=8)) == (20, 8, 5)


def test_wake_words_from_folders(tmp_path: Path) -> None:
    write_folders(tmp_path, {"person": 3, "non_person": 3}, value=1)
    splits = load_splits("visual-wake-words", directory=str(tmp_path), size=8)
    assert splits.class_names == ("non_person", "person")
    assert counts(splits) == (2, 2, 2)


def test_wake_words_from_coco_count_large_persons_only(tmp_path: Path) -> None:
    """0.5 % of 20×20 is 2 pixels: a box of 2×1 is no person, one of 2×1.1 is."""
    write_coco(tmp_path, [[0, 0, 2, 1.1], [0, 0, 2, 1], [], [1, 1, 5, 5], [0, 0, 9, 9], []])
    splits = load_splits("visual-wake-words", directory=str(tmp_path), size=20)
    found = {}
    for part in (splits.train, splits.validation, splits.test):
        found |= {int(image[0, 0, 0]): int(label) for image, label in zip(part.images, part.labels, strict=True)}
        assert sorted(part.labels.tolist()) == [0, 1]
    assert found == {0: 0, 10: 1}


BROKEN: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "nothing there": ("cifar-10", lambda root: None, "the data set cifar-10 is not here: no data_batch_1.bin or"),
    "batch missing": (
        "cifar-10",
        lambda root: (write_cifar(root, is_binary=True), (root / "test_batch.bin").unlink()),
        r"test_batch\.bin is missing",
    ),
    "batch cut off": (
        "cifar-10",
        lambda root: (write_cifar(root, is_binary=True), (root / "data_batch_2.bin").write_bytes(bytes(5000))),
        r"data_batch_2\.bin has 5,000 bytes, which is no whole number of rows of 3,073",
    ),
    "batch empty": (
        "cifar-10",
        lambda root: (write_cifar(root, is_binary=True), (root / "data_batch_2.bin").write_bytes(b"")),
        r"data_batch_2\.bin has 0 bytes",
    ),
    "label too large": (
        "cifar-10",
        lambda root: (write_cifar(root, is_binary=True), (root / "test_batch.bin").write_bytes(b"\x0b" + bytes(3072))),
        "holds the class 11; there are 10",
    ),
    "pickle cut off": (
        "cifar-10",
        lambda root: (write_cifar(root, is_binary=False), (root / "data_batch_1").write_bytes(b"\x80\x02}q\x00")),
        "data_batch_1 is not a batch of CIFAR-10's Python version",
    ),
    "pickle of another kind": (
        "cifar-10",
        lambda root: (write_cifar(root, is_binary=False), (root / "test_batch").write_bytes(pickle.dumps([1, 2]))),
        "test_batch is not a batch of CIFAR-10's Python version",
    ),
    "labels missing": (
        "stl-10",
        lambda root: (write_stl(root), (root / "test_y.bin").unlink()),
        r"test_y\.bin is missing",
    ),
    "labels too few": (
        "stl-10",
        lambda root: (write_stl(root), (root / "test_y.bin").write_bytes(b"\x01")),
        r"test_y\.bin has 1 labels for 20 pictures",
    ),
    "label zero": (
        "stl-10",
        lambda root: (write_stl(root), (root / "train_y.bin").write_bytes(bytes(20))),
        r"train_y\.bin holds the label 0",
    ),
    "class without picture": (
        "stl-10",
        lambda root: (write_stl(root), (root / "train_y.bin").write_bytes(bytes([1] * 20))),
        r"train_y\.bin holds no picture of class 1",
    ),
    "no such directory": ("folders", lambda root: root.rmdir(), "data directory .* is not here"),
    "one class": ("folders", lambda root: write_folders(root, {"a": 3}), "has 1 class folders"),
    "empty class": (
        "folders",
        lambda root: (write_folders(root, {"a": 3}), (root / "b").mkdir()),
        "class folder .*b holds no pictures",
    ),
    "class too small": ("folders", lambda root: write_folders(root, {"a": 3, "b": 2}), "the class b has 2 pictures"),
    "broken picture": (
        "folders",
        lambda root: (write_folders(root, {"a": 3, "b": 3}), (root / "a" / "01.png").write_bytes(b"\x89PNG broken")),
        r"a/01\.png is not a picture",
    ),
    "other classes": (
        "folders",
        lambda root: (
            write_folders(root / "train", {"a": 3, "b": 3}),
            write_folders(root / "test", {"a": 3, "c": 3}),
        ),
        "test has other class folders than the pictures for training: b, c",
    ),
    "three classes": (
        "visual-wake-words",
        lambda root: write_folders(root, {"a": 3, "b": 3, "c": 3}),
        "has 3 class folders; visual wake words have two",
    ),
    "list cut off": (
        "visual-wake-words",
        lambda root: (root / "instances_train.json").write_text('{"images": ['),
        r"instances_train\.json is not a list of COCO's instances",
    ),
    "list of another kind": (
        "visual-wake-words",
        lambda root: (root / "instances_train.json").write_text(json.dumps({"info": 1})),
        r"instances_train\.json is not a list of COCO's instances",
    ),
    "picture missing": (
        "visual-wake-words",
        lambda root: (write_coco(root, [[0, 0, 9, 9], []]), (root / "val2014" / "001.png").unlink()),
        r"the picture 001\.png of instances_val2014\.json is not in",
    ),
    "no person": ("visual-wake-words", lambda root: write_coco(root, [[], []]), "with persons only, or without"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_damage_gets_a_sentence_and_a_hint(case: str, tmp_path: Path) -> None:
    name, damage, message = BROKEN[case]
    root = tmp_path / "data"
    root.mkdir()
    damage(root)
    with pytest.raises(UserError, match=message) as caught:
        splits = load_splits(name, directory=str(root))
        counts(splits)
    assert caught.value.hint


def test_missing_data_set_names_all_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path))
    monkeypatch.setattr(datasets, "DEBIAN_DATA", tmp_path / "absent")
    with pytest.raises(UserError, match=r"no train_X\.bin in .*stl-10 or") as caught:
        load_splits("stl-10")
    assert DATA_VARIABLE in str(caught.value.hint)


def test_wrong_options_are_all_named() -> None:
    with pytest.raises(UserError, match="the options of the data set fashion-scenes have 3 errors") as caught:
        load_splits("fashion-scenes", size=95, train=0.5, tint=True)
    assert caught.value.details == (
        "size must be 96 to 224, is 95",
        "train must be a whole number, is 0.5",
        "tint is not a key of the options of the data set fashion-scenes",
    )
    assert "size, train, validation, test, seed" in str(caught.value.hint)
    with pytest.raises(UserError, match="there is no data set mnist") as caught:
        load_splits("mnist")
    assert "fashion-scenes" in str(caught.value.hint)
    with pytest.raises(UserError, match="pictures have 1 or 3 channels"):
        load_splits("folders", directory="x", channels=2)


def test_test_set_is_read_when_it_is_asked_for(tmp_path: Path) -> None:
    write_folders(tmp_path / "train", {"a": 3, "b": 3})
    write_folders(tmp_path / "test", {"a": 1, "b": 1})
    broken = write_picture(tmp_path / "test" / "a" / "00.png", 0)
    broken.write_bytes(b"broken")
    splits = load_splits("folders", directory=str(tmp_path), size=8)
    assert len(splits.train) == 4
    with pytest.raises(UserError, match="is not a picture"):
        _ = splits.test
