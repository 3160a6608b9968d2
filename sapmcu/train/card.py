# SPDX-License-Identifier: Apache-2.0
"""The card of a trained network: what it is, on what and how it was trained, how good it is."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sapmcu import __version__
from sapmcu.errors import UserError
from sapmcu.ir.measure import ACCURACY, MEASURE_TITLES

SCHEMA = 1


@dataclass(frozen=True)
class Card:
    """facts: of the recipe. macs: None where the network can't be converted. parameters: all weights, the means and
    variances of batch normalizations included. Accuracies: shares of right classes or, where `measure` says so, a
    detector's mean average precision (sapmcu.ir.measure), float, at the best epoch; the test set was read for
    test_accuracy only, when all else was done."""

    recipe: str
    facts: Mapping[str, Any]
    data_set: str
    class_names: Sequence[str]
    input_shape: Sequence[int]
    train_pictures: int
    validation_pictures: int
    test_pictures: int
    parameters: int
    macs: int | None
    epochs: int
    best_epoch: int
    is_stopped_early: bool
    validation_accuracy: float
    test_accuracy: float
    seed: int
    seconds: float
    versions: Mapping[str, str]
    measure: str = ACCURACY


def versions() -> dict[str, str]:
    """Of what decides the bits of a training."""
    libraries = {name: version(name) for name in ("numpy", "keras", "tensorflow")}
    return {"sapmcu": __version__, "python": platform.python_version(), **libraries}


def card_json(card: Card) -> str:
    return json.dumps({"schema": SCHEMA, **asdict(card)}, indent=2, ensure_ascii=False) + "\n"


def load_card(path: Path) -> Card:
    """Raises: UserError where it is damaged."""
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        if table.pop("schema") != SCHEMA:
            raise ValueError("it is of another version of sapmcu")
        return Card(**table)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} can't be read", hint="delete it to train again", details=(str(error),)) from error


def render_card(card: Card) -> str:
    """As Markdown."""
    height, width, channels = card.input_shape
    title = MEASURE_TITLES[card.measure]
    rows = {
        "data set": card.data_set,
        "pictures": f"{card.train_pictures:,} train, {card.validation_pictures:,} validation, "
        f"{card.test_pictures:,} test; {height}×{width}×{channels}, pixels / 255",
        "classes": ", ".join(card.class_names),
        "network": _pairs(card.facts["network"]),
        "parameters": f"{card.parameters:,}",
        "MACs": "unknown" if card.macs is None else f"{card.macs:,}",
        "training": _pairs(card.facts["training"]),
        "augmentation": _pairs(card.facts["augmentation"]),
        "epochs": f"{card.epochs}{', stopped early' if card.is_stopped_early else ''}; weights of epoch "
        f"{card.best_epoch}, the best on the validation part",
        f"validation {title}": f"{card.validation_accuracy:.2%}",
        f"test {title}": f"{card.test_accuracy:.2%}; the test set was read once, after all choices",
        "seed": str(card.seed),
        "versions": _pairs(card.versions),
        "time": f"{card.seconds:,.0f} s",
    }
    lines = [f"| {key} | {value} |" for key, value in rows.items()]
    return "\n".join([f"# {card.recipe}", "", "| | |", "| --- | --- |", *lines]) + "\n"


def _pairs(table: Mapping[str, object]) -> str:
    return ", ".join(f"{key} {value}" for key, value in table.items())
