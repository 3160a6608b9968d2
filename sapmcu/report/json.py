# SPDX-License-Identifier: Apache-2.0
"""Results as JSON. `schema` grows when a key goes or changes its meaning; a contract test fixes the keys."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sapmcu.boards.board import Board
from sapmcu.ir.conversion import Conversion, Rewrite
from sapmcu.ir.memory import Fit, MemoryReport

SCHEMA = 1


def json_text(value: dict[str, Any]) -> str:
    """One object with its schema number first, indented, the same text for the same value."""
    return json.dumps({"schema": SCHEMA, **value}, indent=2, ensure_ascii=False, allow_nan=False)


def memory_json(report: MemoryReport, fit: Fit | None) -> dict[str, Any]:
    """What `sapmcu memory --json` prints, and the part `memory` of report.json."""
    use = report.tflm
    return {
        "model": report.model,
        "macs": report.macs,
        "ops": [
            {
                "index": op.index,
                "type": op.type,
                "name": op.name,
                "output_bytes": op.output_bytes,
                "live_bytes": op.live_bytes,
                "scratch_bytes": op.scratch_bytes,
                "macs": op.macs,
            }
            for op in report.ops
        ],
        "tflm": {
            "kernels": use.kernels.value,
            "arena_bytes": use.arena_bytes,
            "used_bytes": use.used_bytes,
            "required_bytes": use.required_bytes,
            "head_bytes": use.head_bytes,
            "tail_bytes": use.tail_bytes,
            "temporary_bytes": use.temporary_bytes,
            "scratch_bytes": sum(use.scratch_bytes.values()),
            "best_head_bytes": report.best_head_bytes,
            "head_bound_bytes": report.head_bound_bytes,
        },
        "engines": [{**asdict(one), "least_board": one.least_board} for one in report.engines],
        "boards": [asdict(one) for one in report.boards],
        "pareto": [asdict(one) for one in report.pareto],
        "peak": {"op": report.peak.index, "live_bytes": report.peak.live_bytes},
        "flash": {"model_bytes": report.model_bytes, "engine_bytes": report.engine_bytes},
        "board": None if fit is None else fit_json(fit),
        "notes": list(report.notes),
        "savings": None if report.savings is None else asdict(report.savings),
    }


def fit_json(fit: Fit) -> dict[str, Any]:
    return {
        "name": fit.board,
        "fits": fit.fits,
        "sram_region": fit.sram_region,
        "sram_bytes": fit.sram_bytes,
        "sram_left_bytes": fit.sram_left_bytes,
        "flash_bytes": fit.flash_bytes,
        "flash_left_bytes": fit.flash_left_bytes,
    }


def conversion_json(result: Conversion) -> dict[str, Any]:
    """report.json, and what `sapmcu convert --json` prints."""
    return {
        "model": result.model,
        "format": result.format,
        "producer": result.producer,
        "quantizer": result.quantizer,
        "narrowed_ranges": result.narrowed_ranges,
        "samples": result.samples,
        "is_guessed": result.is_guessed,
        "sha256": result.sha256,
        "inputs": [asdict(one) for one in result.inputs],
        "outputs": [asdict(one) for one in result.outputs],
        "memory": memory_json(result.memory, result.fit),
        "rewrites": [rewrite_json(one) for one in result.rewrites if not one.is_identity],
        "check": asdict(result.check),
        "accuracy": None if result.accuracy is None else asdict(result.accuracy),
        "engines": [engine.value for engine in result.engines],
        "native": None if result.native is None else asdict(result.native),
        "native_ops": [{**asdict(one), "instructions_per_mac": one.instructions_per_mac} for one in result.native_ops],
        "warnings": list(result.warnings),
        "files": list(result.files),
    }


def rewrite_json(one: Rewrite) -> dict[str, Any]:
    """One pass: each size of the graph before it and after it."""
    before, after = asdict(one.before), asdict(one.after)
    sizes = {f"{key}_{when}": size[key] for key in before for when, size in (("before", before), ("after", after))}
    return {"name": one.name, **sizes, "mends": one.mends, "engine": one.engine and one.engine.value}


def boards_json(boards: Sequence[Board]) -> dict[str, Any]:
    """What `sapmcu boards --json` prints."""
    return {"boards": [asdict(board) for board in boards]}
