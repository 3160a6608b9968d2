# SPDX-License-Identifier: Apache-2.0
"""The command line: parse, call one function, print its result. Only this file prints and exits."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sapmcu import __version__
from sapmcu.errors import UserError
from sapmcu.ir.pooling import POOLING_KINDS

if TYPE_CHECKING:
    from sapmcu.ir.run import Run, TestRun

BUG_EXIT_CODE = 70

MODEL = click.argument("model", type=click.Path(path_type=Path))
JSON = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
BOARD_HELP = "A name that `sapmcu boards` lists, or a path to your own TOML."
KERNELS = click.option(
    "--tflm-kernels",
    "kernels",
    type=click.Choice(["reference", "cmsis-nn"]),
    default="cmsis-nn",
    show_default=True,
    help="The kernels that your TFLM library is built with.",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="sapmcu")
def cli() -> None:
    """From a trained network to a tested Cortex-M firmware, in the least SRAM.

    \b
    sapmcu convert model.h5 --board stm32h7     int8 model, memory report, firmware project
    sapmcu memory model.tflite                  what the model needs, op by op
    sapmcu build|run|test DIR                   its firmware: built, run and tested in an emulator
    sapmcu detector DIR --anchors FILE          adds the decoder of boxes to a detector's firmware
    sapmcu pool model.h5 --with sap --at NAME   other poolings in a Keras model
    sapmcu boards                               what boards sapmcu knows
    sapmcu train RECIPE.toml                    train a network; compare: a grid of them
    sapmcu prune model.keras --sram 65536       a smaller network: fewer channels
    """


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
@KERNELS
@click.option("--dump-ir", type=click.Path(path_type=Path), help="Write the graph after every pass here.")
@JSON
def convert(as_json: bool, **options: Any) -> None:
    """Turn MODEL (.h5, .keras, SavedModel, .onnx, .tflite) into an int8 model and a firmware project."""
    from sapmcu import pipeline
    from sapmcu.report.conversion import render_conversion
    from sapmcu.report.json import conversion_json, json_text

    result = pipeline.convert(pipeline.ConvertOptions(**options, command=_command()), progress=_progress)
    click.echo(json_text(conversion_json(result)) if as_json else render_conversion(result))


@cli.command()
@MODEL
@click.option("--board", help=BOARD_HELP)
@KERNELS
@JSON
def memory(model: Path, board: str | None, kernels: str, as_json: bool) -> None:
    """Show what MODEL (.tflite, or what convert reads) needs of SRAM and flash, op by op, before anything is built."""
    from sapmcu import pipeline
    from sapmcu.boards.fit import check_fit
    from sapmcu.report.json import json_text, memory_json
    from sapmcu.report.terminal import render_memory

    report, fit = pipeline.memory(model, board, kernels, progress=_progress)
    click.echo(json_text(memory_json(report, fit)) if as_json else render_memory(report, fit))
    if fit is not None:
        check_fit(fit, report)


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
        sites = pooling_sites(model, progress=_progress)
        click.echo(json_text(sites_json(sites)) if as_json else render_sites(sites))
        return
    if out is None:
        raise click.UsageError("--at needs -o, the file to write")
    chosen = [name.strip() for name in names.split(",") if name.strip()]
    parsed = parse_options(options)
    done = pool_model(model, kind, chosen, out, options=parsed, force=force, progress=_progress)
    click.echo(json_text(replaced_json(done)) if as_json else render_replaced(done))


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


RECIPE = click.argument("recipe", type=click.Path(path_type=Path))
THREADS = click.option("--threads", type=click.IntRange(min=0), default=0, help="Of TensorFlow. Default: all.")


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
    card = train_by_recipe(loaded, out or Path(loaded.name), _progress, threads=threads)
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
        comparison.work(loaded, out, chosen, _progress)
        return
    if jobs > 1:
        result = comparison.compare_in_processes(loaded, recipe, out, jobs, chosen, _progress)
    else:
        result = comparison.compare(loaded, out, chosen, _progress)
    comparison.write_reports(result, out, _progress)
    click.echo(json_text(comparison_json(result)) if as_json else render_comparison(result))


@cli.command()
@MODEL
@click.option("--ratio", type=float, help="Share of the channels to remove, 0 to below 1.")
@click.option("--sram", "sram_bytes", type=int, help="Bytes that the native engine's arena may take.")
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
def prune(model: Path, out: Path, criterion: str, as_json: bool, **options: Any) -> None:
    """Remove whole channels of MODEL (.keras, .h5): a smaller Keras model for less SRAM and fewer MACs."""
    from sapmcu.ir.pruning import Criterion, PruneOptions, PruningGoal
    from sapmcu.pruning import prune_file
    from sapmcu.report.json import json_text
    from sapmcu.report.pruning import pruning_json, render_pruning

    goal = {name: options.pop(name) for name in ("ratio", "sram_bytes", "multiple", "keep")}
    if (goal["ratio"] is None) == (goal["sram_bytes"] is None):
        raise click.UsageError("give either --ratio or --sram")
    wanted = PruningGoal(**goal, criterion=Criterion(criterion))
    result = prune_file(PruneOptions(model, out, wanted, **options), _progress)
    for warning in result.warnings:
        _progress(f"warning: {warning}")
    click.echo(json_text(pruning_json(result)) if as_json else render_pruning(result))


PROJECT = click.argument("project", type=click.Path(path_type=Path))
TOOLCHAIN = click.option("--toolchain", type=click.Choice(["gcc", "zig"]), help="Default: gcc where it is installed.")
PREFER = click.option("--prefer", type=click.Choice(["speed", "size"]), default="speed", show_default=True)
EMULATOR = click.option(
    "--emulator", type=click.Choice(["unicorn", "qemu"]), help="Default: unicorn where it has the core."
)
LINKS = click.Choice(["semihosting", "uart"])
BUILD_LINK = click.option(
    "--link",
    type=LINKS,
    help="How the host reaches the firmware. uart: the board's serial port, 115,200 baud 8N1, which runs on its own; "
    "semihosting: an emulator, or a debugger without which it faults. Default: uart where sapmcu knows the board's.",
)
RUN_LINK = click.option(
    "--link",
    type=LINKS,
    default="semihosting",
    show_default=True,
    help="How the host reaches the firmware. uart: a serial port, in QEMU, by the code that boards run.",
)
ENGINE = click.option("--engine", type=click.Choice(["native", "tflm"]), default="native", show_default=True)
TFLM = click.option(
    "--tflm",
    type=click.Path(path_type=Path),
    envvar="SAPMCU_TFLM",
    show_envvar=True,
    help="For --engine tflm: a directory with TensorFlow Lite Micro's headers and libtensorflow-microlite.a.",
)


@cli.command()
@PROJECT
@ENGINE
@TFLM
@BUILD_LINK
@TOOLCHAIN
@PREFER
@JSON
def build(project: Path, as_json: bool, **options: Any) -> None:
    """Build the firmware of PROJECT, a directory that convert wrote: ELF, .bin, .hex, sizes."""
    from sapmcu.emulation import build_project
    from sapmcu.report.firmware import build_json, render_build
    from sapmcu.report.json import json_text

    made = build_project(project, **_build_options(options)).build
    click.echo(json_text(build_json(made)) if as_json else render_build(made))


@cli.command()
@PROJECT
@ENGINE
@TFLM
@EMULATOR
@RUN_LINK
@click.option("--input", "inputs", type=click.Path(path_type=Path), multiple=True, help="Your own input, .npy; repeat.")
@click.option("--profile", is_flag=True, help="List the functions that take the most instructions.")
@TOOLCHAIN
@PREFER
@JSON
def run(project: Path, inputs: tuple[Path, ...], profile: bool, as_json: bool, **options: Any) -> None:
    """Build PROJECT's firmware and run one inference in an emulator."""
    from sapmcu.emulation import run_project
    from sapmcu.report.firmware import render_run, run_json
    from sapmcu.report.json import json_text

    done = run_project(project, inputs=inputs or None, **_build_options(options))
    _warn_of_arena(done)
    click.echo(json_text(run_json(done)) if as_json else render_run(done, profile=profile))
    if done.outputs_equal is False:
        raise UserError(
            f"{project}: the outputs differ from those in testdata/", hint=f"sapmcu test {project} says where"
        )


@cli.command()
@PROJECT
@ENGINE
@TFLM
@EMULATOR
@RUN_LINK
@click.option("--junit", type=click.Path(path_type=Path), help="Write the results as JUnit XML here.")
@TOOLCHAIN
@PREFER
@JSON
def test(project: Path, junit: Path | None, as_json: bool, **options: Any) -> None:
    """Run all test vectors of PROJECT in an emulator and compare every byte."""
    from sapmcu.emulation import test_project
    from sapmcu.report.firmware import render_test, test_json
    from sapmcu.report.json import json_text
    from sapmcu.report.junit import write_junit

    done = test_project(project, **_build_options(options))
    _warn_of_arena(done)
    if junit is not None:
        write_junit(done, junit)
    click.echo(json_text(test_json(done)) if as_json else render_test(done))
    if done.first_difference is not None:
        raise UserError(
            f"{project}: the firmware's outputs differ from those in testdata/",
            hint="convert again if testdata/ or the firmware were changed; else please report it as a bug in sapmcu",
        )


@cli.command()
@PROJECT
@click.option(
    "--anchors",
    required=True,
    type=click.Path(path_type=Path),
    help="The model's anchors, .npy, float [anchors,4]: centre y, centre x, height, width.",
)
@click.option("--min-score", default=0.5, show_default=True, help="Boxes of a lower score are left out.")
@click.option("--max-iou", default=0.45, show_default=True, help="So much may boxes of one class overlap.")
@click.option("--max-boxes", default=50, show_default=True, help="So many best boxes are looked at.")
def detector(project: Path, anchors: Path, **options: Any) -> None:
    """Add the decoder of boxes to the native firmware of PROJECT, a detector that convert wrote."""
    from sapmcu.detector import add_detector
    from sapmcu.ir.detection import DecoderOptions

    for path in add_detector(project, anchors, DecoderOptions(**options), _command()):
        click.echo(path)


def _build_options(options: dict[str, Any]) -> dict[str, Any]:
    """The options of build, run and test as functions take them."""
    from sapmcu.emulation import tflm_directory
    from sapmcu.ir.build import Engine, Link, Prefer

    tflm = tflm_directory(Engine(options.pop("engine")), options.pop("tflm"))
    link = options["link"] and Link(options["link"])
    return {**options, "tflm": tflm, "prefer": Prefer(options["prefer"]), "link": link}


def _warn_of_arena(done: Run | TestRun) -> None:
    """Another release of TFLM, or its other kernels, may use more or less than the report says."""
    used, predicted = done.identity.arena_bytes, done.arena_predicted_bytes
    if predicted is not None and used != predicted:
        _progress(
            f"warning: TFLM uses {used:,} bytes of its arena, report.json predicts {predicted:,}; "
            "convert's --tflm-kernels names the kernels of the library"
        )


def _command() -> str:
    """The command line as a user would type it."""
    return " ".join(["sapmcu", *sys.argv[1:]])


def _progress(text: str) -> None:
    """One line of progress on stderr; stdout is the result."""
    click.echo(text, err=True)


def main() -> None:
    """Entry point: errors become a sentence, a hint and an exit code."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # our products are small: threads only wait for each other
    sys.exit(_guarded(lambda: cli.main(prog_name="sapmcu", standalone_mode=False)))


def _guarded(command: Callable[[], Any]) -> int:
    try:
        command()
        sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return 130
    except UserError as error:
        _show(error)
        return error.exit_code
    except BrokenPipeError:  # the reader of our output, `head` for instance, has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception:
        traceback.print_exc()
        click.echo("error: this is a bug in sapmcu; please report it with the lines above and the model", err=True)
        return BUG_EXIT_CODE
    return 0


def _show(error: UserError) -> None:
    click.echo(f"error: {error.message}", err=True)
    for line in error.details:
        click.echo(f"  {line}", err=True)
    if error.hint:
        click.echo(f"hint: {error.hint}", err=True)


if __name__ == "__main__":
    main()
