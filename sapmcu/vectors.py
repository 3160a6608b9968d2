# SPDX-License-Identifier: Apache-2.0
"""The test vectors of a converted project, and a user's own inputs in their place."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sapmcu.errors import UserError
from sapmcu.ir.graph import DType
from sapmcu.ir.vectors import Vector

HINT = "give a directory that `sapmcu convert` wrote"
DAMAGED_HINT = "convert the model again"


def load_vectors(project_dir: Path) -> tuple[Vector, ...]:
    """testdata/, as `sapmcu convert` writes it: one vector or more. Raises: UserError."""
    directory = project_dir / "testdata"
    count, roles = _description(directory / "vectors.json")
    return tuple(
        Vector(*(tuple(_load_tensor(directory, number, tensor) for tensor in tensors) for tensors in roles))
        for number in range(count)
    )


@dataclass(frozen=True, slots=True)
class _Tensor:
    """suffix: of its files' names, behind the number of the vector."""

    name: str
    suffix: str
    size_bytes: int


def _description(path: Path) -> tuple[int, tuple[tuple[_Tensor, ...], ...]]:
    """(how many vectors, tensors of inputs and of outputs)"""
    try:
        table = json.loads(path.read_bytes())
        roles = tuple(tuple(map(_tensor, table[role])) for role in ("inputs", "outputs"))
        count = table["vectors"]
        if not isinstance(count, int) or count < 1:
            raise ValueError(f"`vectors` is {count!r}")
    except OSError as error:
        raise UserError(f"{path} can't be read: {error.strerror}", hint=HINT) from error
    except KeyError as error:
        raise UserError(f"{path} is damaged: it lacks `{error.args[0]}`", hint=DAMAGED_HINT) from error
    except (ValueError, TypeError) as error:
        raise UserError(f"{path} is damaged: {error}", hint=DAMAGED_HINT) from error
    return count, roles


def _tensor(one: dict[str, Any]) -> _Tensor:
    return _Tensor(str(one["name"]), str(one["file"])[4:], DType(one["type"]).size_bytes * math.prod(one["shape"]))


def _load_tensor(directory: Path, number: int, tensor: _Tensor) -> bytes:
    path = directory / f"{number:04}{tensor.suffix}"
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path} can't be read: {error.strerror}", hint=DAMAGED_HINT) from error
    if len(data) != tensor.size_bytes:
        raise UserError(
            f"{path} has {len(data):,} bytes, not the {tensor.size_bytes:,} of {tensor.name}", hint=DAMAGED_HINT
        )
    return data


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
