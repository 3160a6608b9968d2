# SPDX-License-Identifier: Apache-2.0
"""Vertical strips: a cascade that computes some columns of its result at a time, with what they need of all before.

The columns at a strip's border are computed for both strips, so that line buffers become narrow at the price of MACs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from sapmcu.ir.cascade import Columns, RowForm, RowReads
from sapmcu.ir.native import Params, Value

Span = tuple[int, int]
"""Columns first..end−1."""


def parts_of(columns: int, count: int) -> tuple[Span, ...]:
    """`count` parts as equal as can be."""
    edges = [columns * index // count for index in range(count + 1)]
    return tuple(pairwise(edges))


def _columns(form: RowForm) -> Columns:
    assert form.columns is not None
    return form.columns


def needed(form: RowForm, span: Span) -> Span:
    """The columns inside the image that some columns of a result need, with those between."""
    columns = _columns(form)
    first = span[0] * columns.stride - columns.before
    last = (span[1] - 1) * columns.stride - columns.before + (columns.window - 1) * columns.dilation
    width = columns.reads[0]
    return max(first, 0), min(last + 1, width)


def in_strips(works: Sequence[Sequence[RowForm]], count: int) -> list[tuple[tuple[RowForm, ...], ...]] | None:
    """The forms of works that follow each other, once for each strip of what the last of them writes, or sums up.

    None where a form needs whole rows, or the result has too few columns.
    """
    result = works[-1][0] if works[-1] else None
    if result is None or result.columns is None or result.columns.columns < count:
        return None
    strips = []
    for number, span in enumerate(parts_of(result.columns.columns, count)):
        last = works[-1]
        if result.is_update:  # what is made of sums is made once, behind the last strip
            last = [replace(result, is_continued=number > 0), *(works[-1][1:] if number == count - 1 else ())]
        strip = _strip([*works[:-1], last], span, f" strip {number}")
        if strip is None:
            return None
        strips.append(strip)
    return strips


def _strip(works: Sequence[Sequence[RowForm]], span: Span, suffix: str) -> tuple[tuple[RowForm, ...], ...] | None:
    """One strip. Stores that the works before the last write have the suffix and hold the columns that are needed."""
    if any(form.columns is None or form.is_update for forms in works[:-1] for form in forms):
        return None
    inside = {form.store for forms in works for form in forms}
    last = {form.store for form in works[-1]}
    spans: dict[str, Span] = dict.fromkeys(last, span)
    for forms in reversed(works):
        for form in forms:
            if form.store not in spans:
                return None
            if form.kernel and form.columns is not None:
                wanted = needed(form, spans[form.store])
                if wanted[0] >= wanted[1]:
                    return None  # its windows see nothing but padding
                for reads in form.reads:
                    known = spans.get(reads.store, wanted)
                    spans[reads.store] = min(known[0], wanted[0]), max(known[1], wanted[1])
    held = {name: spans[name] for name in inside - last}
    return tuple(tuple(_narrow(form, spans, held, suffix) for form in forms) for forms in works)


def _narrow(form: RowForm, spans: dict[str, Span], held: dict[str, Span], suffix: str) -> RowForm:
    first, end = spans[form.store]
    if form.columns is None:
        return form
    if form.kernel is None:
        return _delivery(form, (first, end), suffix)
    columns, width = _columns(form), end - first
    taken = needed(form, (first, end))
    before = taken[0] - (first * columns.stride - columns.before)
    reads = tuple(
        _narrow_reads(one, count, taken, held.get(one.store), suffix)
        for one, count in zip(form.reads, columns.reads, strict=True)
    )
    pixel = form.row_bytes // columns.columns
    is_held = form.store in held
    assert form.params is not None
    return replace(
        form,
        store=form.store + suffix if is_held else form.store,
        row_bytes=pixel * width if is_held else form.row_bytes,
        offset_bytes=0 if is_held or form.is_update else pixel * first,
        reads=reads,
        params=_narrow_params(form.params, columns, width, taken[1] - taken[0], before),
        macs=form.macs * width // columns.columns,
        columns=replace(columns, columns=width, reads=(taken[1] - taken[0],) * len(reads), before=before),
    )


def _delivery(form: RowForm, span: Span, suffix: str) -> RowForm:
    """Rows of the graph's input, of which the application gives some columns."""
    pixel = form.row_bytes // _columns(form).columns
    source = form.reads[0].store if form.reads else form.store
    reads = RowReads(source, form.rows, form.row_bytes, offset_bytes=pixel * span[0])
    return replace(form, store=form.store + suffix, row_bytes=pixel * (span[1] - span[0]), reads=(reads,))


def _narrow_reads(reads: RowReads, columns: int, taken: Span, held: Span | None, suffix: str) -> RowReads:
    pixel = reads.row_bytes // columns
    if held is None:
        return replace(reads, offset_bytes=reads.offset_bytes + pixel * taken[0])
    return replace(
        reads,
        store=reads.store + suffix,
        row_bytes=pixel * (held[1] - held[0]),
        offset_bytes=pixel * (taken[0] - held[0]),
    )


def _narrow_params(params: Params, columns: Columns, width: int, in_width: int, before: int) -> Params:
    """The struct for fewer columns. All structs of forms by columns name their sizes alike."""

    def narrowed(name: str, value: Value) -> Value:
        if name in ("in_width", "width"):
            return in_width
        if name == "out_width":
            return width
        if name == "pad_left":
            return before
        if name == "count":
            assert isinstance(value, int)
            return value // columns.columns * width
        return replace(value, fields=tuple(fields(value))) if isinstance(value, Params) else value

    def fields(struct: Params) -> Iterator[tuple[str, Value]]:
        return ((name, narrowed(name, value)) for name, value in struct.fields)

    return replace(params, fields=tuple(fields(params)))
