# SPDX-License-Identifier: Apache-2.0
"""The runs of a grid: one recipe for each combination, under a name that says which."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product

from sapmcu.errors import UserError
from sapmcu.train.recipe import Grid, PoolingVariant, Recipe

AXES = ("pooling", "strides", "placement", "seed")


@dataclass(frozen=True)
class Variant:
    """What tells a run from the others. pooling: the variant's name, of its kind with its options."""

    pooling: str
    kind: str
    strides: str
    placement: str
    seed: int
    options: Mapping[str, object] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Of its directory."""
        parts = [self.pooling, self.strides, self.placement, f"seed{self.seed}"]
        return "-".join(re.sub(r"[^\w.-]", "_", part) for part in parts if part)


@dataclass(frozen=True)
class Run:
    variant: Variant
    recipe: Recipe


def grid_runs(recipe: Recipe) -> tuple[Run, ...]:
    """Seeds outermost, so that a grid that is not finished has all variants with as many seeds.

    Raises: UserError where the recipe has no grid.
    """
    if recipe.grid == Grid():
        raise UserError(
            f"recipe {recipe.name} has no [grid]", hint="docs/training.md shows one; sapmcu train runs a single recipe"
        )
    arguments = recipe.network.arguments
    own = PoolingVariant(
        str(arguments.get("pooling", "")), str(arguments.get("pooling", "")), dict(recipe_options(arguments))
    )
    runs = [
        _run(recipe, pooling, strides, placement, seed)
        for seed, strides, placement, pooling in product(
            recipe.grid.seeds or (recipe.training.seed,),
            recipe.grid.strides or (str(arguments.get("strides", "")),),
            recipe.grid.placements or (str(arguments.get("placement", "")),),
            recipe.grid.pooling or (own,),
        )
    ]
    names = [run.variant.name for run in runs]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise UserError(f"two runs of recipe {recipe.name} would be called {twice}", hint="rename a pooling")
    return tuple(runs)


def recipe_options(arguments: Mapping[str, object]) -> Mapping[str, object]:
    options = arguments.get("pooling_options", {})
    assert isinstance(options, Mapping)
    return options


def _run(recipe: Recipe, pooling: PoolingVariant, strides: str, placement: str, seed: int) -> Run:
    """pooling's options replace those of [network] where the grid has poolings."""
    wanted = {"pooling": pooling.kind, "strides": strides, "placement": placement, "pooling_options": pooling.options}
    arguments = {key: value for key, value in recipe.network.arguments.items() if key not in wanted}
    arguments |= {key: value for key, value in wanted.items() if value}
    variant = Variant(pooling.name, pooling.kind, strides, placement, seed, pooling.options)
    own = replace(
        recipe,
        name=f"{recipe.name}/{variant.name}",
        network=replace(recipe.network, arguments=arguments),
        training=replace(recipe.training, seed=seed),
        grid=Grid(),
    )
    return Run(variant, own)


def chosen_runs(runs: Sequence[Run], only: str) -> tuple[Run, ...]:
    """Those that `only` names: "pooling=sap,seed=1"; a key that is given several times means any of its values.

    Raises: UserError where a key or value is none of the grid's.
    """
    wanted: dict[str, set[str]] = {}
    for part in filter(None, only.split(",")):
        key, _, value = part.partition("=")
        if key not in AXES:
            raise UserError(f"--only {part}: there is no axis {key!r}", hint=f"the axes: {', '.join(AXES)}")
        known = list(dict.fromkeys(str(getattr(run.variant, key)) for run in runs))
        if value not in known:
            raise UserError(f"--only {part}: the grid has no such {key}", hint=f"it has {', '.join(known)}")
        wanted.setdefault(key, set()).add(value)
    return tuple(run for run in runs if all(str(getattr(run.variant, key)) in values for key, values in wanted.items()))
