# SPDX-License-Identifier: Apache-2.0
"""The tables of a cascade: where rows lie, what each form reads, the order of steps. Source: sapmcu/cascade.h."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

from sapmcu.emit.c_source import c_comment, wrapped
from sapmcu.ir.cascade import Cascade, CascadePlan, RowForm, RowReads, RowRun
from sapmcu.ir.native import Constant, NativeProgram, Params
from sapmcu.ir.parts import input_of_form

HEADER = "sapmcu/cascade.h"
UINT8_MAX, UINT16_MAX = 2**8 - 1, 2**16 - 1
MAX_SHIFT = 15

Names = Mapping[Constant | Params, str]


@dataclass(frozen=True, slots=True)
class RowPlaces:
    """The fields of a sapmcu_row_store. offsets: empty where rows lie pitch_bytes apart."""

    base_bytes: int
    pitch_bytes: int = 0
    ring: int = 0
    offsets: tuple[int, ...] = ()
    shift: int = 0

    def __call__(self, row: int) -> int:
        """Where a row lies, as sapmcu_row_at finds it."""
        index = row % self.ring if self.ring else row
        return self.base_bytes + (self.offsets[index] << self.shift if self.offsets else index * self.pitch_bytes)


def row_places(offset_bytes: tuple[int, ...]) -> RowPlaces:
    """The shortest form of a list of offsets: one behind the other, a ring of rows, or a table."""
    period = _period(offset_bytes)
    ring = period if period < len(offset_bytes) else 0
    base, pitch = offset_bytes[0], offset_bytes[1] - offset_bytes[0] if period > 1 else 0
    places = RowPlaces(base, pitch, ring)
    if pitch < 0 or any(places(row) != offset for row, offset in enumerate(offset_bytes)):
        base = min(offset_bytes)
        distances = [offset - base for offset in offset_bytes[:period]]
        shift = next(
            one for one in range(MAX_SHIFT, -1, -1) if all(distance % (1 << one) == 0 for distance in distances)
        )
        shifted = tuple(distance >> shift for distance in distances)
        assert max(shifted) <= UINT16_MAX, "rows so far apart must lie at multiples of 2, 4 or 8 bytes"
        places = RowPlaces(base, ring=ring, offsets=shifted, shift=shift)
    assert [places(row) for row in range(len(offset_bytes))] == list(offset_bytes)
    return places


def _period(offset_bytes: tuple[int, ...]) -> int:
    """The smallest n so that row r + n always lies where row r lay."""
    count = len(offset_bytes)
    return next(n for n in range(1, count + 1) if offset_bytes[n:] == offset_bytes[: count - n])


@dataclass(slots=True)
class _Tables:
    """stores: what rows are called, each kind of place once. reads: of all forms, one behind the other; first_reads:
    where those of a form begin, of forms that read the same once.
    """

    plan: CascadePlan
    stores: dict[RowPlaces, str] = field(default_factory=dict)
    reads: list[tuple[int, RowReads]] = field(default_factory=list)
    first_reads: dict[tuple[RowReads, ...], int] = field(default_factory=dict)

    def store(self, name: str, rows: int, row_bytes: int) -> int:
        """The index of a store as an op sees it: with its own rows, or with others where all lie together."""
        store = self.plan.stores[name]
        offsets = store.offset_bytes
        if (rows, row_bytes) != (len(offsets), store.row_bytes):
            same_bytes = rows * row_bytes == len(offsets) * store.row_bytes
            assert store.is_together and same_bytes, f"{name} is no {rows} rows of {row_bytes} bytes"
            offsets = tuple(offsets[0] + row * row_bytes for row in range(rows))
        places = row_places(offsets)
        self.stores.setdefault(places, name)
        return list(self.stores).index(places)

    def form(self, form: RowForm) -> tuple[int, int]:
        """(index of its store, of its first read)."""
        reads = form.reads if form.kernel else ()
        if reads not in self.first_reads:
            self.first_reads[reads] = len(self.reads)
            self.reads += [(self.store(one.store, one.rows, one.row_bytes), one) for one in reads]
        return self.store(form.store, form.rows, form.row_bytes), self.first_reads[reads]


def cascade_headers(cascade: Cascade) -> Iterator[str]:
    yield HEADER
    yield from (form.kernel.header for form in cascade.forms if form.kernel is not None)


def cascade_tables(program: NativeProgram, cascade: Cascade, name: str, names: Names) -> Iterator[str]:
    """The definition of a sapmcu_cascade and of what it points to."""
    assert program.cascades is not None
    cascade = with_one_scratch(cascade)
    tables = _Tables(program.cascades)
    places = [tables.form(form) for form in cascade.forms]
    yield f"/* {name}: {', '.join(f'op {index}' for index in cascade.ops)} */"
    yield from _store_lines(tables, name)
    yield ""
    if tables.reads:
        yield f"static const sapmcu_row_reads {name}_reads[{len(tables.reads)}] = {{"
        for store, one in tables.reads:
            yield from wrapped("    {", list(_read_fields(store, one, names)), "},")
        yield from ("};", "")
    yield from _form_lines(program, cascade, name, places, names)
    yield ""
    yield from _run_lines(cascade, name)


def with_one_scratch(cascade: Cascade) -> Cascade:
    """The same with a form for each place of a form's scratch."""
    forms, ops, runs = list[RowForm](), list[int](), list[RowRun]()
    numbers: dict[tuple[int, int], int] = {}
    for index, (form, op) in enumerate(zip(cascade.forms, cascade.form_ops, strict=True)):
        for offset in dict.fromkeys(form.scratch_offsets or (form.scratch_offset_bytes,)):
            numbers[index, offset] = len(forms)
            forms.append(replace(form, scratch_offset_bytes=offset, scratch_offsets=()))
            ops.append(op)
    for run in cascade.runs:
        form, end = cascade.forms[run.form], run.first + run.count
        for offset, steps in groupby(range(run.first, end), form.scratch_at):
            first, *others = steps
            runs.append(RowRun(numbers[run.form, offset], first, 1 + len(others)))
    return replace(cascade, forms=tuple(forms), form_ops=tuple(ops), runs=tuple(runs))


def _form_lines(
    program: NativeProgram, cascade: Cascade, name: str, places: Sequence[tuple[int, int]], names: Names
) -> Iterator[str]:
    """places: of each form, the index of its store and of its first read."""
    assert program.cascades is not None
    parts: dict[tuple[int, int], str] = {}
    for part in (_input_part(form) for form in cascade.forms if form.kernel is None):
        if part not in parts:
            parts[part] = f"{name}_part_{len(parts)}"
            yield f"static const sapmcu_input_part {parts[part]} = {{{part[0]}, {part[1]}}};"
    yield f"static const sapmcu_row_form {name}_forms[{len(cascade.forms)}] = {{"
    for op, form, (store, read) in zip(cascade.form_ops, cascade.forms, places, strict=True):
        yield f"    /* {c_comment(form.store)} */"
        if form.kernel is None:
            index = input_of_form(program, form)
            fields: dict[str, str | int] = {"params": f"&{parts[_input_part(form)]}", "op": index, "store": store}
        else:
            fields = _form_fields(form, op, store, f"{name}_reads + {read}", names)
        yield from wrapped("    {", _set_fields(fields), "},")
    yield "};"


def _input_part(form: RowForm) -> tuple[int, int]:
    """Of each row of an input: where what is needed begins, and how many bytes."""
    return form.reads[0].offset_bytes if form.reads else 0, form.row_bytes


def _store_lines(tables: _Tables, name: str) -> Iterator[str]:
    for index, places in enumerate(tables.stores):
        if places.offsets:
            opening = f"static const uint16_t {name}_offsets_{index}[{len(places.offsets)}] = {{"
            yield from wrapped(opening, list(map(str, places.offsets)), "};")
    yield f"static const sapmcu_row_store {name}_stores[{len(tables.stores)}] = {{"
    for index, (places, tensor) in enumerate(tables.stores.items()):
        fields = {
            "offsets": f"{name}_offsets_{index}" if places.offsets else 0,
            "base_bytes": places.base_bytes,
            "pitch_bytes": places.pitch_bytes,
            "ring": places.ring,
            "shift": places.shift,
        }
        yield from wrapped("    {", _set_fields(fields), f"}}, /* {c_comment(tensor)} */")
    yield "};"


def _read_fields(store: int, reads: RowReads, names: Names) -> list[str]:
    """Their order is that of the struct."""
    return _set_fields(
        {
            "zero_row": names[reads.zero_row] if reads.zero_row is not None else 0,
            "first_rows": names[reads.first_rows] if reads.first_rows is not None else 0,
            "offset_bytes": reads.offset_bytes,
            "store": store,
            "rows": reads.rows,
            "window": reads.window,
            "stride": 0 if reads.is_whole else reads.stride,
            "dilation": reads.dilation,
            "before": reads.before,
        }
    )


def _form_fields(form: RowForm, op: int, store: int, reads: str, names: Names) -> dict[str, str | int]:
    assert form.kernel is not None
    return {
        "kernel": form.kernel.name,
        "params": f"&{names[form.params]}" if form.params else 0,
        "reads": reads if form.reads else 0,
        "offset_bytes": form.offset_bytes,
        "scratch_offset_bytes": form.scratch_offset_bytes,
        "op": op,
        "store": store,
        "first_row": form.first_row,
        "read_count": len(form.reads),
        "is_update": int(form.is_update),
        "is_continued": int(form.is_continued),
        "is_numbered": int(form.is_numbered),
    }


def _set_fields(fields: Mapping[str, str | int]) -> list[str]:
    """Designated initialisers of what isn't 0; of the first field, a pointer, where all are."""
    set_ = [f".{name} = {value}" for name, value in fields.items() if value != 0]
    return set_ or [f".{next(iter(fields))} = NULL"]


def _run_lines(cascade: Cascade, name: str) -> Iterator[str]:
    numbers = [number for run in cascade.runs for number in (run.form, run.first, run.count)]
    is_wide = max(numbers) > UINT8_MAX
    assert max(numbers) <= UINT16_MAX and len(cascade.runs) <= UINT16_MAX, "a cascade counts to 65,535"
    c_type = "uint16_t" if is_wide else "uint8_t"
    yield "/* form, first step, count */"
    runs = [f"{run.form}, {run.first}, {run.count}" for run in cascade.runs]
    yield from wrapped(f"static const {c_type} {name}_runs[{len(numbers)}] = {{", runs, "};")
    yield ""
    fields: dict[str, str | int] = {
        "stores": f"{name}_stores",
        "forms": f"{name}_forms",
        "runs": f"{name}_runs",
        "run_count": len(cascade.runs),
        "is_wide": int(is_wide),
    }
    yield from wrapped(f"static const sapmcu_cascade {name} = {{", _set_fields(fields), "};")
