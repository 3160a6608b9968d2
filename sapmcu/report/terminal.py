# SPDX-License-Identifier: Apache-2.0
"""Results as text that reads well at 80 columns."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator, Sequence
from itertools import groupby

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from sapmcu.ir.memory import BandedRun, Fit, MemoryReport, OpMemory, Technique

MAX_WIDTH = 120
BAR_WIDTH = 8
MAX_COLUMN = 24
LONG_GRAPH = 40
"""Ops; a table of more shows runs of those far from the peak as one row. report.html and --json have each."""
FAR_FROM_PEAK = 1 / 4
SHORTEST_RUN = 3
TECHNIQUES = {
    Technique.OFFSETS: "better offsets",
    Technique.OVERLAP: "results lie over operands",
    Technique.BANDS: "bands of rows",
}


def render(*parts: RenderableType, width: int | None = None) -> str:
    """Text without colour, as wide as the terminal (80 where there is none, 120 at most)."""
    width = width or min(shutil.get_terminal_size((80, 24)).columns, MAX_WIDTH)
    console = Console(file=io.StringIO(), width=width, color_system=None, highlight=False, legacy_windows=False)
    console.print(Group(*parts))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    return "\n".join(line.rstrip() for line in text.rstrip().splitlines())


def number(value: int) -> str:
    return f"{value:,}"


def facts(rows: Sequence[tuple[str, str, str]]) -> Table:
    """Name, figure, remark."""
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    return table


def render_memory(report: MemoryReport, fit: Fit | None, *, width: int | None = None) -> str:
    """The page of `sapmcu memory`, but for the engines."""
    title = Text(f"{report.model}: {number(report.macs)} MACs, {len(report.ops)} ops")
    parts = [title, Text(), op_table(report), Text(), memory_facts(report, fit), *_notes(report)]
    return render(*parts, width=width)


def render_engines(report: MemoryReport, *, width: int | None = None) -> str:
    """What comes below the page of `sapmcu memory` once the engines are planned."""
    return render(*_engines(report), width=width)


def _engines(report: MemoryReport) -> Iterator[RenderableType]:
    """The engines side by side, and the front of SRAM against MACs, each below an empty line."""
    rows = [
        (
            one.name,
            number(one.arena_bytes),
            number(one.saved_bytes) if one.saved_bytes else "",
            _more(one.extra_macs, report.macs),
            one.least_board or "none of the list",
        )
        for one in report.engines
    ]
    if rows:
        headings = ("engine", "arena", "less", "MACs", "least board")
        yield from (Text(), columns(headings, rows, right=(1, 2, 3), flexible=0))
    for is_by_rows, heading in ((False, "native arena"), (True, "input by rows")):
        points = [one for one in report.pareto if one.is_by_rows is is_by_rows]
        if points:
            front = [(number(one.arena_bytes), _more(one.extra_macs, report.macs)) for one in points]
            yield from (Text(), columns((heading, "MACs"), front, right=(0, 1)))


def _more(extra_macs: int, macs: int) -> str:
    return f"{extra_macs / max(macs, 1):+.1%}" if extra_macs else "0"


def op_table(report: MemoryReport) -> Table:
    """A row an op, with a bar of its live bytes; in long graphs one row for each run of ops far from the peak."""
    peak = report.peak
    rows = []
    for is_far, ops in groupby(report.ops, lambda op: op.live_bytes < peak.live_bytes * FAR_FROM_PEAK):
        run = list(ops)
        if is_far and len(run) >= SHORTEST_RUN and len(report.ops) > LONG_GRAPH:
            rows.append(_run_row(run, peak))
        else:
            rows += [_op_row(op, peak) for op in run]
    return columns(("op", "type", "output", "bytes", "live", "scratch", ""), rows, right=(0, 3, 4, 5), flexible=2)


def _op_row(op: OpMemory, peak: OpMemory) -> tuple[str, ...]:
    return (
        str(op.index),
        op.type,
        _short(op.name),
        number(op.output_bytes),
        number(op.live_bytes),
        number(op.scratch_bytes) if op.scratch_bytes else "",
        bar(op, peak) + (" peak" if op is peak else ""),
    )


def _run_row(run: Sequence[OpMemory], peak: OpMemory) -> tuple[str, ...]:
    """What stands for ops that decide nothing: how many, and the most of their live bytes."""
    most = max(run, key=lambda op: op.live_bytes)
    return (
        f"{run[0].index}–{run[-1].index}",
        f"{len(run)} ops",
        "",
        "",
        f"≤ {number(most.live_bytes)}",
        "",
        bar(most, peak),
    )


def columns(
    headings: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[int] = (), flexible: int | None = None
) -> Table:
    """A table whose columns are as wide as their texts, but for the flexible one, which gives way."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for index, heading in enumerate(headings):
        widest = max(len(heading), *(len(row[index]) for row in rows)) if rows else len(heading)
        table.add_column(
            heading,
            justify="right" if index in right else "left",
            overflow="ellipsis",
            no_wrap=index != flexible,
            min_width=len(heading) if index == flexible else min(widest, MAX_COLUMN),
            max_width=widest if index == flexible else MAX_COLUMN,
        )
    for row in rows:
        cells = [Text(cell, overflow="ellipsis", no_wrap=True) for cell in row]
        table.add_row(*cells)
    return table


def bar(op: OpMemory, peak: OpMemory) -> str:
    length = round(BAR_WIDTH * op.live_bytes / max(peak.live_bytes, 1))
    return "█" * max(length, 1)


def _short(name: str) -> str:
    """The telling end of a converter's name: 'model/conv1/Relu;model/bn/add;...' -> 'conv1/Relu'."""
    first = name.split(";")[0]
    return "/".join(first.split("/")[-2:])


def memory_facts(report: MemoryReport, fit: Fit | None) -> Table:
    """The sums, and how they stand on the board."""
    use = report.tflm
    peak = report.peak
    parts = " + ".join(number(size) for _, size in peak.live)
    rows = [
        (
            "TFLM arena",
            number(use.arena_bytes),
            f"bytes, {use.kernels.value} kernels; give {number(use.required_bytes)}",
        ),
        *_savings(report),
        ("  head", number(use.head_bytes), f"activations and scratch; {_best_head(report)}"),
        ("  tail", number(use.tail_bytes), "persistent: tensors, ops, multipliers"),
        ("  temporaries", number(use.temporary_bytes), _temporaries(report)),
        ("peak", number(peak.live_bytes), f"at op {peak.index} {peak.type}: {parts}{_shared(report)}"),
        (
            "flash",
            number(report.flash_bytes),
            f"model {number(report.model_bytes)}, engine about {number(report.engine_bytes)} (estimate)",
        ),
    ]
    if fit is not None:
        rows += [
            (f"{fit.board} SRAM", number(fit.sram_bytes), f"{fit.sram_region}: {_left(fit.sram_left_bytes)}"),
            (f"{fit.board} flash", number(fit.flash_bytes), _left(fit.flash_left_bytes)),
        ]
    return facts(rows)


def _savings(report: MemoryReport) -> list[tuple[str, str, str]]:
    """From TFLM's own plan to the one in the file: what each technique brought."""
    savings = report.savings
    if savings is None:
        return []
    own, *steps = savings.steps
    rows = [("  as TFLM plans", number(own.arena_bytes), "" if steps else "bytes; nothing found that needs less")]
    for before, step in zip(savings.steps, steps, strict=False):
        remark = f"{number(before.arena_bytes - step.arena_bytes)} less: {TECHNIQUES[step.technique]}"
        if step.runs:
            runs = ", ".join(f"{run_name(run)} in {run.bands}" for run in step.runs)
            remark += f" ({runs}), {step.extra_macs / max(report.macs - step.extra_macs, 1):.1%} more MACs"
        rows.append((f"  with {step.technique.value}", number(step.arena_bytes), remark))
    return rows


def run_name(run: BandedRun) -> str:
    """The first and the last op of a run in bands, by the telling ends of their names."""
    first, last = _short(run.first), _short(run.last)
    return first if first == last else f"{first} to {last}"


def _shared(report: MemoryReport) -> str:
    peak = report.peak
    return "" if sum(size for _, size in peak.live) == peak.live_bytes else ", some over others"


def _best_head(report: MemoryReport) -> str:
    best = report.best_head_bytes
    if report.tflm.head_bytes < report.head_bound_bytes:
        return f"{number(report.head_bound_bytes)} if none lay over others"
    if best == report.tflm.head_bytes == report.head_bound_bytes:
        return "optimal for this order"
    if best == report.head_bound_bytes:
        return f"optimum of this order {number(best)}"
    return f"best found for this order {number(best)}, none is below {number(report.head_bound_bytes)}"


def _temporaries(report: MemoryReport) -> str:
    use = report.tflm
    if use.arena_bytes > use.used_bytes:
        return "beside the tail while allocating: they decide the arena here"
    return "beside the tail while allocating, within the arena"


def _left(left_bytes: int) -> str:
    return f"{number(left_bytes)} left" if left_bytes >= 0 else f"{number(-left_bytes)} TOO LITTLE"


def _notes(report: MemoryReport) -> list[RenderableType]:
    notes: list[RenderableType] = [Text(f"note: {note}") for note in report.notes]
    return [Text(), *notes] if notes else []
