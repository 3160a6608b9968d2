# SPDX-License-Identifier: Apache-2.0
"""Grids: which runs they have, and what each of them is."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_training import RECIPE, write_recipe

from sapmcu.errors import UserError
from sapmcu.train.grid import chosen_runs, grid_runs
from sapmcu.train.recipe import Recipe, load_recipe

NETWORK_ARGUMENTS = """
width = 4
pooling = "max"
strides = "1222"
pooling_options = { window = 3 }
"""
GRID = """
[grid]
strides = ["2122", "4122"]
seeds = [5, 6]
[[grid.pooling]]
kind = "sap"
[[grid.pooling]]
kind = "sap"
name = "sap-nowin"
options = { normalize = false }
"""


def recipe_with(tmp_path: Path, grid: str, name: str = "study") -> Recipe:
    text = RECIPE.replace('name = "net.py"', 'name = "net.py"' + NETWORK_ARGUMENTS)
    return load_recipe(write_recipe(tmp_path, text + grid, name))


def test_seeds_are_outermost_and_names_say_which(tmp_path: Path) -> None:
    runs = grid_runs(recipe_with(tmp_path, GRID))
    assert [run.variant.name for run in runs] == [
        f"{pooling}-{strides}-seed{seed}"
        for seed in (5, 6)
        for strides in ("2122", "4122")
        for pooling in ("sap", "sap-nowin")
    ]


def test_run_is_the_base_recipe_with_its_place_in_the_grid(tmp_path: Path) -> None:
    run = grid_runs(recipe_with(tmp_path, GRID))[5]
    assert run.recipe.training.seed == 6
    assert run.recipe.training.epochs == 4
    assert run.recipe.network.arguments == {
        "width": 4.0,
        "pooling": "sap",
        "strides": "2122",
        "pooling_options": {"normalize": False},
    }
    plain = grid_runs(recipe_with(tmp_path, GRID))[0]
    assert "pooling_options" not in plain.recipe.network.arguments  # those of [network] are for its own pooling
    assert plain.recipe.network_path == str(tmp_path / "net.py")


def test_axis_that_is_not_given_stays(tmp_path: Path) -> None:
    runs = grid_runs(recipe_with(tmp_path, '[grid]\nplacements = ["prepool", "before_stage"]\n'))
    assert [run.variant.name for run in runs] == ["max-1222-prepool-seed1", "max-1222-before_stage-seed1"]
    assert runs[0].recipe.network.arguments["pooling_options"] == {"window": 3}


def test_recipe_without_a_grid_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"recipe study has no \[grid\]"):
        grid_runs(recipe_with(tmp_path, ""))


def test_runs_are_chosen_by_their_axes(tmp_path: Path) -> None:
    runs = grid_runs(recipe_with(tmp_path, GRID))

    def names(only: str) -> list[str]:
        return [run.variant.name for run in chosen_runs(runs, only)]

    assert len(names("")) == 8
    assert names("pooling=sap,seed=6") == ["sap-2122-seed6", "sap-4122-seed6"]
    assert names("strides=4122,pooling=sap-nowin,seed=5,seed=6") == ["sap-nowin-4122-seed5", "sap-nowin-4122-seed6"]
    with pytest.raises(UserError, match="there is no axis 'width'"):
        names("width=4")
    with pytest.raises(UserError, match="the grid has no such seed") as caught:
        names("seed=7")
    assert caught.value.hint == "it has 5, 6"
