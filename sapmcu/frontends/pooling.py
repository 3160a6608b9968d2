# SPDX-License-Identifier: Apache-2.0
"""Poolings of a model file: where they are, and a file with others. Runs in the process of isolated.py."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sapmcu.errors import UserError
from sapmcu.frontends.converted import import_extra, last_words
from sapmcu.frontends.keras_3 import load_keras_3
from sapmcu.ir.pooling import PoolingSites, Replaced
from sapmcu.isolated import Progress


def list_sites(report: Progress, path: str) -> PoolingSites:
    """Raises: UserError where the model can't be loaded or rewritten."""
    model = _load(report, path)
    sites: PoolingSites = import_extra("sapmcu.layers", "keras").find_sites(model)
    return sites


def replace_in_file(
    report: Progress, path: str, kind: str, names: Sequence[str], options: dict[str, Any], out: str
) -> Replaced:
    """Write the model with other poolings to `out`, which ends in .keras or .h5. Raises: UserError."""
    model = _load(report, path)
    report(f"replacing {', '.join(names)}")
    new = import_extra("sapmcu.layers", "keras").replace_pooling(model, kind, names, **options)
    aside = Path(out).with_name(f".{Path(out).stem}.writing{Path(out).suffix}")
    try:
        new.save(aside)
        aside.replace(out)
    except OSError as error:
        raise UserError(
            f"{out} can't be written", hint="choose another file with -o", details=last_words(error).splitlines()[:1]
        ) from error
    finally:
        aside.unlink(missing_ok=True)
    return Replaced(model.name, kind, tuple(names), (model.count_params(), new.count_params()), out)


def _load(report: Progress, path: str) -> Any:
    report(f"loading {path}")
    return load_keras_3(Path(path))
