# SPDX-License-Identifier: Apache-2.0
"""`sapmcu compare`: each run once, whatever is interrupted, fails, or runs beside it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import quiet_keras  # noqa: F401  # the settings with which this process imports TensorFlow
from command import sapmcu
from small_training import RECIPE, blobs, write_recipe

from sapmcu.errors import UserError
from sapmcu.frontends.source import load_source
from sapmcu.frontends.tflite import read_tflite
from sapmcu.ir.comparison import Comparison
from sapmcu.ir.source import Samples
from sapmcu.isolated import silent
from sapmcu.quantize.quantizer import quantize_source
from sapmcu.reference import run_graph
from sapmcu.train.comparison import CompareOptions, compare, locked, write_reports
from sapmcu.train.measure import find_int8, pixels_to_real
from sapmcu.train.recipe import Recipe, load_recipe
from sapmcu.train.task import CLASSIFICATION

pytestmark = pytest.mark.needs("tensorflow")

GRID = """
[grid]
[[grid.pooling]]
kind = "max"
[[grid.pooling]]
kind = "average"
name = "average-3"
options = { strides = 3 }
"""
OPTIONS = CompareOptions(threads=1)


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    text = RECIPE.replace("epochs = 4", "epochs = 2").replace('name = "net.py"', 'name = "net.py"\nstrides = "2"')
    return load_recipe(write_recipe(tmp_path_factory.mktemp("recipe"), text + GRID, "study"))


@pytest.fixture(scope="module")
def done(recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Comparison]:
    """The grid in two calls, as after an interruption."""
    out = tmp_path_factory.mktemp("done")
    first = compare(recipe, out, CompareOptions("pooling=max", 1), silent, blobs())
    assert [row.name for row in first.rows] == ["max-2-seed1"]
    return out, compare(recipe, out, OPTIONS, silent, blobs())


def test_rows_have_all_raw_numbers(done: tuple[Path, Comparison]) -> None:
    out, result = done
    assert [row.name for row in result.rows] == ["max-2-seed1", "average-3-2-seed1"]
    row = result.rows[1]
    card = json.loads((out / "runs" / row.name / "card.json").read_text())
    assert (row.kind, row.options, row.strides, row.placement, row.seed) == ("average", {"strides": 3}, "2", "", 1)
    assert (row.parameters, row.macs) == (card["parameters"], card["macs"])
    assert row.float_test_accuracy == card["test_accuracy"]
    assert abs(row.int8_test_accuracy - row.float_test_accuracy) < 0.1
    assert row.agreement is not None
    assert row.agreement > 0.9
    assert row.measure == "accuracy"
    assert 0 <= row.native_sram_bytes - (8 * 8 + 8 * 8 * 4) < 128  # the picture, the stem's output, scratch
    assert row.native_rows_sram_bytes is not None
    assert row.native_input_rows_sram_bytes is not None
    assert row.native_input_rows_sram_bytes <= row.native_rows_sram_bytes < row.native_sram_bytes
    assert row.tflm_sram_bytes > row.native_sram_bytes
    assert row.flash_bytes > row.model_bytes > 1000


def test_what_is_done_stays_done(done: tuple[Path, Comparison], recipe: Recipe) -> None:
    out, result = done
    told: list[str] = []
    assert compare(recipe, out, OPTIONS, told.append, blobs(asked=lambda part: pytest.fail(part))) == result
    assert told == []


def test_lost_row_is_measured_again_without_training(done: tuple[Path, Comparison], recipe: Recipe) -> None:
    out, result = done
    (out / "runs" / "max-2-seed1" / "row.json").unlink()
    told: list[str] = []
    assert compare(recipe, out, OPTIONS, told.append, blobs()) == result
    assert not [line for line in told if "epoch" in line]


def test_row_of_an_older_version_gets_the_missing_figure_without_training(
    done: tuple[Path, Comparison], recipe: Recipe
) -> None:
    out, result = done
    path = out / "runs" / "max-2-seed1" / "row.json"
    table = json.loads(path.read_text())
    del table["native_input_rows_sram_bytes"]
    path.write_text(json.dumps(table))
    told: list[str] = []
    assert compare(recipe, out, OPTIONS, told.append, blobs(asked=lambda part: pytest.fail(part))) == result
    assert told[0] == "max-2-seed1: measuring the SRAM by rows of a finished run"
    assert not [line for line in told if "epoch" in line or "testing" in line]


def test_run_of_another_process_is_left_to_it(recipe: Recipe, tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    told: list[str] = []
    with locked(tmp_path / "runs" / ".max-2-seed1.lock") as is_ours:
        assert is_ours
        result = compare(recipe, tmp_path, CompareOptions("pooling=max", 1), told.append, blobs())
    assert (result.rows, told) == ((), [])


def test_failed_run_is_noted_and_tried_again(recipe: Recipe, tmp_path: Path) -> None:
    broken = replace(recipe, training=replace(recipe.training, learning_rate=100.0, optimizer="sgd", epochs=9))
    with pytest.raises(UserError, match="every run of study that was tried failed") as caught:
        compare(broken, tmp_path, CompareOptions("pooling=max", 1), silent, blobs())
    assert caught.value.details[0].startswith("max-2-seed1: the loss became infinite in epoch")
    told: list[str] = []
    with pytest.raises(UserError):
        compare(broken, tmp_path, CompareOptions("pooling=max", 1), told.append, blobs())
    assert told[0] == "run 1 of 1: max-2-seed1"


def test_runs_of_another_recipe_are_refused(done: tuple[Path, Comparison], recipe: Recipe) -> None:
    other = replace(recipe, training=replace(recipe.training, epochs=3))
    with pytest.raises(UserError, match="max-2-seed1 holds a training by another recipe"):
        compare(other, done[0], OPTIONS, silent, blobs())


def test_damaged_row_is_named(done: tuple[Path, Comparison], recipe: Recipe) -> None:
    row = done[0] / "runs" / "max-2-seed1" / "row.json"
    kept = row.read_text()
    for text in (kept[:40], '{"name": "x"}', "[1]"):
        row.write_text(text)
        with pytest.raises(UserError, match=r"row\.json can't be read"):
            compare(recipe, done[0], OPTIONS, silent, blobs())
    row.write_text(kept)


@pytest.mark.needs("matplotlib")
def test_reports_are_written(done: tuple[Path, Comparison]) -> None:
    out, result = done
    write_reports(result, out, silent)
    names = {"results.json", "table.md", "accuracy-sram.png", "accuracy-sram.svg"}
    assert {path.name for path in out.iterdir() if path.is_file()} == names
    assert len(json.loads((out / "results.json").read_text())["rows"]) == 2


def test_int8_classes_are_those_of_one_inference_at_a_time(done: tuple[Path, Comparison]) -> None:
    """By the reference; pixels become the int8 inputs that a float picture would."""
    source, test = load_source(done[0] / "runs" / "max-2-seed1" / "model.keras"), blobs().test
    samples = Samples((pixels_to_real(test.images),), None, "blobs", is_guessed=False)
    tflite = quantize_source(source, samples).tflite
    graph = read_tflite(tflite, "small")
    tensor = graph.tensors[graph.inputs[0]]
    inputs = np.round(test.images / 255 / tensor.scale + tensor.zero_point).clip(-128, 127).astype(np.int8)
    expected = [int(run_graph(graph, [one[None]])[graph.outputs[0]].argmax()) for one in inputs]
    assert find_int8(CLASSIFICATION, graph, tflite, test) == expected


@pytest.mark.needs("sklearn", "matplotlib")
def test_command_works_with_processes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = write_recipe(tmp_path, RECIPE.replace("epochs = 4", "epochs = 1") + GRID)
    out = tmp_path / "out"
    ran = sapmcu(capsys, monkeypatch, "compare", recipe, "-o", out, "--jobs", "2", "--only", "pooling=max", "--json")
    assert ran.code == 0, ran.err
    table = json.loads(ran.out)
    assert table == json.loads((out / "results.json").read_text())
    assert (table["runs"], [row["name"] for row in table["rows"]]) == (2, ["max-seed1"])


def test_own_layers_must_be_registered(recipe: Recipe, tmp_path: Path) -> None:
    network = """\
import keras

class Own(keras.layers.Layer):
    def call(self, x):
        return x

def build(input_shape, num_classes, pooling, strides, pooling_options=None):
    x = inputs = keras.Input(input_shape)
    x = keras.layers.Flatten()(Own()(x))
    return keras.Model(inputs, keras.layers.Dense(num_classes, activation="softmax")(x))
"""
    text = RECIPE.replace("epochs = 4", "epochs = 1").replace('name = "net.py"', 'name = "net.py"\nstrides = "2"')
    own = load_recipe(write_recipe(tmp_path, text + GRID, network=network))
    with pytest.raises(UserError, match="every run of small that was tried failed") as caught:
        compare(own, tmp_path / "out", CompareOptions("pooling=max", 1), silent, blobs())
    assert "model.keras can't be loaded again" in caught.value.details[0]
