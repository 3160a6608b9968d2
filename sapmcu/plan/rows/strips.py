# SPDX-License-Identifier: Apache-2.0
"""Vertical strips: a cascade that computes some columns of its result at a time, with what they need of all before.

All line buffers become narrow. The columns at a strip's border that windows of both neighbours see are computed for
both, at the price of MACs; or they are kept from one strip for the next, at the price of their bytes in all rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from itertools import pairwise

from sapmcu.ir.cascade import Columns, RowForm, RowReads
from sapmcu.ir.native import FunctionRef, Params, Value

WORD = 4
COPY = FunctionRef("sapmcu_copy_rows", "sapmcu/row_kernels.h")

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


@dataclass(frozen=True, slots=True)
class StripWork:
    """index: of the work that makes `made`. is_copy: it takes over columns of it from the strip before, or if is_eager
    leaves some to the next one, as soon as a row is there.
    """

    index: int
    made: str
    forms: tuple[RowForm, ...]
    is_copy: bool = False
    is_eager: bool = False


@dataclass(frozen=True, slots=True)
class Strip:
    """By store: made, the columns that this strip computes; held, those that rows have, which begin with what is kept
    of the strip before; left, those of held that are kept for the next strip.
    """

    made: Mapping[str, Span]
    held: Mapping[str, Span]
    left: Mapping[str, Span]


Works = Sequence[Sequence[RowForm]]
"""The forms of works that follow each other."""


def strip_spans(works: Works, count: int, kept: Set[str]) -> list[Strip] | None:
    """The columns of each strip of what the last work writes, or sums up. kept: stores whose columns are kept.

    The first strip would have to make more columns of kept stores than the others; so before it come strips that make
    them alone. None where a form needs whole rows, or the result has too few columns.
    """
    result = works[-1][0] if works[-1] else None
    if result is None or result.columns is None or result.columns.columns < count:
        return None
    if any(form.columns is None or form.is_update for forms in works[:-1] for form in forms):
        return None
    last = {form.store for form in works[-1]}
    done: dict[str, int] = {}  # where the kept columns of each store end that are there
    strips: list[Strip] = []
    leads = _leads(works, kept, result.columns.columns // count)
    for aims in (*leads, *(dict.fromkeys(last, span) for span in parts_of(result.columns.columns, count))):
        found = _wanted_and_made(works, aims, kept, done)
        if found is None:
            return None
        wanted, made = found
        left = {name: (wanted[name][0], end) for name, end in done.items() if name in wanted and wanted[name][0] < end}
        if strips:
            before = strips[-1]
            if any(one[0] < before.held.get(name, (one[1], 0))[0] for name, one in left.items()):
                return None
            strips[-1] = replace(before, left=left)
        done.update({name: made[name][1] for name in kept & made.keys()})
        strips.append(Strip(made, {name: one for name, one in wanted.items() if name not in last}, {}))
    made_stores = {name for strip in strips for name in strip.made}
    return strips if made_stores == {form.store for forms in works for form in forms} else None


def _leads(works: Works, kept: Set[str], width: int) -> list[dict[str, Span]]:
    """Strips of results left of the image, of which only columns of kept stores are inside."""
    leads: list[dict[str, Span]] = []
    end = 0
    while found := _lead(works, kept, end):
        leads.insert(0, found)
        end -= width
    return leads


def _lead(works: Works, kept: Set[str], end: int) -> dict[str, Span]:
    """Columns that results up to column end - 1 need of kept stores."""
    ends = {form.store: end for form in works[-1]}
    found: dict[str, Span] = {}
    for form in (form for forms in reversed(works) for form in forms if form.columns is not None):
        columns, stop = _columns(form), ends[form.store]
        if form.store in kept and stop > 0:
            found[form.store] = 0, min(stop, columns.columns)
        stop = (stop - 1) * columns.stride - columns.before + (columns.window - 1) * columns.dilation + 1
        for reads in form.reads:
            ends[reads.store] = max(ends.get(reads.store, stop), stop)
    return found


def _wanted_and_made(
    works: Works, aims: Mapping[str, Span], kept: Set[str], done: Mapping[str, int]
) -> tuple[dict[str, Span], dict[str, Span]] | None:
    """Of one strip: the columns of each store that are read or aimed at, and those of them that aren't there yet."""
    wanted, made = dict(aims), dict[str, Span]()
    inside = {form.store for forms in works for form in forms}
    for forms in reversed(works):
        for form in forms:
            if form.store not in wanted:
                continue  # all that is made of it is there
            first, end = wanted[form.store]
            first = max(first, done.get(form.store, first)) if form.store in kept else first
            if first >= end:
                continue
            made[form.store] = first, end
            if not form.kernel or form.columns is None:
                continue
            span = needed(form, (first, end))
            if span[0] >= span[1]:
                return None  # its windows see nothing but padding
            for reads in form.reads:
                if reads.store in inside:
                    known = wanted.get(reads.store, span)
                    wanted[reads.store] = min(known[0], span[0]), max(known[1], span[1])
    return wanted, made


def strip_macs(works: Works, strips: Sequence[Strip]) -> int:
    """Of all strips together."""
    return sum(
        form.steps * _part_of(form.macs, strip.made[form.store], form)
        for strip in strips
        for forms in works
        for form in forms
        if form.store in strip.made
    )


def _part_of(number: int, span: Span, form: RowForm) -> int:
    return number if form.columns is None else number * (span[1] - span[0]) // form.columns.columns


def strip_works(works: Works, strips: Sequence[Strip], number: int) -> Iterator[StripWork]:
    """The works of one strip. Stores that the works before the last write are the strip's own."""
    strip, is_last = strips[number], number == len(strips) - 1
    before = strips[number - 1].left if number else {}
    for index, forms in enumerate(works):
        first = forms[0]
        if index == len(works) - 1 and first.is_update:  # what is made of sums is made once, behind the last strip
            is_continued = any(first.store in one.made for one in strips[:number])
            forms = (replace(first, is_continued=is_continued), *(forms[1:] if is_last else ()))
        made = tuple(_narrow(form, strip, number) for form in forms if form.store in strip.made)
        if first.store in before and first.store in strip.held:
            kept, held = before[first.store], strip.held[first.store]
            names = _left_name(first.store, number - 1), _strip_name(first.store, number)
            yield StripWork(index, first.store, (_copy(first, names, kept, kept, held),), is_copy=True)
        if made:
            yield StripWork(index, first.store, made)
        if first.store in strip.left:
            kept, held = strip.left[first.store], strip.held[first.store]
            names = _strip_name(first.store, number), _left_name(first.store, number)
            yield StripWork(index, first.store, (_copy(first, names, kept, held, kept),), is_copy=True, is_eager=True)


def _strip_name(store: str, number: int) -> str:
    return f"{store} strip {number}"


def _left_name(store: str, number: int) -> str:
    return f"{store} left by strip {number}"


def _copy(form: RowForm, names: tuple[str, str], span: Span, source: Span, target: Span) -> RowForm:
    """Columns from one store of rows to another; source, target: the columns that their rows have."""
    pixel = form.row_bytes // _columns(form).columns
    copy = Params(
        "sapmcu_copy_params",
        (
            ("loops", None),
            ("loop_count", 0),
            ("run_bytes", pixel * (span[1] - span[0])),
            ("x_offset_bytes", 0),
            ("y_offset_bytes", 0),
        ),
    )
    reads = RowReads(names[0], form.rows, pixel * (source[1] - source[0]), offset_bytes=pixel * (span[0] - source[0]))
    return RowForm(
        store=names[1],
        rows=form.rows,
        row_bytes=pixel * (target[1] - target[0]),
        steps=form.rows,
        reads=(reads,),
        kernel=COPY,
        params=Params("sapmcu_copy_rows_params", (("copy", copy), ("rows", 1), ("y_step_bytes", 0)), "kept"),
        offset_bytes=pixel * (span[0] - target[0]),
    )


def _narrow(form: RowForm, strip: Strip, number: int) -> RowForm:
    if form.columns is None:
        return form
    first, end = strip.made[form.store]
    held = strip.held.get(form.store)
    if form.kernel is None:
        return _delivery(form, (first, end), number)
    columns, width = form.columns, end - first
    taken = needed(form, (first, end))
    before = taken[0] - (first * columns.stride - columns.before)
    reads = tuple(
        _narrow_reads(one, count, taken, strip.held.get(one.store), number)
        for one, count in zip(form.reads, columns.reads, strict=True)
    )
    pixel = form.row_bytes // columns.columns
    assert form.params is not None
    return replace(
        form,
        store=form.store if held is None else _strip_name(form.store, number),
        row_bytes=form.row_bytes if held is None else pixel * (held[1] - held[0]),
        offset_bytes=0 if form.is_update else pixel * (first - (held or (0, 0))[0]),
        part_bytes=pixel * width if held is None and not form.is_update else 0,
        reads=reads,
        params=_narrow_params(form.params, columns, width, taken[1] - taken[0], before),
        scratch_bytes=form.scratch_bytes - columns.scratch_bytes * (columns.columns - width) // WORD * WORD,
        macs=form.macs * width // columns.columns,
        columns=replace(columns, columns=width, reads=(taken[1] - taken[0],) * len(reads), before=before),
    )


def _delivery(form: RowForm, span: Span, number: int) -> RowForm:
    """Rows of the graph's input, of which the application gives some columns."""
    pixel = form.row_bytes // _columns(form).columns
    source = form.reads[0].store if form.reads else form.store
    reads = RowReads(source, form.rows, form.row_bytes, offset_bytes=pixel * span[0])
    return replace(form, store=_strip_name(form.store, number), row_bytes=pixel * (span[1] - span[0]), reads=(reads,))


def _narrow_reads(reads: RowReads, columns: int, taken: Span, held: Span | None, number: int) -> RowReads:
    pixel = reads.row_bytes // columns
    if held is None:
        return replace(reads, offset_bytes=reads.offset_bytes + pixel * taken[0])
    return replace(
        reads,
        store=_strip_name(reads.store, number),
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
