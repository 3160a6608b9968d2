# SPDX-License-Identifier: Apache-2.0
"""The command that compares engines and plans: bench."""

from __future__ import annotations

from pathlib import Path

import click

from sapmcu.cli.group import JSON, cli, progress

DEFAULT_BOARD = "nucleo_f446re"


@cli.command()
@click.argument("models", metavar="MODEL...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--board", "boards", multiple=True, default=(DEFAULT_BOARD,), show_default=True, help="Repeat for more.")
@click.option(
    "--tflm",
    type=click.Path(path_type=Path),
    envvar="SAPMCU_TFLM",
    show_envvar=True,
    help="Your build of TensorFlow Lite Micro, to be measured on boards with its core. Without it: stored figures, "
    "where there are any of this very model.",
)
@click.option("--toolchain", type=click.Choice(["gcc", "zig"]), help="Default: gcc where it is installed.")
@click.option("--plot", type=click.Path(path_type=Path), help="Draw speed against SRAM into this .png or .svg file.")
@click.option("--markdown", is_flag=True, help="Print the rows as a Markdown table.")
@JSON
def bench(
    models: tuple[Path, ...],
    boards: tuple[str, ...],
    tflm: Path | None,
    toolchain: str | None,
    plot: Path | None,
    markdown: bool,
    as_json: bool,
) -> None:
    """Compare the speed and memory of each MODEL by engine and plan, one inference in an emulator each."""
    from sapmcu.bench import BenchOptions
    from sapmcu.bench import bench as run_bench
    from sapmcu.emit.directory import write_files
    from sapmcu.report.bench import bench_json, bench_markdown, check_plot, plot_bench, render_bench
    from sapmcu.report.json import json_text

    if plot is not None:
        check_plot(plot)
    done = run_bench(BenchOptions(models, boards, tflm, toolchain), progress)
    if as_json:
        click.echo(json_text(bench_json(done)))
    else:
        click.echo(bench_markdown(done.rows) if markdown else render_bench(done))
    if plot is not None:
        write_files(plot.absolute().parent, {plot.name: plot_bench(done.rows, plot.suffix)})
