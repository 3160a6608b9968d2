# SPDX-License-Identifier: Apache-2.0
"""The recipes of models/ are read without an error, and build what their grids name."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from reference_models import ROOT

from sapmcu.layers.table import POOLINGS
from sapmcu.train.recipe import load_recipe

MODELS = ROOT / "models"
RECIPES = sorted(path for path in MODELS.glob("*/*.toml"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: str(path.relative_to(MODELS)))
def test_a_recipe_names_what_there_is(path: Path) -> None:
    recipe = load_recipe(path)
    kinds = {one.kind for one in recipe.grid.pooling} or {recipe.network.arguments["pooling"]}
    assert kinds <= POOLINGS.keys()
    if path.parent.name == "study":
        assert len(recipe.grid.seeds) >= 3
        assert {"sap"} == kinds if path.stem.endswith("-sap") else {"sap", "max", "average"} <= kinds


def test_the_twins_differ_by_their_pooling_alone() -> None:
    sap, twin = (
        tomllib.loads((MODELS / "fashion_scenes" / f"mobilenet_v2_{name}.toml").read_text()) for name in ("sap", "max")
    )
    sap["network"].pop("pooling_options")
    assert (sap["network"].pop("pooling"), twin["network"].pop("pooling")) == ("sap", "max")
    assert sap == twin
