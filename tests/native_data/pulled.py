# SPDX-License-Identifier: Apache-2.0
"""A simple plan of cascades, for tests of what runs plans: a row is computed when it is asked for, and lies apart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

from sapmcu.ir.cascade import Cascade, CascadePlan, RowForm, RowRun, Store
from sapmcu.ir.graph import Graph
from sapmcu.ir.native import Step
from sapmcu.lower.graph import lower_ops
from sapmcu.plan.native import scratch_bytes

Row = tuple[str, int]
"""Of a store."""
WHOLE_ALIGNMENT, WORD = 8, 4


def pulled_plan(graph: Graph, alignment: int = 4, *, by_rows: bool = False) -> CascadePlan:
    """Neighbouring ops that have forms are a cascade, all others run whole. alignment: of rows that lie apart.

    by_rows: the only input, which the first op reads by forms, comes by rows.
    """
    steps = lower_ops(graph)
    owners = _owners(graph, steps)
    parts: list[Cascade | int] = []
    for is_whole, group in groupby(steps, key=lambda step: not step.lowered.forms):
        members = list(group)
        parts += [step.index for step in members] if is_whole else [_cascade(members, owners, by_rows and not parts)]
    assert not by_rows or isinstance(parts[0], Cascade)
    return _Places(graph, steps, owners, alignment, () if by_rows else graph.inputs).plan(parts)


def _owners(graph: Graph, steps: Sequence[Step]) -> dict[str, str]:
    owners = {name: name for name, tensor in graph.tensors.items() if not tensor.is_constant}
    for step in steps:
        for result, operand in step.lowered.aliases:
            owners[result] = owners[operand]
    return owners


def _cascade(members: Sequence[Step], owners: Mapping[str, str], has_input: bool) -> Cascade:
    ops = tuple(step.index for step in members)
    forms, form_ops = [], []
    if has_input:
        (reads,) = members[0].lowered.forms[0].reads
        forms.append(RowForm(reads.store, reads.rows, reads.row_bytes, reads.rows))
        form_ops.append(-1)
    for step in members:
        for form in step.lowered.forms:
            reads = tuple(replace(one, store=owners.get(one.store, one.store)) for one in form.reads)
            forms.append(replace(form, store=owners.get(form.store, form.store), reads=reads))
            form_ops.append(step.index)
    runs: list[RowRun] = []
    for index, step_number in _order(forms):
        last = runs[-1] if runs else RowRun(-1, 0, 0)
        if (last.form, last.first + last.count) == (index, step_number):
            runs[-1] = replace(last, count=last.count + 1)
        else:
            runs.append(RowRun(index, step_number, 1))
    return Cascade(ops, tuple(forms), tuple(form_ops), tuple(runs))


def written(form: RowForm, step: int) -> Row:
    return form.store, form.first_row + (0 if form.is_update else step)


def read(form: RowForm, step: int) -> list[Row]:
    return [(reads.store, row) for reads in form.reads for row in reads.of_step(step)]


def _needed(form: RowForm, step: int, sizes: Mapping[str, int]) -> Iterator[Row]:
    """The rows as their writers have them, whose size may be another. sizes: of each store's rows."""
    for reads in form.reads:
        size = sizes.get(reads.store, reads.row_bytes)
        for row in reads.of_step(step):
            first, end = row * reads.row_bytes, (row + 1) * reads.row_bytes
            yield from ((reads.store, index) for index in range(first // size, -(-end // size)))


def _order(forms: Sequence[RowForm]) -> list[tuple[int, int]]:
    """(form, step) so that each comes behind those that write what it reads, and not long before it is read."""
    writers: dict[Row, list[tuple[int, int]]] = {}
    sizes = {form.store: form.row_bytes for form in forms}
    for index, form in enumerate(forms):
        for step in range(form.steps):
            writers.setdefault(written(form, step), []).append((index, step))
    done: dict[tuple[int, int], None] = {}
    for last in range(len(forms) - 1, -1, -1):  # what nobody asks for comes at the end
        for step in range(forms[last].steps):
            stack = [(last, step)]
            while stack:
                index, number = stack[-1]
                wanted = [(index, number - 1)] if number else []
                wanted += [one for row in _needed(forms[index], number, sizes) for one in writers.get(row, [])]
                missing = next((one for one in wanted if one not in done), None)
                if missing is None:
                    done[stack.pop()] = None
                else:
                    stack.append(missing)
    return list(done)


@dataclass
class _Places:
    """Each row at the lowest place that is free while it lives; tensors that a whole op sees are one piece."""

    graph: Graph
    steps: Sequence[Step]
    owners: Mapping[str, str]
    alignment: int
    whole_inputs: Sequence[str]
    lives: dict[Row, list[int]] = field(default_factory=dict)
    shapes: dict[str, tuple[int, int]] = field(default_factory=dict)
    sums: set[str] = field(default_factory=set)

    def plan(self, parts: Sequence[Cascade | int]) -> CascadePlan:
        whole = set(self._whole(parts))
        time = 0
        for name in self.whole_inputs:
            self.shapes[name] = (1, self.graph.tensors[name].size_bytes)
            self._use((self.owners[name], 0), whole, 0)
        for part in parts:
            for rows in self._rows(part):
                for row in rows:
                    self._use(row, whole, time)
                time += 1
        for name in self.graph.outputs:
            self._use((self.owners[name], 0), whole, time)
        offsets, arena_bytes = self._pack(whole)
        stores = {}
        for name, (rows, row_bytes) in self.shapes.items():
            places = (offsets.get((name, row), 0) for row in range(rows))
            start = offsets.get((name, 0), 0)
            together = (start + row * row_bytes for row in range(rows))
            stores[name] = Store(row_bytes, tuple(together if name in whole else places))
        assert not any(form.scratch_bytes for step in self.steps for form in step.lowered.forms)
        scratch = {step.index: arena_bytes for step in self.steps if scratch_bytes(step.lowered)}
        most = max((scratch_bytes(self.steps[index].lowered) for index in scratch), default=0)
        return CascadePlan(tuple(parts), stores, scratch, -(-(arena_bytes + most) // 16) * 16, 0, 0)

    def _whole(self, parts: Sequence[Cascade | int]) -> Iterator[str]:
        yield from (self.owners[name] for name in (*self.whole_inputs, *self.graph.outputs))
        for part in parts:
            if isinstance(part, int):
                op = self.graph.ops[part]
                names = (*op.present_inputs, *op.outputs)
                yield from (self.owners[name] for name in names if name in self.owners)
            else:
                yield from (one.store for form in part.forms for one in form.reads if one.is_whole)
                seen: dict[str, set[tuple[int, int]]] = {}
                for form in part.forms:
                    for one in (form, *form.reads):
                        seen.setdefault(one.store, set()).add((one.rows, one.row_bytes))
                yield from (name for name, shapes in seen.items() if len(shapes) > 1)

    def _rows(self, part: Cascade | int) -> Iterator[list[Row]]:
        """The rows that live at each step of a part."""
        if isinstance(part, int):
            op = self.graph.ops[part]
            names = [self.owners[name] for name in (*op.present_inputs, *op.outputs) if name in self.owners]
            for name in names:
                self.shapes.setdefault(name, (1, self.graph.tensors[name].size_bytes))
            yield [(name, 0) for name in names]
            return
        self.sums.update(form.store for form in part.forms if form.is_update)
        for form in part.forms:
            for one in (form, *form.reads):
                self.shapes.setdefault(one.store, (one.rows, one.row_bytes))
        for run in part.runs:
            form = part.forms[run.form]
            for step in range(run.first, run.first + run.count):
                yield [*read(form, step), written(form, step)]

    def _use(self, row: Row, whole: set[str], time: int) -> None:
        key = (row[0], 0) if row[0] in whole else row
        self.lives.setdefault(key, [time, time])[1] = time

    def _pack(self, whole: set[str]) -> tuple[dict[Row, int], int]:
        placed: list[tuple[int, int, int, int]] = []
        offsets: dict[Row, int] = {}
        for row, (first, last) in sorted(self.lives.items(), key=lambda item: item[1]):
            name = row[0]
            rows, row_bytes = self.shapes[name]
            size, alignment = (rows * row_bytes, WHOLE_ALIGNMENT) if name in whole else (row_bytes, self.alignment)
            alignment = max(alignment, WORD if name in self.sums else 1)
            at = 0
            for start, end in sorted((a, b) for a, b, begin, stop in placed if begin <= last and first <= stop):
                if at + size <= start:
                    break
                at = max(at, -(-end // alignment) * alignment)
            offsets[row] = at
            placed.append((at, at + size, first, last))
        return offsets, -(-max(end for _, end, _, _ in placed) // WHOLE_ALIGNMENT) * WHOLE_ALIGNMENT
