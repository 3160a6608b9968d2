# SPDX-License-Identifier: Apache-2.0
"""The entry point: errors become a sentence, a hint and an exit code."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable
from typing import Any

import click

from sapmcu.cli.group import cli
from sapmcu.errors import UserError

BUG_EXIT_CODE = 70


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
