# SPDX-License-Identifier: Apache-2.0
"""Commands that make or change Keras models: pool, train, compare, prune."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from sapmcu.cli.group import JSON, MODEL, cli, progress
from sapmcu.ir.pooling import POOLING_KINDS

RECIPE = click.argument("recipe", type=click.Path(path_type=Path))
THREADS = click.option("--threads", type=click.IntRange(min=0), default=0, help="Of TensorFlow. Default: all.")


@cli.command()
@MODEL
@click.option("--with", "kind", type=click.Choice(POOLING_KINDS), default="sap", show_default=True)
@click.option("--at", "names", help="Layers to replace: NAME,NAME. Without it, those that can be are listed.")
@click.option("--option", "options", multiple=True, help="NAME=VALUE of the pooling, as patch_size=4; repeat.")
@click.option("-o", "--out", type=click.Path(path_type=Path), help="The .keras or .h5 file to write.")
@click.option("--force", is_flag=True, help="Replace that file.")
@JSON
def pool(
    model: Path, kind: str, names: str | None, options: tuple[str, ...], out: Path | None, force: bool, as_json: bool
) -> None:
    """Replace max and average pools or strided convolutions of MODEL (.keras, .h5) by another pooling."""
    from sapmcu.pooling import parse_options, pool_model, pooling_sites
    from sapmcu.report.json import json_text
    from sapmcu.report.pooling import render_replaced, render_sites, replaced_json, sites_json

    if names is None:
        if out is not None or options:
            raise click.UsageError("-o and --option need --at, the layers to replace")
        sites = pooling_sites(model, progress=progress)
        click.echo(json_text(sites_json(sites)) if as_json else render_sites(sites))
        return
    if out is None:
        raise click.UsageError("--at needs -o, the file to write")
    chosen = [name.strip() for name in names.split(",") if name.strip()]
    parsed = parse_options(options)
    done = pool_model(model, kind, chosen, out, options=parsed, force=force, progress=progress)
    click.echo(json_text(replaced_json(done)) if as_json else render_replaced(done))


@cli.command()
@RECIPE
@click.option("-o", "--out", type=click.Path(path_type=Path), help="Directory to write. Default: the recipe's name.")
@THREADS
@JSON
def train(recipe: Path, out: Path | None, threads: int, as_json: bool) -> None:
    """Train a network as RECIPE (.toml) says, or go on where an interruption left it."""
    from sapmcu.train.card import card_json, render_card
    from sapmcu.train.recipe import load_recipe
    from sapmcu.train.training import train as train_by_recipe

    loaded = load_recipe(recipe)
    card = train_by_recipe(loaded, out or Path(loaded.name), progress, threads=threads)
    click.echo((card_json(card) if as_json else render_card(card)).rstrip())


@cli.command()
@RECIPE
@click.option("-o", "--out", type=click.Path(path_type=Path), help="Directory to write. Default: the recipe's name.")
@click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Processes that train at once.")
@click.option("--only", default="", help="Some of the runs: pooling=sap,seed=1; also strides, placement.")
@click.option("--worker", "is_worker", is_flag=True, hidden=True)
@THREADS
@JSON
def compare(recipe: Path, out: Path | None, jobs: int, is_worker: bool, as_json: bool, **options: Any) -> None:
    """Train and measure the grid of RECIPE (.toml): poolings, strides, placements, seeds; or go on with it."""
    from sapmcu.report.comparison import comparison_json, render_comparison
    from sapmcu.report.json import json_text
    from sapmcu.train import comparison
    from sapmcu.train.recipe import load_recipe

    loaded, chosen = load_recipe(recipe), comparison.CompareOptions(**options)
    out = out or Path(loaded.name)
    if is_worker:
        comparison.work(loaded, out, chosen, progress)
        return
    if jobs > 1:
        result = comparison.compare_in_processes(loaded, recipe, out, jobs, chosen, progress)
    else:
        result = comparison.compare(loaded, out, chosen, progress)
    comparison.write_reports(result, out, progress)
    click.echo(json_text(comparison_json(result)) if as_json else render_comparison(result))


@cli.command()
@MODEL
@click.option("--ratio", type=float, help="Share of the channels to remove, 0 to below 1.")
@click.option("--sram", "sram_bytes", type=int, help="Bytes that the native engine's arena may take.")
@click.option(
    "--plan",
    type=click.Choice(["rows", "whole"]),
    default="rows",
    show_default=True,
    help="Which arena --sram limits. rows: by rows, as convert plans it where a board is small. whole: op after op.",
)
@click.option("-o", "--out", type=click.Path(path_type=Path), required=True, help="File to write: NEW.keras.")
@click.option("--force", is_flag=True, help="Replace the file.")
@click.option(
    "--criterion",
    type=click.Choice(["bn", "l1"]),
    default="bn",
    show_default=True,
    help="What judges a channel: its batch norms' scale, or the sum of |filter|.",
)
@click.option("--multiple", type=int, default=4, show_default=True, help="Widths stay multiples of it.")
@click.option("--keep", multiple=True, metavar="LAYER", help="Leave the channels before and behind LAYER; repeat.")
@click.option("--recipe", type=click.Path(path_type=Path), help="Train the result further by its [fine_tune].")
@THREADS
@JSON
def prune(model: Path, out: Path, criterion: str, plan: str, as_json: bool, **options: Any) -> None:
    """Remove whole channels of MODEL (.keras, .h5): a smaller Keras model for less SRAM and fewer MACs."""
    from sapmcu.ir.pruning import ArenaPlan, Criterion, PruneOptions, PruningGoal
    from sapmcu.pruning import prune_file
    from sapmcu.report.json import json_text
    from sapmcu.report.pruning import pruning_json, render_pruning

    goal = {name: options.pop(name) for name in ("ratio", "sram_bytes", "multiple", "keep")}
    if (goal["ratio"] is None) == (goal["sram_bytes"] is None):
        raise click.UsageError("give either --ratio or --sram")
    wanted = PruningGoal(**goal, criterion=Criterion(criterion), plan=ArenaPlan(plan))
    result = prune_file(PruneOptions(model, out, wanted, **options), progress)
    for warning in result.warnings:
        progress(f"warning: {warning}")
    click.echo(json_text(pruning_json(result)) if as_json else render_pruning(result))
