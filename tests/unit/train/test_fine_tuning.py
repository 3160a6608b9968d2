# SPDX-License-Identifier: Apache-2.0
"""A pruned network is trained further by its recipe, on the same data, without a look at the test set."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from quiet_keras import keras
from small_training import RECIPE, blobs, small_recipe, write_recipe

from sapmcu.errors import UserError
from sapmcu.ir.pruning import PruneOptions, PruningGoal
from sapmcu.isolated import silent
from sapmcu.pruning import prune_file
from sapmcu.train.fine_tuning import fine_tune
from sapmcu.train.networks import load_network
from sapmcu.train.prune import prune
from sapmcu.train.recipe import Recipe
from sapmcu.train.training import train

pytestmark = pytest.mark.needs("tensorflow")

FINE_TUNE = "[fine_tune]\nepochs = 3\nlearning_rate = 0.01\n[augmentation]"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Recipe, Path]:
    directory = tmp_path_factory.mktemp("trained")
    recipe = small_recipe(directory, ("[augmentation]", FINE_TUNE))
    train(recipe, directory / "out", silent, splits=blobs())
    return recipe, directory / "out/model.keras"


def test_a_pruned_network_learns_again(trained: tuple[Recipe, Path], tmp_path: Path) -> None:
    recipe, whole = trained
    smaller = prune(keras.models.load_model(whole, compile=False), 0.5, multiple=1)
    before = [np.array(one) for one in smaller.weights]
    changed = tmp_path / "smaller.keras"
    smaller.save(changed)
    asked: list[object] = []
    tuning = fine_tune(whole, changed, recipe, silent, splits=blobs(asked=asked.append))
    assert sorted(map(str, asked)) == ["train", "validation"]
    assert (tuning.recipe, tuning.epochs) == ("small", 3)
    assert tuning.whole_accuracy > 0.9
    assert tuning.tuned_accuracy >= tuning.pruned_accuracy
    after = keras.models.load_model(changed, compile=False)
    assert after.get_layer("stem").filters == 2
    assert any(not np.array_equal(one, other) for one, other in zip(before, after.get_weights(), strict=True))


def test_data_of_another_network_are_named(trained: tuple[Recipe, Path], tmp_path: Path) -> None:
    recipe, whole = trained
    with pytest.raises(UserError, match=r"model.keras maps \(None, 8, 8, 1\) to \(None, 3\); the data of recipe small"):
        fine_tune(whole, whole, recipe, silent, splits=blobs(classes=2))


@pytest.mark.needs("sklearn")
def test_prune_with_a_recipe_writes_the_trained_network(tmp_path: Path) -> None:
    path = write_recipe(tmp_path, RECIPE.replace("[augmentation]", FINE_TUNE))
    load_network(str(tmp_path / "net.py"))((8, 8, 1), 10, width=8).save(tmp_path / "whole.keras")
    options = PruneOptions(tmp_path / "whole.keras", tmp_path / "new.keras", PruningGoal(0.5), recipe=path)
    pruning = prune_file(options, silent)
    assert pruning.tuning is not None
    assert pruning.tuning.tuned_accuracy > pruning.tuning.pruned_accuracy + 0.3, "the whole network is untrained"
    assert pruning.warnings == ()
    assert keras.models.load_model(tmp_path / "new.keras", compile=False).get_layer("stem").filters == 4
    assert {one.name for one in tmp_path.iterdir()} == {"whole.keras", "new.keras", "net.py", "small.toml"}


def test_a_recipe_that_is_not_there_is_named_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "m.keras").touch()
    options = PruneOptions(tmp_path / "m.keras", tmp_path / "n.keras", PruningGoal(0.5), recipe=tmp_path / "none.toml")
    with pytest.raises(UserError, match=r"none.toml does not exist"):
        prune_file(options, silent)
