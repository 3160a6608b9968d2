# SPDX-License-Identifier: Apache-2.0
"""Commands that start from a model: convert, memory; and the boards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from sapmcu.cli.group import JSON, MODEL, cli, command_line, progress

MOST_PERCENT = 1000
BOARD_HELP = "A name that `sapmcu boards` lists, or a path to your own TOML."
KERNELS = click.option(
    "--tflm-kernels",
    "kernels",
    type=click.Choice(["reference", "cmsis-nn"]),
    default="cmsis-nn",
    show_default=True,
    help="The kernels that your TFLM library is built with.",
)


def fraction(ctx: click.Context, param: click.Parameter, value: str | None) -> float | None:
    """A percentage as a fraction; the sign may be left out."""
    if value is None:
        return None
    try:
        percent = float(value.strip().removesuffix("%"))
    except ValueError:
        raise click.BadParameter(f"{value} is no percentage", ctx, param) from None
    if not 0 <= percent <= MOST_PERCENT:
        raise click.BadParameter(f"{value} is not between 0% and {MOST_PERCENT}%", ctx, param)
    return percent / 100


@cli.command()
@MODEL
@click.option("--board", required=True, help=BOARD_HELP)
@click.option("-o", "--out", type=click.Path(path_type=Path), help="Directory to write. Default: MODEL-BOARD, here.")
@click.option("--force", is_flag=True, help="Replace the directory if sapmcu wrote it before.")
@click.option(
    "--samples",
    help="Real inputs to find ranges with: .npy, .npz (x, optionally y), a directory of images, fashion-mnist, digits.",
)
@click.option("--normalize", help="How pixels become inputs: 0..1, -1..1, 0..255, or MEAN,STD.")
@click.option("--strict", is_flag=True, help="No made-up samples: stop where real ones are missing.")
@click.option("--per-layer", is_flag=True, help="List the quantization noise layer by layer, worst first.")
@click.option(
    "--input-layout",
    type=click.Choice(["file", "nhwc"]),
    default="file",
    show_default=True,
    help="nhwc: where the model first moves an input's channels last, the application gives it so; no TRANSPOSE runs.",
)
@KERNELS
@click.option(
    "--optimize",
    type=click.Choice(["auto", "sram", "none"]),
    default="auto",
    show_default=True,
    help="sram: the least SRAM: ops run row by row (native engine), results lie over operands and ops run by bands of "
    "rows (TFLM). auto: only where the board has too little SRAM otherwise. none: op after op.",
)
@click.option(
    "--max-extra-macs",
    callback=fraction,
    metavar="PERCENT",
    help="How many more MACs less SRAM may cost: some rows are computed twice. Default: 15% for TFLM, where each "
    "percent must save a quarter of a percent of the arena; for the native engine 0% with sram, what the board needs "
    "with auto.",
)
@click.option(
    "--prefer",
    type=click.Choice(["speed", "size"]),
    help="speed: filters of the native engine in the forms that take the fewest instructions and fit into the board's "
    "flash (cores with DSP); its firmware is built with -O2. size: filters of 8 bits, and -Os. Default: filters of 8 "
    "bits, -O2.",
)
@click.option(
    "--input-rows",
    is_flag=True,
    help="The application pushes the native engine's input row by row, as a camera does: it never lies in SRAM whole.",
)
@click.option(
    "--output-rows",
    is_flag=True,
    help="The application takes the native engine's outputs row by row as they are made: they never lie in SRAM whole.",
)
@click.option(
    "--pareto",
    is_flag=True,
    help="Plan the native engine with more and more MACs, too, and draw in report.html what less SRAM costs. Takes "
    "seconds to minutes; without it the page shows the plans that take no more MACs.",
)
@click.option(
    "--clock",
    type=click.Choice(["reset", "fast"]),
    default="reset",
    show_default=True,
    help="What the firmware runs at. reset: as the board comes out of reset, the fewest steps that could fail. fast: "
    "PLL, wait states and caches as the board's file says (`sapmcu boards NAME`).",
)
@click.option(
    "--place",
    multiple=True,
    metavar="ROLE=REGION",
    help="Where memory goes: arena, input, output, stack or data into a region that `sapmcu boards NAME` lists. May be "
    "repeated. By default inputs and outputs lie in the arena, which TFLM doesn't change.",
)
@click.option("--dump-ir", type=click.Path(path_type=Path), help="Write the graph after every pass here.")
@JSON
def convert(as_json: bool, **options: Any) -> None:
    """Turn MODEL (.h5, .keras, SavedModel, .onnx, .tflite) into an int8 model and a firmware project."""
    from sapmcu import pipeline
    from sapmcu.report.conversion import render_conversion
    from sapmcu.report.json import conversion_json, json_text

    result = pipeline.convert(pipeline.ConvertOptions(**options, command=command_line()), progress=progress)
    click.echo(json_text(conversion_json(result)) if as_json else render_conversion(result))


@cli.command()
@MODEL
@click.option("--board", help=BOARD_HELP)
@KERNELS
@click.option(
    "--pareto", is_flag=True, help="Show what less SRAM on the native engine costs in MACs, too: seconds to minutes."
)
@JSON
def memory(model: Path, board: str | None, kernels: str, pareto: bool, as_json: bool) -> None:
    """Show what MODEL (.tflite, or what convert reads) needs of SRAM and flash, op by op, before anything is built."""
    from sapmcu import pipeline
    from sapmcu.boards.fit import check_fit
    from sapmcu.report.json import json_text, memory_json
    from sapmcu.report.terminal import render_engines, render_memory

    report, fit, compared = pipeline.memory(model, board, kernels, progress)
    if not as_json:
        click.echo(render_memory(report, fit))
    if compared is not None:
        report = pipeline.with_engines(report, compared, progress, pareto=pareto)
        if not as_json:
            click.echo(render_engines(report))
    if as_json:
        click.echo(json_text(memory_json(report, fit)))
    if fit is not None:
        check_fit(fit, report)


@cli.command()
@click.argument("name", required=False)
@JSON
def boards(name: str | None, as_json: bool) -> None:
    """List the boards, or all facts of the board NAME (or of your own TOML) with their sources."""
    from sapmcu.boards.board import all_boards, load_board
    from sapmcu.report.boards import render_boards
    from sapmcu.report.json import boards_json, json_text

    found = all_boards() if name is None else (load_board(name),)
    click.echo(json_text(boards_json(found)) if as_json else render_boards(found))
