# SPDX-License-Identifier: Apache-2.0
"""Commands on a board: flash, monitor."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from sapmcu.cli.firmware import BUILD_LINK, ENGINE, PREFER, PROJECT, TFLM, TOOLCHAIN, build_options
from sapmcu.cli.group import JSON, cli, progress
from sapmcu.cli.model import BOARD_HELP


@cli.command()
@PROJECT
@click.option(
    "--method",
    help="One of the board's: pyocd, openocd, stlink, jlink, dfu, bossac, uf2, or one of your own. "
    "Default: the first at hand.",
)
@click.option(
    "--probe",
    metavar="ID",
    help="Serial number of the debugger, or its beginning; for uf2 the drive's path, for bossac the port.",
)
@click.option(
    "--dry-run",
    "is_dry",
    is_flag=True,
    help="Build and print the commands that would be run; touch no board.",
)
@click.option("--board", help=f"In place of what the project says of its board. {BOARD_HELP}")
@click.option(
    "--timeout",
    "limit_s",
    type=click.FloatRange(min=1),
    default=120.0,
    show_default=True,
    help="Seconds a command may take.",
)
@ENGINE
@TFLM
@BUILD_LINK
@TOOLCHAIN
@PREFER
@JSON
def flash(project: Path, as_json: bool, **options: Any) -> None:
    """Build the firmware of PROJECT, write it to the board, and verify it."""
    from sapmcu.flash.flash import FlashOptions, flash_project
    from sapmcu.report.flash import flash_json, render_flash
    from sapmcu.report.json import json_text

    done = flash_project(project, FlashOptions(**build_options(options)), progress)
    click.echo(json_text(flash_json(done)) if as_json else render_flash(done))


@cli.command()
@click.option("--port", help="Serial port of the board. Default: the only one that is there.")
@click.option("--baud", type=click.IntRange(min=1), default=115_200, show_default=True)
def monitor(port: str | None, baud: int) -> None:
    """Show what a board prints at its serial port, until Ctrl-C; unplugged, it is waited for."""
    from sapmcu.run.monitor import watch

    for text in watch(port, baud, progress):
        click.echo(text, nl=False)
        sys.stdout.flush()
