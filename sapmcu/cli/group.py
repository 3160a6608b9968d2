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
    sapmcu convert model.h5 --board stm32h7    int8 model, report, firmware
    sapmcu memory model.tflite                 what it needs, op by op
    sapmcu build|run|test DIR                  the firmware, in an emulator
    sapmcu export DIR --as cmake -o OUT        a library for another build system
    sapmcu bench model.tflite                  speed and memory, engine by engine
    sapmcu flash DIR                           onto the board
    sapmcu run|test DIR --port PORT            there, instead of an emulator
    sapmcu monitor                             what the board prints
    sapmcu detector DIR --anchors FILE         adds the decoder of boxes
    sapmcu pool model.h5 --with sap --at NAME  other poolings in a Keras model
    sapmcu doctor                              which tools are here, and missing
    sapmcu boards                              what boards sapmcu knows
    sapmcu train|compare RECIPE.toml           train a network, or a grid of them
    sapmcu prune model.keras --sram 65536      fewer channels in a Keras model
    """


def command_line() -> str:
    """The command line as a user would type it in a shell."""
    return shlex.join(["sapmcu", *sys.argv[1:]])


def progress(text: str) -> None:
    """One line of progress on stderr; stdout is the result."""
    click.echo(text, err=True)
