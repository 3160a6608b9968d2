# SPDX-License-Identifier: Apache-2.0
"""`sapmcu train` and `compare` on a detector: it learns, is interrupted, and convert takes what they write."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command import sapmcu
from quiet_keras import keras
from small_training import DETECTOR, DETECTOR_RECIPE, blobs, rectangles, write_recipe

from sapmcu.errors import UserError
from sapmcu.isolated import silent
from sapmcu.train.backend import load_backend
from sapmcu.train.comparison import CompareOptions, compare
from sapmcu.train.data import Part, Split
from sapmcu.train.detection.boxes import NO_CLASS
from sapmcu.train.detection.task import Detection, truths_of
from sapmcu.train.detection.training import evaluate_detector
from sapmcu.train.fine_tuning import fine_tune
from sapmcu.train.fit import compile_predict, evaluate
from sapmcu.train.recipe import Recipe, load_recipe
from sapmcu.train.training import train

pytestmark = pytest.mark.needs("tensorflow")

GRID = '[grid]\n[[grid.pooling]]\nkind = "max"\n'


def recipe_in(directory: Path, *changes: tuple[str, str], network: str = DETECTOR) -> Recipe:
    text = DETECTOR_RECIPE
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return load_recipe(write_recipe(directory, text, network=network))


def rows_of(out: Path) -> list[dict[str, Any]]:
    return [{**row, "seconds": 0} for row in json.loads((out / "history.json").read_text())]


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    directory = tmp_path_factory.mktemp("recipe")
    return load_recipe(write_recipe(directory, DETECTOR_RECIPE + GRID, network=DETECTOR))


@pytest.fixture(scope="module")
def done(recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Sequence[str]]:
    """A grid of one run, and what was told meanwhile, the names of the parts when they were loaded among it."""
    out, told = tmp_path_factory.mktemp("done"), list[str]()
    data = rectangles(asked=lambda part: told.append(part.value))
    compare(recipe, out, CompareOptions(threads=1), told.append, data)
    return out / "runs" / "max-seed1", told


def test_a_detector_learns_and_its_best_epoch_is_kept(done: tuple[Path, Sequence[str]]) -> None:
    out, told = done
    rows, card = rows_of(out), json.loads((out / "card.json").read_text())
    assert list(rows[0]) == ["epoch", "loss", "validation_loss", "validation_map", "learning_rate", "seconds"]
    assert rows[-1]["loss"] < 0.5 * rows[0]["loss"]
    assert rows[-1]["validation_map"] > max(0.6, rows[0]["validation_map"] + 0.3)
    best = max(rows, key=lambda row: row["validation_map"])
    assert (card["measure"], card["best_epoch"]) == ("map", best["epoch"])
    assert card["validation_accuracy"] == best["validation_map"]
    validation, anchors = rectangles().validation, np.load(out / "anchors.npy")
    model = keras.models.load_model(out / "model.keras", compile=False)
    score = evaluate_detector(model, validation.images / np.float32(255), truths_of(validation), anchors)
    assert score == pytest.approx(best["validation_map"])
    assert [line for line in told if f"epoch 8/8: loss {rows[7]['loss']:.3f}, validation mAP@0.5 " in line]
    assert f"| test mAP@0.5 | {card['test_accuracy']:.2%}; the test set was read once" in (out / "card.md").read_text()


def test_the_test_set_is_read_last_and_once(done: tuple[Path, Sequence[str]]) -> None:
    told = done[1]
    assert told.count("test") == 1
    assert told.index("test") > max(number for number, line in enumerate(told) if "epoch" in line)


def test_rows_have_map_in_float_and_in_int8(done: tuple[Path, Sequence[str]], recipe: Recipe) -> None:
    out, _ = done
    (row,) = compare(recipe, out.parent.parent, CompareOptions(threads=1), silent, rectangles()).rows
    card = json.loads((out / "card.json").read_text())
    assert (row.measure, row.agreement) == ("map", None)
    assert row.float_test_accuracy == card["test_accuracy"]
    assert row.float_test_accuracy > 0.5
    assert abs(row.int8_test_accuracy - row.float_test_accuracy) < 0.05
    assert row.native_sram_bytes is not None


def test_interruption_changes_no_bit(done: tuple[Path, Sequence[str]], recipe: Recipe, tmp_path: Path) -> None:
    def interrupt(text: str) -> None:
        if text.startswith("epoch 3/"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(recipe, tmp_path, interrupt, threads=1, splits=rectangles())
    train(recipe, tmp_path, silent, threads=1, splits=rectangles())
    assert rows_of(tmp_path) == rows_of(done[0])
    models = (keras.models.load_model(out / "model.keras", compile=False) for out in (tmp_path, done[0]))
    for one, other in zip(*(model.get_weights() for model in models), strict=True):
        np.testing.assert_array_equal(one, other)


def test_convert_and_detector_take_what_train_writes(
    done: tuple[Path, Sequence[str]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    project = tmp_path / "project"
    ran = sapmcu(capsys, monkeypatch, "convert", done[0] / "model.keras", "--board", "mps2_an386", "-o", project)
    assert ran.code == 0, ran.err
    assert "64 of 64 in model.samples.npz" in ran.out
    ran = sapmcu(capsys, monkeypatch, "detector", project, "--anchors", done[0] / "anchors.npy")
    assert ran.code == 0, ran.err
    assert "static const sapmcu_anchor anchors[108]" in (project / "firmware/sapmcu_model_detector.c").read_text()


def test_a_trained_detector_is_trained_on(done: tuple[Path, Sequence[str]], recipe: Recipe, tmp_path: Path) -> None:
    """As `sapmcu prune --recipe` does it."""
    changed = tmp_path / "changed.keras"
    changed.write_bytes((done[0] / "model.keras").read_bytes())
    short = replace(recipe, fine_tune=replace(recipe.fine_tune, epochs=1))
    tuning = fine_tune(done[0] / "model.keras", changed, short, silent, threads=1, splits=rectangles())
    assert (tuning.measure, tuning.epochs) == ("map", 1)
    assert tuning.whole_accuracy == tuning.pruned_accuracy == max(row["validation_map"] for row in rows_of(done[0]))


def test_boxes_that_left_the_picture_are_no_truth() -> None:
    boxes = np.array([[0, 6, 12, 24], [0, 0, 0, 0]], np.float32)
    part = Split(np.zeros((2, 24, 24, 1), np.uint8), np.array([1, 1]), boxes)
    assert truths_of(part).tolist() == [[[0, 0.25, 0.5, 1, 1]], [[0, 0, 0, 0, NO_CLASS]]]
    anchors = np.array([[0.25, 0.625, 0.5, 0.75]], np.float32)
    codes, scores = Detection(anchors, 2).truth(part)
    assert scores.tolist() == [[[0, 1]], [[0, 0]]]
    assert codes[:, 0, 4].tolist() == [1, 0]


def test_loss_of_validation_is_that_of_training() -> None:
    """On the same pictures with the same weights."""
    backend, part = load_backend(), rectangles().validation
    image = keras.Input((24, 24, 1))
    rng = np.random.default_rng(0)
    anchors = rng.uniform(0.2, 0.8, (5, 4)).astype(np.float32)
    flat = keras.layers.Flatten()(image)
    outputs = [keras.layers.Reshape((5, each))(keras.layers.Dense(5 * each)(flat)) for each in (4, 2)]
    model, task = keras.Model(image, outputs), Detection(anchors, 2)
    _, loss = evaluate(task, compile_predict(backend, model), part)
    trained, _ = task.loss(backend, model(part.images / np.float32(255)), task.truth(part), 0.0)
    assert float(trained) == pytest.approx(loss, rel=1e-4)


MISTAKES = {
    "no boxes": (DETECTOR, blobs, "net.py is a detector, and the data set blobs has no boxes"),
    "too few": (DETECTOR.replace("[SHAPES])", "[SHAPES])[1:]"), rectangles, r"maps .*\(None, 108, 4\).*\(None, 107, 4"),
    "no table": (DETECTOR.replace("[SHAPES])", "[SHAPES])[0]"), rectangles, r"`anchors` of net.py gives no array"),
    "fails": (DETECTOR.replace('"code_map").output', '"map").output'), rectangles, "`anchors` of .* fails: ValueError"),
    "names": (DETECTOR.replace('name="scores"', 'name="marks"'), rectangles, "are called codes, marks"),
    "one output": (DETECTOR.replace("[codes, scores]", "[codes]"), rectangles, r"maps .* need .*\(None, 108, 2\)"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_wrong_detector_is_named(tmp_path: Path, case: str) -> None:
    network, data, message = MISTAKES[case]
    with pytest.raises(UserError, match=message) as caught:
        train(recipe_in(tmp_path, network=network), tmp_path / "out", silent, threads=1, splits=data())
    assert caught.value.hint
    assert not (tmp_path / "out").exists()


def test_label_smoothing_is_a_classifier_s(tmp_path: Path) -> None:
    recipe = recipe_in(tmp_path, ("epochs = 8", "epochs = 8\nlabel_smoothing = 0.1"))
    with pytest.raises(UserError, match="is a detector, whose loss knows no label_smoothing"):
        train(recipe, tmp_path / "out", silent, threads=1, splits=rectangles())


def test_classifier_takes_data_with_boxes(tmp_path: Path) -> None:
    """And ignores them; only the parts that it trains with are read before the end."""
    network = DETECTOR[: DETECTOR.index("    prior")].replace("from sapmcu", "# from sapmcu").replace("SHAPES =", "#")
    network += '    x = layers.Dense(num_classes, activation="softmax")(layers.GlobalAveragePooling2D()(x))\n'
    recipe = recipe_in(tmp_path, ("epochs = 8", "epochs = 1"), network=network + "    return keras.Model(image, x)\n")
    asked: list[Part] = []
    card = train(recipe, tmp_path / "out", silent, threads=1, splits=rectangles(asked=asked.append))
    assert (card.measure, asked) == ("accuracy", [Part.TRAIN, Part.VALIDATION, Part.TEST])
    assert not (tmp_path / "out" / "anchors.npy").exists()
