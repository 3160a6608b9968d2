# SPDX-License-Identifier: Apache-2.0
"""The results of a grid: JSON, a table, and what it plots."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sapmcu.ir.comparison import Comparison, ResultRow
from sapmcu.ir.measure import ACCURACY, MEASURE_TITLES


@dataclass(frozen=True)
class Spread:
    """Mean and sample standard deviation over the seeds; None with one seed."""

    mean: float
    deviation: float | None

    def text(self) -> str:
        """In percent."""
        return f"{100 * self.mean:.2f}" + ("" if self.deviation is None else f" ± {100 * self.deviation:.2f}")


@dataclass(frozen=True)
class Summary:
    """The runs that differ in their seeds only. Bytes: the largest of them."""

    pooling: str
    strides: str
    placement: str
    seeds: tuple[int, ...]
    parameters: int
    macs: int
    tflm_sram_bytes: int
    native_sram_bytes: int | None
    native_rows_sram_bytes: int | None
    native_input_rows_sram_bytes: int | None
    flash_bytes: int
    validation_accuracy: Spread
    float_test_accuracy: Spread
    int8_test_accuracy: Spread
    agreement: Spread | None
    measure: str = ACCURACY


def summarize(rows: Sequence[ResultRow]) -> tuple[Summary, ...]:
    """In the order of the grid: strides, placement, pooling."""
    groups: dict[tuple[str, str, str], list[ResultRow]] = {}
    for row in rows:
        groups.setdefault((row.strides, row.placement, row.pooling), []).append(row)
    return tuple(_summary(group) for group in groups.values())


def _summary(rows: Sequence[ResultRow]) -> Summary:
    agreements = [row.agreement for row in rows if row.agreement is not None]
    return Summary(
        pooling=rows[0].pooling,
        strides=rows[0].strides,
        placement=rows[0].placement,
        seeds=tuple(row.seed for row in rows),
        parameters=max(row.parameters for row in rows),
        macs=max(row.macs for row in rows),
        tflm_sram_bytes=max(row.tflm_sram_bytes for row in rows),
        native_sram_bytes=_largest([row.native_sram_bytes for row in rows]),
        native_rows_sram_bytes=_largest([row.native_rows_sram_bytes for row in rows]),
        native_input_rows_sram_bytes=_largest([row.native_input_rows_sram_bytes for row in rows]),
        flash_bytes=max(row.flash_bytes for row in rows),
        validation_accuracy=_spread([row.validation_accuracy for row in rows]),
        float_test_accuracy=_spread([row.float_test_accuracy for row in rows]),
        int8_test_accuracy=_spread([row.int8_test_accuracy for row in rows]),
        agreement=_spread(agreements) if len(agreements) == len(rows) else None,
        measure=rows[0].measure,
    )


def _largest(values: Sequence[int | None]) -> int | None:
    """None where one is unknown."""
    known = [value for value in values if value is not None]
    return max(known) if len(known) == len(values) else None


def _spread(values: Sequence[float]) -> Spread:
    return Spread(statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None)


def comparison_json(result: Comparison) -> dict[str, Any]:
    """results.json: every raw number, then the summary that follows from them."""
    return {
        "recipe": result.recipe,
        "facts": result.facts,
        "runs": result.runs,
        "rows": [asdict(row) for row in result.rows],
        "failures": dict(result.failures),
        "summary": [asdict(one) for one in summarize(result.rows)],
    }


def measure_title(summaries: Sequence[Summary]) -> str:
    """Of a grid, whose runs have one network."""
    return MEASURE_TITLES[summaries[0].measure if summaries else ACCURACY]


def _bytes(value: int | None) -> str:
    return "–" if value is None else f"{value:,}"


COLUMNS: Sequence[tuple[str, Callable[[Summary], str]]] = (
    ("pooling", lambda one: one.pooling),
    ("strides", lambda one: one.strides),
    ("placement", lambda one: one.placement),
    ("seeds", lambda one: str(len(one.seeds))),
    ("float, %", lambda one: one.float_test_accuracy.text()),
    ("int8, %", lambda one: one.int8_test_accuracy.text()),
    ("agree, %", lambda one: "–" if one.agreement is None else one.agreement.text()),
    ("TFLM SRAM", lambda one: f"{one.tflm_sram_bytes:,}"),
    ("native SRAM", lambda one: _bytes(one.native_sram_bytes)),
    ("by rows", lambda one: _bytes(one.native_rows_sram_bytes)),
    ("input by rows", lambda one: _bytes(one.native_input_rows_sram_bytes)),
    ("flash", lambda one: f"{one.flash_bytes:,}"),
    ("MACs", lambda one: f"{one.macs:,}"),
    ("parameters", lambda one: f"{one.parameters:,}"),
)
LEFT_COLUMNS = 3
SCORES = ("float, %", "int8, %")
"""Columns of accuracy; where they have another measure they say so."""


def render_comparison(result: Comparison) -> str:
    """A Markdown table whose columns also line up as plain text, and what is missing."""
    summaries = summarize(result.rows)
    title = measure_title(summaries)
    cells = [[_heading(name, title) for name, _ in COLUMNS]]
    cells += [[text(one) for _, text in COLUMNS] for one in summaries]
    kept = [index for index in range(len(COLUMNS)) if any(row[index] for row in cells[1:]) or not cells[1:]]
    widths = [max(len(row[index]) for row in cells) for index in kept]

    def line(row: Sequence[str]) -> str:
        parts = [
            row[index].ljust(width) if index < LEFT_COLUMNS else row[index].rjust(width)
            for index, width in zip(kept, widths, strict=True)
        ]
        return f"| {' | '.join(parts)} |"

    rule = [
        "-" * width if index < LEFT_COLUMNS else "-" * (width - 1) + ":"
        for index, width in zip(kept, widths, strict=True)
    ]
    lines = [line(cells[0]), f"| {' | '.join(rule)} |", *(line(row) for row in cells[1:]), "", _remark(result, title)]
    return "\n".join([*lines, *(f"failed: {name}: {message}" for name, message in result.failures.items())])


def _heading(name: str, title: str) -> str:
    is_plain = name not in SCORES or title == MEASURE_TITLES[ACCURACY]
    return name if is_plain else name.replace(",", f" {title},")


def _remark(result: Comparison, title: str) -> str:
    open_runs = result.runs - len(result.rows)
    done = f"{len(result.rows)} of {result.runs} runs"
    verb, them = ("is", "it") if open_runs == 1 else ("are", "them")
    missing = f"; {open_runs} {verb} missing, the same command goes on with {them}" if open_runs else ""
    return f"{done}{missing}. Test {title}: mean ± standard deviation over the seeds. SRAM and flash in bytes."
