# SPDX-License-Identifier: Apache-2.0
"""What TensorFlow Lite Micro needs for known models: tflm_baseline.toml, each figure with its origin."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from sapmcu.ir.bench import BenchRow
from sapmcu.ir.build import Engine

BASELINE = Path(__file__).with_name("tflm_baseline.toml")


def baseline_row(model: str, sha256: str, board: str, core: str) -> BenchRow | None:
    """TFLM's row for the model file of this sha256 on this core, by the name `model`; None where nobody measured it."""
    known = [name for name, one in _table()["sha256"].items() if one == sha256]
    found = stored_row(known[0], board, core) if known else None
    return found and replace(found, model=model)


def stored_row(model: str, board: str, core: str) -> BenchRow | None:
    """The row of a model by the name that the file knows it by."""
    table = _table()
    for row in table["row"]:
        if (row["model"], row["core"]) == (model, core):
            origins = dict.fromkeys(one["origin"] for one in row.values() if isinstance(one, dict))
            return BenchRow(
                model=model,
                board=board,
                core=core,
                engine=Engine.TFLM,
                plan=row["kernels"],
                prefer=None,
                instructions=_figure(row, "instructions"),
                estimated_cycles=_figure(row, "estimated_cycles"),
                arena_bytes=_figure(row, "arena_bytes"),
                stack_bytes=_figure(row, "stack_bytes"),
                static_bytes=_figure(row, "static_bytes"),
                code_bytes=_figure(row, "code_bytes"),
                model_bytes=_figure(row, "model_bytes"),
                origin="; ".join(table["origin"][one] for one in origins),
            )
    return None


def _figure(row: Mapping[str, Any], name: str) -> int | None:
    return int(row[name]["value"]) if name in row else None


@cache
def _table() -> Mapping[str, Any]:
    return tomllib.loads(BASELINE.read_text(encoding="ascii"))
