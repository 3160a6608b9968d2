# SPDX-License-Identifier: Apache-2.0
"""`sapmcu train`: reproducible to the bit, also through an interruption; the test set is read once, at the end."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command import sapmcu
from quiet_keras import keras
from small_training import NETWORK, RECIPE, blobs, small_recipe, write_recipe

from sapmcu.errors import UserError
from sapmcu.frontends.source import load_source
from sapmcu.isolated import silent
from sapmcu.quantize.samples import load_samples
from sapmcu.train.backend import load_backend
from sapmcu.train.building import build_network
from sapmcu.train.fit import Job, best_row, compile_predict, evaluate, fit
from sapmcu.train.recipe import Recipe, Training, load_recipe
from sapmcu.train.task import CLASSIFICATION
from sapmcu.train.trained import load_trained
from sapmcu.train.training import train

pytestmark = pytest.mark.needs("tensorflow")


def weights_of(out: Path) -> list[Any]:
    model = keras.models.load_model(out / "model.keras", compile=False)
    return [np.array(one) for one in model.weights]


def rows_of(out: Path) -> list[dict[str, Any]]:
    return [{**row, "seconds": 0} for row in json.loads((out / "history.json").read_text())]


def same(first: list[Any], second: list[Any]) -> bool:
    return all(np.array_equal(one, other) for one, other in zip(first, second, strict=True))


@dataclass(frozen=True)
class Trained:
    """events: lines of progress, and the names of the parts when they were loaded."""

    recipe: Recipe
    out: Path
    events: tuple[str, ...]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    directory, events = tmp_path_factory.mktemp("trained"), list[str]()
    recipe = small_recipe(directory)
    train(recipe, directory / "out", events.append, splits=blobs(asked=lambda part: events.append(part.value)))
    return Trained(recipe, directory / "out", tuple(events))


def test_files_are_written(trained: Trained) -> None:
    recipe, out = trained.recipe, trained.out
    names = {"model.keras", "history.json", "card.json", "card.md", "model.samples.npz"}
    assert {path.name for path in out.iterdir()} == names
    card = json.loads((out / "card.json").read_text())
    assert card["facts"] == recipe.facts
    assert (card["train_pictures"], card["validation_pictures"], card["test_pictures"]) == (100, 100, 100)
    assert card["parameters"] == 9 * 4 + 4 + 4 * 4 + 64 * 3 + 3
    assert card["macs"] == 8 * 8 * 9 * 4 + 64 * 3
    assert card["validation_accuracy"] == best_row(rows_of(out), CLASSIFICATION)["validation_accuracy"]
    assert card["measure"] == "accuracy"
    assert card["test_accuracy"] > 0.9
    assert set(card["versions"]) == {"sapmcu", "python", "numpy", "keras", "tensorflow"}
    page = (out / "card.md").read_text()
    assert f"| test accuracy | {card['test_accuracy']:.2%}; the test set was read once" in page


def test_convert_finds_the_samples(trained: Trained) -> None:
    samples = load_samples(None, load_source(trained.out / "model.keras"))
    assert samples.labels is not None
    assert np.bincount(samples.labels).tolist() == [34, 33, 33]  # all there are
    assert samples.arrays[0].max() <= 1


def test_network_is_converted_once_until_its_file_changes(trained: Trained, tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    path.write_bytes((trained.out / "model.keras").read_bytes())
    first = load_trained(path)
    assert load_trained(path) is first
    path.write_bytes(b"no archive")
    with pytest.raises(UserError):
        load_trained(path)
    path.unlink()
    with pytest.raises(UserError):
        load_trained(path)


def test_test_set_is_read_last_and_once(trained: Trained) -> None:
    assert trained.events.count("test") == 1
    assert trained.events.index("test") > max(n for n, event in enumerate(trained.events) if event.startswith("epoch"))


def test_interruption_changes_no_bit(trained: Trained, tmp_path: Path) -> None:
    """Nor does anything else: the same recipe gives the same network."""
    recipe, out = trained.recipe, trained.out
    told: list[str] = []

    def interrupt(text: str) -> None:
        told.append(text)
        if text.startswith("epoch 2/"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(recipe, tmp_path, interrupt, splits=blobs())
    assert told[-1] == f"2 of 4 epochs are kept in {tmp_path}; the same command goes on from there"
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.npz"]
    train(recipe, tmp_path, told.append, splits=blobs())
    assert "going on after epoch 2" in told
    assert rows_of(tmp_path) == rows_of(out)
    assert same(weights_of(tmp_path), weights_of(out))


def test_finished_training_is_only_read(trained: Trained) -> None:
    recipe, out = trained.recipe, trained.out
    told: list[str] = []
    card = train(recipe, out, told.append, splits=blobs(asked=lambda part: pytest.fail(part)))
    assert told == [f"{out} is finished already"]
    assert card.epochs == 4


def test_other_recipe_is_refused_with_what_differs(trained: Trained, tmp_path: Path) -> None:
    recipe, out = trained.recipe, trained.out
    other = replace(recipe, training=replace(recipe.training, batch=16))
    with pytest.raises(UserError, match="holds a training by another recipe") as caught:
        train(other, out, silent, splits=blobs())
    assert caught.value.details == ("training.batch was 10, is 16",)
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(UserError, match="is not empty and holds no training"):
        train(recipe, tmp_path, silent, splits=blobs())


def test_patience_stops_early_and_the_best_weights_stay(tmp_path: Path) -> None:
    """Trained on noise without labels to learn, validation gets no better for long."""
    recipe = small_recipe(tmp_path, ("epochs = 4", "epochs = 60\npatience = 3"))
    out = tmp_path / "out"
    card = train(recipe, out, silent, splits=blobs())
    rows = rows_of(out)
    assert card.is_stopped_early
    assert len(rows) == card.best_epoch + 3 < 60
    model = keras.models.load_model(out / "model.keras", compile=False)
    classes, loss = evaluate(CLASSIFICATION, compile_predict(load_backend(), model), blobs().validation)
    assert (np.array(classes) == blobs().validation.labels).mean() == card.validation_accuracy
    assert loss == pytest.approx(rows[card.best_epoch - 1]["validation_loss"], rel=1e-5)


@pytest.mark.parametrize("training", [
    Training(epochs=2, optimizer="sgd", schedule="constant", learning_rate=0.05, gradient_clip=1.0),
    Training(epochs=2, optimizer="adam", warmup_epochs=0, label_smoothing=0.1, batch=25),
])  # fmt: skip
def test_optimizers_and_schedules_learn(tmp_path: Path, training: Training) -> None:
    recipe, data, backend = small_recipe(tmp_path), blobs(), load_backend()
    model = build_network(backend, recipe, data)
    job = Job(data.train, data.validation, replace(training, epochs=5), recipe.augmentation, None, {})
    history = fit(backend, model, job, silent)
    assert history[-1]["loss"] < history[0]["loss"]


def test_learning_rate_rises_and_falls(trained: Trained) -> None:
    """After one epoch of warm-up it is at its top, at the end at 0."""
    rates = [row["learning_rate"] for row in rows_of(trained.out)]
    assert rates[0] == pytest.approx(0.01)
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] == pytest.approx(0, abs=1e-9)


def test_infinite_loss_gets_a_sentence(tmp_path: Path) -> None:
    exponential = NETWORK.replace('keras.layers.ReLU(name="relu")', 'keras.layers.Activation("exponential")')
    fast = RECIPE.replace("learning_rate = 0.01", 'learning_rate = 100\noptimizer = "sgd"\nwarmup_epochs = 0')
    recipe = load_recipe(write_recipe(tmp_path, fast, network=exponential))
    with pytest.raises(UserError, match="the loss became infinite in epoch") as caught:
        train(recipe, tmp_path / "out", silent, splits=blobs())
    assert "lower learning_rate" in str(caught.value.hint)


NETWORK_MISTAKES = {
    "no build": ("x = 1", "has no function `build`"),
    "no such argument": ("def build(input_shape, num_classes): pass", "takes no width"),
    "fails": ("def build(input_shape, num_classes, width): raise ValueError('odd')", "fails: ValueError: odd"),
    "other classes": (NETWORK.replace("Dense(num_classes", "Dense(7"), r"to \(None, 7\); the data need"),
    "no such file": (None, "there is no file"),
}


@pytest.mark.parametrize("case", NETWORK_MISTAKES)
def test_wrong_network_is_named(tmp_path: Path, case: str) -> None:
    text, message = NETWORK_MISTAKES[case]
    recipe = small_recipe(tmp_path, ('name = "net.py"', 'name = "net.py"\nwidth = 4'))
    (tmp_path / "net.py").unlink() if text is None else (tmp_path / "net.py").write_text(text)
    with pytest.raises(UserError, match=message):
        train(recipe, tmp_path / "out", silent, splits=blobs())
    assert not (tmp_path / "out").exists()


@pytest.mark.needs("sklearn")
def test_command_is_interrupted_and_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe, out = write_recipe(tmp_path, RECIPE.replace("epochs = 4", "epochs = 300")), tmp_path / "out"
    # a shell's background job, as CI may be, and all that it starts ignore the signal
    command = ["env", "--default-signal=INT", sys.executable, "-m", "sapmcu", "train", str(recipe), "-o", str(out)]
    with subprocess.Popen(
        [*command, "--threads", "1"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        lines = [next(line for line in process.stderr if line.startswith("epoch 1/300: loss "))]
        process.send_signal(signal.SIGINT)
        lines += process.stderr.readlines()
        assert process.wait(60) == 130
    assert f"of 300 epochs are kept in {out}; the same command goes on from there\n" in "".join(lines)
    assert lines[-1] == "interrupted\n"
    changed = sapmcu(capsys, monkeypatch, "train", write_recipe(tmp_path), "-o", out)
    assert changed.code == 1
    assert "error: " in changed.err
    assert "training.epochs was 300, is 4" in changed.err
