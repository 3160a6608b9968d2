# SPDX-License-Identifier: Apache-2.0
"""`sapmcu prune` from its options to the file: pruned in a process of its own, trained further in this one."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import cast

from sapmcu import isolated
from sapmcu.errors import UserError
from sapmcu.ir.pruning import PruneOptions, Pruning, check_goal
from sapmcu.isolated import Progress
from sapmcu.pooling import check_out
from sapmcu.train.fine_tuning import fine_tune
from sapmcu.train.recipe import load_recipe

TIMEOUT_S = 86_400.0
"""For networks that take minutes to quantize, as often as the search for an SRAM limit asks."""
UNTUNED = "the smaller model gives other outputs: train it further, with a low learning rate, or give --recipe"


def prune_file(options: PruneOptions, progress: Progress) -> Pruning:
    """Prune options.model, train the result by options.recipe where there is one, and write options.out.

    Raises: UserError, ToolError. Nothing is written then: the file is made aside and renamed.
    """
    check_goal(options.goal)
    check_out(options.out, force=options.force)
    recipe = None if options.recipe is None else load_recipe(options.recipe)
    out = options.out.absolute()
    try:
        with tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as directory:
            made = Path(directory, out.name)
            task = "sapmcu.train.prune.command:prune_model_file"
            arguments = (options.model, options.goal, made)
            pruning = cast(Pruning, isolated.call(task, *arguments, progress=progress, timeout_s=TIMEOUT_S))
            if recipe is not None:
                tuning = fine_tune(options.model, made, recipe, progress, threads=options.threads)
                pruning = replace(pruning, tuning=tuning)
            elif pruning.channels_after < pruning.channels_before:
                pruning = replace(pruning, warnings=(*pruning.warnings, UNTUNED))
            made.replace(out)
    except OSError as error:
        raise UserError(
            f"{options.out} can't be written: {error.strerror or error}",
            hint="choose another with -o, or free some space",
        ) from error
    return replace(pruning, out=options.out)
