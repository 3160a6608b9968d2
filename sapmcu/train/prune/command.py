# SPDX-License-Identifier: Apache-2.0
"""The part of `sapmcu prune` that runs in the process of isolated.py: a file in, a smaller file out."""

from __future__ import annotations

from pathlib import Path

from sapmcu.frontends.keras_3 import load_keras_3
from sapmcu.ir.pruning import Pruning, PruningGoal
from sapmcu.isolated import Progress
from sapmcu.train.prune.model import prune_to


def prune_model_file(report: Progress, model: Path, goal: PruningGoal, made: Path) -> Pruning:
    """Prune the file `model` and write the smaller one to `made`, a name that no one else has."""
    report(f"loading {model}")
    smaller, pruning = prune_to(load_keras_3(model), goal, name=model.name, progress=report)
    smaller.save(made)
    return pruning
