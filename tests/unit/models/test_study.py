# SPDX-License-Identifier: Apache-2.0
"""The study's recipes can be read, and all runs of their grids have names of their own and a network."""

from __future__ import annotations

from pathlib import Path

import pytest

from sapmcu.train.grid import grid_runs
from sapmcu.train.networks import load_network
from sapmcu.train.recipe import load_recipe

RECIPES = sorted((Path(__file__).parents[3] / "models" / "study").glob("*.toml"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_of_the_study_is_a_grid(path: Path) -> None:
    runs = grid_runs(load_recipe(path))
    assert len({run.variant.name for run in runs}) == len(runs) > 1
    assert callable(load_network(runs[0].recipe.network_path))


def test_there_is_a_study() -> None:
    assert RECIPES
