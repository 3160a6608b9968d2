# SPDX-License-Identifier: Apache-2.0
"""The parts of the page below its title, each a piece of HTML."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from sapmcu.ir.conversion import Conversion, Rewrite
from sapmcu.ir.memory import BoardRoom, EngineSram, MemoryReport, OpMemory
from sapmcu.ir.memory_map import MemoryMap
from sapmcu.ir.speed import short_kernels
from sapmcu.report.conversion import SAVED
from sapmcu.report.html.fullest_steps import MAX_STEPS
from sapmcu.report.html.map_svg import map_svg
from sapmcu.report.html.pareto_svg import pareto_svg
from sapmcu.report.terminal import TECHNIQUES, run_name


@dataclass(frozen=True, slots=True)
class Shown:
    """A number that is shown as HTML of its own, and sorted by its value."""

    value: float
    markup: str


Cell = str | int | float | Shown


def cards(result: Conversion) -> str:
    """The figures that a reader looks for first."""
    shown = list(_figures(result))
    return (
        '<div class="cards">'
        + "".join(
            f'<div class="card"><span>{name}</span><b>{figure}</b><span>{remark}</span></div>'
            for name, figure, remark in shown
        )
        + "</div>"
    )


def _figures(result: Conversion) -> Iterator[tuple[str, str, str]]:
    memory, accuracy = result.memory, result.accuracy
    if result.native is not None:
        yield "SRAM, native engine", f"{result.native.arena_bytes:,}", "bytes of arena, inputs and outputs included"
    yield "SRAM, TFLM", f"{memory.tflm.required_bytes:,}", f"bytes of arena, {memory.tflm.kernels.value} kernels"
    yield "Flash, TFLM", f"{memory.flash_bytes:,}", f"bytes, {memory.model_bytes:,} of them the model"
    yield "Work", f"{memory.macs:,}", f"MACs in {len(memory.ops)} ops"
    if accuracy is not None and accuracy.int8_accuracy is not None and accuracy.float_accuracy is not None:
        yield (
            "Right, int8",
            f"{accuracy.int8_accuracy:.1%}",
            f"float {accuracy.float_accuracy:.1%}; {accuracy.samples:,} samples",
        )
    if accuracy is not None and accuracy.argmax_agreement is not None:
        yield "Same class", f"{accuracy.argmax_agreement:.1%}", "int8 and float"
    yield (
        "Outputs equal",
        f"{result.check.vectors} of {result.check.vectors}",
        f"in every byte: {escape(', '.join(result.check.engines))}",
    )


def warnings(result: Conversion) -> str:
    return "".join(f'<p class="warning" role="note">{escape(one)}</p>' for one in result.warnings)


def maps(plans: Sequence[MemoryMap]) -> str:
    figures = "".join(
        f'<div class="figure"><h3>{escape(one.title)}: {one.size_bytes:,} bytes</h3>{_shown(one)}{map_svg(one)}</div>'
        for one in plans
    )
    legend = "Ops across, addresses up; a box is a tensor while it lives."
    return f"<h2>Memory over time</h2><p class='faint'>{legend}</p>{figures}"


def _shown(plan: MemoryMap) -> str:
    """Where not all steps are: of which they are."""
    count = len(plan.steps)
    if count <= MAX_STEPS:
        return ""
    return f'<p class="faint note">{count:,} steps; each of {MAX_STEPS} columns is the fullest of its part of them.</p>'


def ops(memory: MemoryReport) -> str:
    peak = memory.peak
    headings = ("op", "type", "output", "bytes", "live bytes", "scratch", "MACs", "")
    rows = [
        (
            (
                one.index,
                one.type,
                one.name,
                one.output_bytes,
                one.live_bytes,
                one.scratch_bytes,
                one.macs,
                _bar(one, peak),
            ),
            "peak" if one is peak else "",
        )
        for one in memory.ops
    ]
    return f"<h2>Ops</h2>{table(headings, rows, names=(2,), markup=(7,))}"


def native_ops(result: Conversion) -> str:
    """What each op of the native engine will take, by its price."""
    headings = (
        *("op", "type", "kernel", "filters", "flash", "MACs", "instructions, priced", "a MAC", "generic kernels"),
    )
    rows = [
        (
            (
                *(one.index, one.type, short_kernels(one.kernels), one.filters or "", one.flash_bytes, one.macs),
                Shown(0, "-") if one.instructions is None else one.instructions,
                Shown(0, "") if one.instructions_per_mac is None else _ratio(one.instructions_per_mac),
                Shown(0, "") if one.generic_instructions is None else one.generic_instructions,
            ),
            "",
        )
        for one in result.native_ops
    ]
    if not rows:
        return ""
    priced = [one.instructions for one in result.native_ops if one.instructions is not None]
    note = f"Priced at {sum(priced):,} instructions, op after op, by what these kernels took in an emulator."
    return f"<h2>Native engine, op by op</h2><p class='faint'>{note}</p>{table(headings, rows, names=(2, 3))}"


def _ratio(value: float) -> Shown:
    return Shown(round(1000 * value), f"{value:.2f}")


def _bar(one: OpMemory, peak: OpMemory) -> str:
    share = one.live_bytes / max(peak.live_bytes, 1)
    return f'<span class="bar" style="width:{6 * share:.2f}rem"></span>'


def engines(memory: MemoryReport) -> str:
    """Both engines before and after each technique; nothing where they were not compared."""
    if not memory.engines:
        return ""
    most, macs = max(one.arena_bytes for one in memory.engines), max(memory.macs, 1)
    rows = [
        (
            (
                one.name,
                one.arena_bytes,
                one.saved_bytes,
                Shown(one.extra_macs, f"{one.extra_macs / macs:+.1%}" if one.extra_macs else "0"),
                Shown(len(one.boards), f"{len(one.boards)} of {len(memory.boards)}"),
                one.least_board or "none",
                f'<span class="bar" style="width:{10 * one.arena_bytes / most:.2f}rem"></span>',
            ),
            "",
        )
        for one in memory.engines
    ]
    headings = ("engine", "arena, bytes", "less", "MACs", "fits boards", "the least", "")
    text = (
        "<p class='faint'>Each engine from its simplest plan to the one that needs least, outputs equal in every byte; "
        "less: than the line above. Arena: inputs and outputs in it, the stack not.</p>"
    )
    return f"<h2>Engines side by side</h2>{text}{table(headings, rows, markup=(6,))}"


def pareto(memory: MemoryReport) -> str:
    """SRAM against MACs; nothing where the engines were not compared."""
    if not memory.engines:
        return ""
    text = "Each point is a plan: the lower, the less SRAM; the further right, the more is computed twice."
    if not memory.pareto:
        text += " <code>sapmcu convert --pareto</code> adds the plans that take more MACs for less SRAM."
    return (
        f"<h2>SRAM against MACs</h2><p class='faint'>{text} Dashed: what boards have.</p>"
        f'<div class="figure">{pareto_svg(memory)}</div>'
    )


def boards(memory: MemoryReport) -> str:
    """Which boards of the list each plan fits; nothing where the engines were not compared."""
    if not memory.engines:
        return ""
    headings = ("board", "for the arena", "flash", *(one.name for one in memory.engines))
    rows: list[tuple[Sequence[Cell], str]] = [
        ((room.name, room.arena_bytes, room.flash_bytes, *(_fit(room, one) for one in memory.engines)), "")
        for room in memory.boards
    ]
    text = (
        "<p class='faint'>Share of the largest piece of SRAM that is free for an arena; × bytes that are missing. "
        "Flash is counted with the model file, for TFLM with its code, too.</p>"
    )
    return f"<h2>Boards</h2>{text}{table(headings, rows, style='sortable fits')}"


def _fit(room: BoardRoom, engine: EngineSram) -> Shown:
    share = engine.arena_bytes / max(room.arena_bytes, 1)
    if room.name in engine.boards:
        return Shown(share, f'<span class="good">{share:.0%}</span>')
    missing = engine.arena_bytes - room.arena_bytes
    return Shown(share, f'<span class="bad">× {f"{missing:,}" if missing > 0 else "flash"}</span>')


def savings(memory: MemoryReport) -> str:
    """From TFLM's own plan to the one that is written; nothing where none was sought."""
    found = memory.savings
    if found is None:
        return ""
    rows = [
        (
            (
                TECHNIQUES.get(step.technique, "as TFLM plans"),
                step.arena_bytes,
                found.steps[max(index - 1, 0)].arena_bytes - step.arena_bytes,
                step.extra_macs,
                ", ".join(f"{run_name(run)} in {run.bands}" for run in step.runs),
            ),
            "",
        )
        for index, step in enumerate(found.steps)
    ]
    headings = ("TFLM's arena", "bytes", "less", "extra MACs", "bands")
    return f"<h2>Savings</h2>{table(headings, rows)}"


def rewrites(result: Conversion) -> str:
    """What each pass changed; nothing where none did."""
    changed = [one for one in result.rewrites if not one.is_identity]
    if not changed:
        return ""
    rows = [
        ((_rewrite(one), *(getattr(one.after, field) - getattr(one.before, field) for field in SAVED)), "")
        for one in changed
    ]
    text = "<p class='faint'>What each added; where it saved, the number is negative.</p>"
    return f"<h2>Rewrites</h2>{text}{table(('rewrite', *SAVED.values()), rows)}"


def _rewrite(one: Rewrite) -> str:
    return one.name if one.engine is None else f"{one.name}, {one.engine} engine only"


def accuracy(result: Conversion) -> str:
    """int8 against float; nothing for a model that came in int8."""
    found = result.accuracy
    if found is None:
        return ""
    rows = [((one.name, round(one.sqnr_db, 1), f"{one.largest_error:.4g}"), "") for one in found.outputs]
    text = f"<h2>int8 against float</h2><p class='faint'>samples: {escape(found.origin)}</p>"
    text += table(("output", "SQNR, dB", "largest error"), rows)
    if found.layers:
        layers = [((one.op, one.type, one.layer, round(one.sqnr_db, 1)), "") for one in found.layers]
        text += "<p class='faint'>Ops, the noisiest first:</p>" + table(
            ("op", "type", "layer", "SQNR, dB"), layers, names=(2,)
        )
    return text


def board(result: Conversion) -> str:
    """How TFLM's arena and flash, as they are written, stand on the board."""
    fit = result.fit
    rows = [
        (
            (
                "SRAM",
                fit.sram_region,
                fit.sram_bytes - fit.sram_left_bytes,
                fit.sram_bytes,
                _meter(fit.sram_bytes, fit.sram_left_bytes),
            ),
            "",
        ),
        (
            (
                "flash",
                "",
                fit.flash_bytes - fit.flash_left_bytes,
                fit.flash_bytes,
                _meter(fit.flash_bytes, fit.flash_left_bytes),
            ),
            "",
        ),
    ]
    headings = ("memory", "region", "TFLM needs", "there is", "")
    return f"<h2>On {escape(fit.board)}</h2>{table(headings, rows, markup=(4,))}"


def _meter(size_bytes: int, left_bytes: int) -> str:
    share = min((size_bytes - left_bytes) / max(size_bytes, 1), 1)
    state = ' class="over"' if left_bytes < 0 else ""
    return f'<span class="meter"><i{state} style="width:{100 * share:.1f}%"></i></span>'


def origin(result: Conversion) -> str:
    """What the page is about, to the byte."""
    shapes = [
        ((role, one.name, f"{one.dtype} {'×'.join(map(str, one.shape))}", _quantized(one.scale, one.zero_point)), "")
        for role, interfaces in (("input", result.inputs), ("output", result.outputs))
        for one in interfaces
    ]
    text = table(("", "name", "type", "real number"), shapes, names=(1,))
    return f"<h2>Interface</h2>{text}<p class='faint'>SHA-256 of model.tflite: <code>{result.sha256}</code></p>"


def _quantized(scale: float | None, zero_point: int | None) -> str:
    return "" if scale is None else f"{scale:.6g} · (q − {zero_point})".replace("− -", "+ ")


def table(
    headings: Sequence[str],
    rows: Sequence[tuple[Sequence[Cell], str]],
    *,
    names: Sequence[int] = (),
    markup: Sequence[int] = (),
    style: str = "sortable",
) -> str:
    """(cells, class) each. Columns of numbers stand right; names: may be cut short; markup: is HTML already. style: the
    table's classes."""
    first = rows[0][0] if rows else ()
    numeric = {column for column, cell in enumerate(first) if not isinstance(cell, str)}
    head = "".join(
        f'<th scope="col"{_class(column in numeric)}>{escape(text)}</th>' for column, text in enumerate(headings)
    )
    body = "".join(
        f'<tr class="{style}">'
        + "".join(_cell(cell, column in names, column in markup) for column, cell in enumerate(cells))
        + "</tr>"
        for cells, style in rows
    )
    return (
        f'<div class="scroll"><table class="{style}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
    )


def _class(is_number: bool) -> str:
    return ' class="number"' if is_number else ""


def _cell(cell: Cell, is_name: bool, is_markup: bool) -> str:
    if isinstance(cell, Shown):
        return f'<td class="number" data-value="{cell.value}">{cell.markup}</td>'
    if not isinstance(cell, str):
        return f'<td class="number" data-value="{cell}">{cell:,}</td>'
    if is_markup:
        return f"<td>{cell}</td>"
    text = escape(cell)
    return f'<td class="name" title="{text}">{text}</td>' if is_name else f"<td>{text}</td>"
