# SPDX-License-Identifier: Apache-2.0
"""What a training needs to go on after an interruption, to the bit: written at the end of each epoch."""

from __future__ import annotations

import json
import os
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sapmcu.errors import UserError
from sapmcu.ir.graph import Array

HINT = "delete it to start again"


@dataclass(frozen=True)
class Checkpoint:
    """The end of an epoch. history: a row for each so far.

    variables: of the model, the state of its random layers included; optimizer: its variables; best: the model's
    weights after its best epoch. Batches need no state: they follow from seed and epoch.
    """

    facts: Mapping[str, object]
    history: Sequence[Mapping[str, Any]]
    variables: Sequence[Array]
    optimizer: Sequence[Array]
    best: Sequence[Array]


GROUPS = ("variables", "optimizer", "best")


def save_checkpoint(checkpoint: Checkpoint, path: Path) -> None:
    """Write it aside, then rename: an interruption leaves the one before."""
    text = json.dumps({"facts": checkpoint.facts, "history": list(checkpoint.history)})
    arrays = {f"{group}_{index}": array for group in GROUPS for index, array in enumerate(getattr(checkpoint, group))}
    write_aside(path, lambda aside: np.savez(aside, text=np.array(text), **arrays))


def load_checkpoint(path: Path) -> Checkpoint:
    """Raises: UserError where it is damaged."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            text = json.loads(str(stored["text"]))
            groups = {
                group: [stored[f"{group}_{index}"] for index in range(sum(name.startswith(group) for name in stored))]
                for group in GROUPS
            }
        return Checkpoint(text["facts"], text["history"], **groups)
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise UserError(f"{path} is damaged", hint=HINT, details=(str(error),)) from error


def write_aside(path: Path, write: Any) -> None:
    """write(file), an open file beside `path` that then takes its place."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with aside.open("wb") as file:
            write(file)
        aside.replace(path)
    except OSError as error:
        raise UserError(
            f"{path} can't be written: {error.strerror or error}", hint="free some space, or choose another with -o"
        ) from error
    finally:
        aside.unlink(missing_ok=True)


def write_bytes_aside(path: Path, data: bytes) -> None:
    write_aside(path, lambda file: file.write(data))


def write_text_aside(path: Path, text: str) -> None:
    write_bytes_aside(path, text.encode())
