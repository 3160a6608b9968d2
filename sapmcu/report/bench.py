# SPDX-License-Identifier: Apache-2.0
"""The page of `sapmcu bench`, as text, as a Markdown table, as JSON and as a plot."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from sapmcu.errors import ToolError, UserError
from sapmcu.ir.bench import Bench, BenchRow
from sapmcu.ir.build import Engine
from sapmcu.report.terminal import columns, number, render

SUFFIXES = (".png", ".svg")
HEADINGS = ("engine, plan", "instructions", "cycles, est.", "SRAM", "code", "flash")
MARKDOWN_HEADINGS = (
    *("model", "engine, plan", "instructions", "cycles, estimated", "SRAM", "of it arena", "code", "flash"),
)
UNKNOWN = "-"


def render_bench(bench: Bench, *, width: int | None = None) -> str:
    """A table for each model on each board; what the figures stand on."""
    parts: list[RenderableType] = []
    for (model, board, core), rows in groupby(bench.rows, lambda row: (row.model, row.board, row.core)):
        table = [
            (_name(row), *map(_figure, (row.instructions, row.estimated_cycles, row.sram_bytes, row.code_bytes)),
             _figure(row.flash_bytes))
            for row in rows
        ]  # fmt: skip
        parts += [Text(f"{model} on {board}, {core}"), Text(), columns(HEADINGS, table, right=range(1, 6)), Text()]
    parts.append(Text("one inference; bytes; SRAM: arena, stack and static data; code: without the model"))
    parts += [Text(f"cycles of {core} are estimated: {source}") for core, source in bench.timings]
    parts += [Text(f"{one}: {origin}") for one, origin in _stored(bench.rows)]
    parts += [Text(f"note: {note}") for note in bench.notes]
    return render(*parts, width=width)


def _name(row: BenchRow) -> str:
    engine = "TFLM" if row.engine is Engine.TFLM else row.engine.value
    return ", ".join(filter(None, (engine, row.plan, row.prefer)))


def _figure(value: int | None) -> str:
    return UNKNOWN if value is None else number(value)


def _stored(rows: Sequence[BenchRow]) -> list[tuple[str, str]]:
    """(row, origin) of those that were not measured now; each origin once."""
    origins = {row.origin: f"{_name(row)}" for row in rows if row.origin != "measured"}
    return [(name, origin) for origin, name in origins.items()]


def bench_markdown(rows: Sequence[BenchRow]) -> str:
    """The rows of one board as a Markdown table."""
    lines = ["| " + " | ".join(MARKDOWN_HEADINGS) + " |", "| --- " * len(MARKDOWN_HEADINGS) + "|"]
    for row in rows:
        figures = (row.instructions, row.estimated_cycles, row.sram_bytes, row.arena_bytes, row.code_bytes)
        cells = (row.model, _name(row), *map(_figure, figures), _figure(row.flash_bytes))
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def bench_json(bench: Bench) -> dict[str, Any]:
    """What `sapmcu bench --json` prints."""
    rows = [
        {**asdict(row), "engine": row.engine.value, "sram_bytes": row.sram_bytes, "flash_bytes": row.flash_bytes}
        for row in bench.rows
    ]
    return {"rows": rows, "timings": dict(bench.timings), "notes": list(bench.notes)}


def check_plot(path: Path) -> None:
    """Before anything is measured. Raises: UserError, ToolError."""
    if path.suffix not in SUFFIXES:
        raise UserError(f"a plot is a .png or .svg file, not {path.name}", hint="--plot bench.svg")
    if not os.access(path if path.exists() else path.absolute().parent, os.W_OK) or path.is_dir():
        raise UserError(f"{path} can't be written", hint="choose another with --plot")
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise ToolError("plots need matplotlib, which is not installed", hint="pip install 'sapmcu[plot]'") from None


def plot_bench(rows: Sequence[BenchRow], suffix: str) -> bytes:
    """Speed against SRAM, a panel a model and board: cycles where all have them, else instructions."""
    import matplotlib

    with matplotlib.rc_context({"svg.hashsalt": "sapmcu", "svg.fonttype": "none", "font.size": 9}):
        buffer = io.BytesIO()
        metadata = {"Date": None} if suffix == ".svg" else None
        _figure_of(rows).savefig(buffer, format=suffix[1:], dpi=150, metadata=metadata)
    return buffer.getvalue()


def _figure_of(rows: Sequence[BenchRow]) -> Any:
    """Without pyplot, which would look for a screen."""
    from matplotlib.figure import Figure

    panels = [(place, list(part)) for place, part in groupby(rows, lambda row: (row.model, row.board))]
    figure = Figure(figsize=(4 * len(panels), 4), layout="constrained")
    names = list(dict.fromkeys(map(_name, rows)))
    for axes, ((model, board), part) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        has_cycles = all(row.estimated_cycles is not None for row in part)
        for row in part:
            value = row.estimated_cycles if has_cycles else row.instructions
            if value is not None and row.sram_bytes is not None:
                axes.plot(
                    row.sram_bytes / 1024, value / 1e6, "o", color=f"C{names.index(_name(row))}", label=_name(row)
                )
        axes.set_title(f"{model}\n{board}")
        axes.set_xlabel("SRAM, KiB")
        axes.set_ylabel("estimated cycles, millions" if has_cycles else "instructions, millions")
        axes.set_xlim(left=0)
        axes.set_ylim(bottom=0)
        axes.grid(alpha=0.3)
    handles = {text: one for axes in figure.axes for one, text in zip(*axes.get_legend_handles_labels(), strict=True)}
    figure.legend(handles.values(), handles, loc="outside lower center", ncols=4, frameon=False)
    return figure
