# SPDX-License-Identifier: Apache-2.0
"""The group of all commands, and what they share."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import click

from sapmcu import __version__

MODEL = click.argument("model", type=click.Path(path_type=Path))
JSON = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="sapmcu")
def cli() -> None:
    """From a trained network to a tested Cortex-M firmware, in the least SRAM.

    \b
    sapmcu convert model.h5 --board stm32h7     int8 model, memory report, firmware project
    sapmcu memory model.tflite                  what the model needs, op by op
    sapmcu build|run|test DIR                   its firmware: built, run and tested in an emulator
    sapmcu export DIR --as cmake -o OUT         its model as a library: CMake, Zephyr, Arduino, PlatformIO
    sapmcu bench model.tflite                   speed and memory, by engine and plan
    sapmcu flash DIR                            writes it to the board; run|test DIR --port run it there
    sapmcu monitor                              what the board prints
    sapmcu detector DIR --anchors FILE          adds the decoder of boxes to a detector's firmware
    sapmcu pool model.h5 --with sap --at NAME   other poolings in a Keras model
    sapmcu doctor                               which tools are here, what is missing for what
    sapmcu boards                               what boards sapmcu knows
    sapmcu train RECIPE.toml                    train a network; compare: a grid of them
    sapmcu prune model.keras --sram 65536       a smaller network: fewer channels
    """


def command_line() -> str:
    """The command line as a user would type it in a shell."""
    return shlex.join(["sapmcu", *sys.argv[1:]])


def progress(text: str) -> None:
    """One line of progress on stderr; stdout is the result."""
    click.echo(text, err=True)
