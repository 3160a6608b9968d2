# SPDX-License-Identifier: Apache-2.0
"""What `sapmcu pool` does: list where a Keras model down-samples, or write it with other poolings."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from sapmcu import isolated
from sapmcu.errors import UserError
from sapmcu.frontends.source import detect_format
from sapmcu.ir.pooling import PoolingSites, Replaced
from sapmcu.ir.source import ModelFormat
from sapmcu.isolated import Progress, silent

SUFFIXES = (".keras", ".h5")


def pooling_sites(model: Path, *, progress: Progress = silent) -> PoolingSites:
    """Raises: UserError where the file is no Keras model, or can't be rewritten."""
    check_keras(model)
    return cast(PoolingSites, isolated.call("sapmcu.frontends.pooling:list_sites", str(model), progress=progress))


def pool_model(
    model: Path,
    kind: str,
    names: Sequence[str],
    out: Path,
    *,
    options: dict[str, Any],
    force: bool = False,
    progress: Progress = silent,
) -> Replaced:
    """Write `model` with the layers `names` replaced. Raises: UserError; nothing is written then."""
    check_keras(model)
    check_out(out, force=force)
    arguments = (str(model), kind, tuple(names), options, str(out))
    return cast(Replaced, isolated.call("sapmcu.frontends.pooling:replace_in_file", *arguments, progress=progress))


def check_keras(model: Path) -> None:
    if detect_format(model) not in (ModelFormat.KERAS, ModelFormat.KERAS_H5):
        raise UserError(f"{model} is no Keras model", hint="poolings are replaced in .keras and .h5 files")


def check_out(out: Path, *, force: bool) -> None:
    """Raises: UserError where the file can't be written, or exists."""
    if out.suffix not in SUFFIXES:
        raise UserError(f"{out} doesn't end in {' or '.join(SUFFIXES)}", hint="Keras saves by the file's name")
    if out.exists() and not force:
        raise UserError(f"{out} exists", hint="--force replaces it, -o FILE writes elsewhere")
    if not out.absolute().parent.is_dir() or not os.access(out.absolute().parent, os.W_OK):
        raise UserError(f"{out} can't be made: there is no writable directory for it", hint="choose another with -o")


def parse_options(texts: Sequence[str]) -> dict[str, Any]:
    """NAME=VALUE -> name: value; a value is JSON (4, true, [2, 3]) or a word. Raises: UserError."""
    options: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.isidentifier():
            raise UserError(f"--option {text} isn't NAME=VALUE", hint="for instance --option patch_size=4")
        try:
            options[name] = json.loads(value)
        except ValueError:
            options[name] = value
    return options
