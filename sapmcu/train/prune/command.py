# SPDX-License-Identifier: Apache-2.0
"""`sapmcu prune`: a file in, a smaller file out. Runs in the process of isolated.py."""

from __future__ import annotations

import os
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from sapmcu.errors import UserError
from sapmcu.frontends.keras_3 import load_keras_3
from sapmcu.ir.pruning import PruneOptions, Pruning, check_goal
from sapmcu.isolated import Progress
from sapmcu.train.prune.model import prune_to

SUFFIXES = (".keras", ".h5")


def prune_file(report: Progress, options: PruneOptions) -> Pruning:
    """Prune options.model and write options.out.

    Raises: UserError. Nothing is written then.
    """
    check_goal(options.goal)
    check_out(options.out, options.force)
    report(f"loading {options.model}")
    model = load_keras_3(options.model)
    smaller, pruning = prune_to(model, options.goal, name=options.model.name, progress=report)
    write_model(smaller, options.out)
    return replace(pruning, out=options.out)


def check_out(out: Path, force: bool) -> None:
    """Raises: UserError where the file can't be written, or is there. Call it before long work."""
    if out.suffix not in SUFFIXES:
        raise UserError(f"{out} is no name for a Keras model", hint="let it end with .keras")
    if out.is_dir() or (out.exists() and not force):
        raise UserError(f"{out} exists", hint="--force replaces a file, -o NEW.keras writes another")
    if not out.absolute().parent.is_dir() or not os.access(out.absolute().parent, os.W_OK | os.X_OK):
        raise UserError(
            f"{out} can't be written: {out.absolute().parent} is no writable directory", hint="choose another with -o"
        )


def write_model(model: Any, out: Path) -> None:
    """Write aside, then rename: a failure leaves what was there."""
    try:
        with tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.absolute().parent) as directory:
            staged = Path(directory, out.name)
            model.save(staged)
            staged.replace(out)
    except OSError as error:
        raise UserError(
            f"{out} can't be written: {error.strerror or error}", hint="choose another with -o, or free some space"
        ) from error
