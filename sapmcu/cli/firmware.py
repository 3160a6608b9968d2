# SPDX-License-Identifier: Apache-2.0
"""Commands on a project that convert wrote: build, run, test, detector, export."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from sapmcu.cli.group import JSON, cli, command_line, progress
from sapmcu.errors import UserError

if TYPE_CHECKING:
    from sapmcu.ir.run import Run, TestRun
    from sapmcu.on_board import SerialPort

PROJECT = click.argument("project", type=click.Path(path_type=Path))
TOOLCHAIN = click.option("--toolchain", type=click.Choice(["gcc", "zig"]), help="Default: gcc where it is installed.")
PREFER = click.option(
    "--prefer",
    type=click.Choice(["speed", "size"]),
    help="What the compiler optimises for. Default: what the project was converted with, else speed.",
)
EMULATOR = click.option(
    "--emulator",
    type=click.Choice(["unicorn", "qemu", "renode"]),
    help="renode: yours, on PATH or SAPMCU_RENODE. Default: unicorn where it has the core.",
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
    help="How the host reaches the firmware. uart: a serial port, in QEMU or Renode, by the code that boards run. "
    "Default: semihosting, in Renode uart.",
)
ENGINE = click.option("--engine", type=click.Choice(["native", "tflm"]), default="native", show_default=True)
TFLM = click.option(
    "--tflm",
    type=click.Path(path_type=Path),
    envvar="SAPMCU_TFLM",
    show_envvar=True,
    help="For --engine tflm: a directory with TensorFlow Lite Micro's headers and libtensorflow-microlite.a.",
)


PORT = click.option(
    "--port",
    help="Not in an emulator: on a board whose firmware is flashed, at this serial port, /dev/ttyACM0 or COM3.",
)
BAUD = click.option("--baud", type=click.IntRange(min=1), help="Of --port. Default: what the board's file says.")
TIMEOUT = click.option(
    "--timeout", type=click.FloatRange(min=0.1), default=60.0, show_default=True, help="Seconds one run may take there."
)
OF_BOARD = ("baud", "timeout")
NOT_OF_BOARD = (
    *("engine", "tflm", "link", "toolchain", "prefer"),  # what is flashed is built already
    *("emulator", "wait_states", "profile", "speed_report"),  # what only an emulator has, and what only it counts
)
TYPED = ParameterSource.COMMANDLINE
"""SAPMCU_TFLM in the environment may stay."""


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

    made = build_project(project, **build_options(options)).build
    click.echo(json_text(build_json(made)) if as_json else render_build(made))


@cli.command()
@PROJECT
@ENGINE
@TFLM
@EMULATOR
@RUN_LINK
@PORT
@BAUD
@TIMEOUT
@click.option("--input", "inputs", type=click.Path(path_type=Path), multiple=True, help="Your own input, .npy; repeat.")
@click.option("--profile", is_flag=True, help="List what each op takes, and the functions that take most.")
@click.option("--speed-report", is_flag=True, help="List each op's kernel, its instructions a MAC, and its price.")
@click.option(
    "--wait-states",
    type=click.IntRange(0, 100),
    default=0,
    show_default=True,
    help="Of flash, for the estimate of cycles: for each 16 bytes of code and each branch that is taken.",
)
@TOOLCHAIN
@PREFER
@JSON
def run(
    project: Path, inputs: tuple[Path, ...], profile: bool, speed_report: bool, as_json: bool, **options: Any
) -> None:
    """Build PROJECT's firmware and run one inference in an emulator, or on a board as it is flashed there."""
    from sapmcu.emulation import run_project
    from sapmcu.on_board import run_on_board
    from sapmcu.report.firmware import render_run, render_speeds, run_json
    from sapmcu.report.json import json_text
    from sapmcu.speed import op_speeds

    port = _port(options)
    if port is None:
        done = run_project(project, inputs=inputs or None, **build_options(options))
    else:
        done = run_on_board(project, port, inputs or None)
    _warn(done)
    speeds = op_speeds(project, done) if speed_report else ()
    click.echo(json_text(run_json(done, speeds)) if as_json else render_run(done, profile=profile))
    if speeds and not as_json:
        click.echo(f"\n{render_speeds(speeds)}")
    if done.outputs_equal is False:
        tested = shlex.join(("sapmcu", "test", str(project), *(() if port is None else ("--port", port.name))))
        raise UserError(f"{project}: the outputs differ from those in testdata/", hint=f"{tested} says where")


@cli.command()
@PROJECT
@ENGINE
@TFLM
@EMULATOR
@RUN_LINK
@PORT
@BAUD
@TIMEOUT
@click.option("--junit", type=click.Path(path_type=Path), help="Write the results as JUnit XML here.")
@TOOLCHAIN
@PREFER
@JSON
def test(project: Path, junit: Path | None, as_json: bool, **options: Any) -> None:
    """Run all test vectors of PROJECT in an emulator, or on a board, and compare every byte."""
    from sapmcu.emulation import test_project
    from sapmcu.on_board import test_on_board
    from sapmcu.report.firmware import render_test, test_json
    from sapmcu.report.json import json_text
    from sapmcu.report.junit import write_junit

    port = _port(options)
    done = test_project(project, **build_options(options)) if port is None else test_on_board(project, port)
    _warn(done)
    click.echo(json_text(test_json(done)) if as_json else render_test(done))
    if junit is not None:
        write_junit(done, junit)
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

    for path in add_detector(project, anchors, DecoderOptions(**options), command_line()):
        click.echo(path)


@cli.command()
@PROJECT
@click.option(
    "--as",
    "kind",
    required=True,
    type=click.Choice(["cmake", "zephyr", "arduino", "platformio"]),
    help="cmake: a package for find_package; zephyr: a module; arduino, platformio: a library with an example.",
)
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path), help="Directory to write.")
@click.option(
    "--force",
    is_flag=True,
    help="Replace what sapmcu export wrote there before, a library for another build system or of another model, too.",
)
def export(project: Path, kind: str, out: Path, force: bool) -> None:
    """Make of PROJECT's model a library for another build system: C of the native engine, for any core."""
    from sapmcu.exporting import export_project
    from sapmcu.ir.export import ExportFormat

    files = export_project(project, out, ExportFormat(kind), command_line(), force=force)
    click.echo(f"wrote {len(files)} files to {out}/; {out / 'README.md'} says how to use them")


def _port(options: dict[str, Any]) -> SerialPort | None:
    """The serial port of a board, if one is asked for. Raises: click.UsageError for options of the other case."""
    from sapmcu.on_board import SerialPort

    name, baud, timeout_s = options.pop("port"), options.pop("baud"), options.pop("timeout")
    if name is None:
        if others := _typed(*OF_BOARD):
            raise click.UsageError(f"{others} goes with --port only")
        return None
    if others := _typed(*NOT_OF_BOARD):
        raise click.UsageError(f"--port runs the firmware that is flashed, on the board: leave out {others}")
    return SerialPort(name, baud, timeout_s)


def _typed(*names: str) -> str:
    """Those of the options that the user has typed, as "--link, --prefer"."""
    context = click.get_current_context()
    options = (one for one in context.command.params if one.name in names)
    return ", ".join(one.opts[-1] for one in options if context.get_parameter_source(str(one.name)) is TYPED)


def build_options(options: dict[str, Any]) -> dict[str, Any]:
    """The options of build, run and test as functions take them."""
    from sapmcu.emulation import tflm_directory
    from sapmcu.ir.build import Engine, Link, Prefer

    tflm = tflm_directory(Engine(options.pop("engine")), options.pop("tflm"))
    link = options["link"] and Link(options["link"])
    return {**options, "tflm": tflm, "prefer": options["prefer"] and Prefer(options["prefer"]), "link": link}


def _warn(done: Run | TestRun) -> None:
    """Another release of TFLM, or its other kernels, may use more or less than the report says."""
    for note in done.notes:
        progress(f"warning: {note}")
    used, predicted = done.identity.arena_bytes, done.arena_predicted_bytes
    if predicted is not None and used != predicted:
        progress(
            f"warning: TFLM uses {used:,} bytes of its arena, report.json predicts {predicted:,}; "
            "convert's --tflm-kernels names the kernels of the library"
        )
