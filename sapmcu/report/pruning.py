# SPDX-License-Identifier: Apache-2.0
"""What `sapmcu prune` has done, as text and as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from sapmcu.ir.measure import ACCURACY, MEASURE_TITLES
from sapmcu.ir.pruning import FineTuning, Pruning
from sapmcu.report.terminal import columns, number, render

SRAM_IS = "native, op after op"


def render_pruning(pruning: Pruning, *, width: int | None = None) -> str:
    """The page of `sapmcu prune`."""
    before, after = pruning.channels_before, pruning.channels_after
    title = f"{pruning.model}: {number(after)} of {number(before)} channels stay"
    rows = [
        (", ".join(one.layers), one.criterion.value, number(one.channels_before), number(one.channels_after))
        for one in pruning.widths
    ]
    parts: list[RenderableType] = [
        Text(title),
        Text(),
        columns(("channels of", "by", "before", "after"), rows, right=(2, 3), flexible=0),
        Text(),
    ]
    if pruning.whole:
        parts += [Text(f"{name} keeps its channels: {reason}") for name, reason in pruning.whole]
        parts.append(Text())
    parts.append(columns(("", "before", "after", ""), _sizes(pruning), right=(1, 2)))
    if pruning.tuning is not None:
        parts += [Text(), Text(_tuning(pruning.tuning))]
    if pruning.out is not None:
        parts += [Text(), Text(f"wrote {pruning.out}")]
    return render(*parts, width=width)


def _tuning(tuning: FineTuning) -> str:
    what = "pictures right" if tuning.measure == ACCURACY else MEASURE_TITLES[tuning.measure]
    return (
        f"validation {what}: {tuning.whole_accuracy:.2%} whole, {tuning.pruned_accuracy:.2%} pruned, "
        f"{tuning.tuned_accuracy:.2%} after {tuning.epochs} epochs by {tuning.recipe}"
    )


def _sizes(pruning: Pruning) -> list[tuple[str, str, str, str]]:
    before, after = pruning.before, pruning.after
    return [
        ("parameters", number(before.parameters), number(after.parameters), ""),
        ("MACs", _known(before.macs), _known(after.macs), ""),
        ("SRAM bytes", _known(before.arena_bytes), _known(after.arena_bytes), SRAM_IS),
        ("  by rows", _known(before.rows_arena_bytes), _known(after.rows_arena_bytes), "native, at the same MACs"),
    ]


def _known(value: int | None) -> str:
    return "unknown" if value is None else number(value)


def pruning_json(pruning: Pruning) -> dict[str, Any]:
    """What `sapmcu prune --json` prints."""
    goal = asdict(pruning.goal)
    return {
        "model": pruning.model,
        "goal": {
            **goal,
            "criterion": pruning.goal.criterion.value,
            "plan": pruning.goal.plan.value,
            "keep": list(pruning.goal.keep),
        },
        "channels": {"before": pruning.channels_before, "after": pruning.channels_after},
        "groups": [
            {
                "layers": list(one.layers),
                "criterion": one.criterion.value,
                "channels_before": one.channels_before,
                "channels_after": one.channels_after,
            }
            for one in pruning.widths
        ],
        "whole": [{"layer": name, "reason": reason} for name, reason in pruning.whole],
        "before": asdict(pruning.before),
        "after": asdict(pruning.after),
        "tuning": None if pruning.tuning is None else asdict(pruning.tuning),
        "warnings": list(pruning.warnings),
        "out": None if pruning.out is None else str(pruning.out),
    }
