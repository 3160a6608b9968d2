# SPDX-License-Identifier: Apache-2.0
"""The test vectors of a converted project, and a user's own inputs in their place."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sapmcu.errors import UserError
from sapmcu.ir.vectors import Vector

HINT = "give a directory that `sapmcu convert` wrote"


def load_vectors(project_dir: Path) -> tuple[Vector, ...]:
    """testdata/, as `sapmcu convert` writes it. Raises: UserError."""
    directory = project_dir / "testdata"
    try:
        description = json.loads((directory / "vectors.json").read_bytes())
        names = [[one["file"] for one in description[role]] for role in ("inputs", "outputs")]
        return tuple(
            Vector(*(tuple((directory / f"{number:04}{name[4:]}").read_bytes() for name in role) for role in names))
            for number in range(description["vectors"])
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{directory} can't be read: {error}", hint=HINT) from error


def vectors_to_run(project_dir: Path, inputs: Sequence[Path] | None) -> tuple[Vector, ...]:
    """The first test vector, or the user's own inputs, of which no output is expected. Raises: UserError."""
    if inputs is None:
        return load_vectors(project_dir)[:1]
    return (Vector(tuple(map(_load_input, inputs)), ()),)


def _load_input(path: Path) -> bytes:
    try:
        array = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise UserError(f"{path} can't be read: {error}", hint="numpy.save writes such files") from error
    return np.ascontiguousarray(array).tobytes()
