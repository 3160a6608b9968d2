# SPDX-License-Identifier: Apache-2.0
"""A graph as rows and steps with numbers: what the search for a plan looks at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import cached_property

from sapmcu.ir.cascade import GIVE_ROW, Columns, RowForm, RowReads
from sapmcu.ir.graph import Graph
from sapmcu.ir.native import FunctionRef, Lowered, Params, StaticRef, Value
from sapmcu.plan.native import scratch_bytes
from sapmcu.plan.rows.store import Store

INPUT = -1
"""The op of forms that stand for a graph's input, delivered by rows."""


@dataclass(frozen=True, slots=True)
class RowStep:
    """One step of a form, or a whole op. reads, writes: numbers of rows.

    over: (row written, row read) that may lie at one place. form: its number among the work's; −1 for the whole op.
    """

    work: int
    form: int
    number: int
    reads: tuple[int, ...]
    writes: tuple[int, ...]
    scratch_bytes: int
    over: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Work:
    """An op that does something, or a graph's input that comes by rows.

    steps: numbers of the steps by rows, in the order of what they write. whole: the number of the step that is the
    whole op; None where only rows do. ops: the op, and before it those without calls. is_eager: its steps run as soon
    as what they read, one row each, is there.
    """

    op: int
    ops: tuple[int, ...]
    forms: tuple[RowForm, ...]
    steps: tuple[int, ...]
    whole: int | None
    is_eager: bool = False


@dataclass(frozen=True)
class Problem:
    """row_bytes, last_works: by row. writers: the steps by rows that write it. readers: (work, its steps that read it).
    before: by step, the one before it of the same form, −1 for the first: the steps of a form run in their order.

    first_works: the work that writes a row, −1 for the graph's inputs; last_writers: the last one that does.
    owners: the store of each tensor.
    """

    stores: tuple[Store, ...]
    owners: Mapping[str, Store]
    works: tuple[Work, ...]
    steps: tuple[RowStep, ...]
    row_bytes: tuple[int, ...]
    before: tuple[int, ...]
    writers: tuple[tuple[int, ...], ...]
    readers: tuple[tuple[tuple[int, int], ...], ...]
    first_works: tuple[int, ...]
    last_writers: tuple[int, ...]
    last_works: tuple[int, ...]
    trailing_ops: tuple[int, ...]

    @cached_property
    def by_name(self) -> Mapping[str, Store]:
        return {store.name: store for store in self.stores}


@dataclass(frozen=True, slots=True)
class Item:
    """What a work is made of: an op or a copy of it, by forms; lowered is None where it can't run whole.

    ops: those that run here for the first time: this one, and before it those without calls.
    """

    op: int
    ops: tuple[int, ...]
    forms: tuple[RowForm, ...]
    lowered: Lowered | None
    is_eager: bool = False


@dataclass(frozen=True)
class Source:
    """A graph with what its ops become. by_rows: the inputs are delivered by rows where all their readers can take
    them so. gives_rows: the application takes rows of the outputs as they are made.
    """

    graph: Graph
    lowered: Mapping[int, Lowered]
    by_rows: bool
    gives_rows: bool = False

    @cached_property
    def owners(self) -> Mapping[str, str]:
        """Which tensors are the same bytes: an alias belongs to the first of them."""
        owners: dict[str, str] = {}
        for name in dict.fromkeys(self.graph.inputs):
            if not self.graph.tensors[name].is_constant:
                owners[name] = name
        for index, op in enumerate(self.graph.ops):
            aliases = dict(self.lowered[index].aliases)
            for name in op.outputs:
                owners[name] = owners.get(aliases.get(name, ""), name)
        return owners

    def items(self) -> tuple[tuple[Item, ...], tuple[int, ...]]:
        """(the works in the graph's order, ops without calls behind them)."""
        items: list[Item] = []
        waiting: list[int] = []
        by_rows = self.inputs_by_rows() if self.by_rows else set()
        for index, op in enumerate(self.graph.ops):
            lowered = self.lowered[index]
            waiting.append(index)
            if not lowered.calls:
                continue
            for name in op.present_inputs:
                owner = self.owners.get(name, "")
                if owner in by_rows:
                    by_rows.remove(owner)
                    items.append(Item(INPUT, (), (self.delivery(owner),), None))
            items.append(Item(index, tuple(waiting), lowered.forms, lowered))
            waiting = []
            stores = dict.fromkeys(self.owners.get(form.store, form.store) for form in lowered.forms)
            items += (Item(index, (), (self.given[name],), None) for name in stores if name in self.given)
        return tuple(items), tuple(waiting)

    @cached_property
    def given(self) -> Mapping[str, RowForm]:
        """By its owner, each output that goes by rows, as the op has them that makes it; of no two outputs' bytes."""
        owners = [self.owners.get(name, "") for name in self.graph.outputs if self.gives_rows]
        inputs = {self.owners.get(name, "") for name in self.graph.inputs}
        forms = [form for one in self.lowered.values() for form in one.forms]
        found: dict[str, RowForm] = {}
        for index, owner in enumerate(owners):
            made = next((form for form in forms if self.owners.get(form.store) == owner), None)
            if made is not None and owner not in inputs and owners.count(owner) == 1:
                found[owner] = give_form(index, made)
        return found

    def inputs_by_rows(self) -> set[str]:
        """Inputs that all readers take by rows, and that are no outputs."""
        whole = {
            self.owners[name]
            for index, op in enumerate(self.graph.ops)
            for name in op.present_inputs
            if name in self.owners and self.lowered[index].calls and not self.lowered[index].forms
        }
        outputs = {self.owners[name] for name in self.graph.outputs}
        return {self.owners[name] for name in self.graph.inputs if name in self.owners} - whole - outputs

    def delivery(self, owner: str) -> RowForm:
        """Rows as the first reader has them."""
        seen = (reads for one in self.lowered.values() for form in one.forms for reads in form.reads)
        reads = next(reads for reads in seen if self.owners.get(reads.store) == owner)
        shape = self.graph.tensors[owner].shape
        columns = Columns(shape[2], ()) if len(shape) == 4 else None
        return RowForm(owner, reads.rows, reads.row_bytes, reads.rows, columns=columns)


def give_form(output: int, made: RowForm) -> RowForm:
    """Step o gives row o of an output to the application. made: how the rows are made."""
    fields: tuple[tuple[str, Value], ...] = (
        ("taker", StaticRef("taker")),
        ("output", output),
        ("bytes", made.row_bytes),
    )
    return RowForm(
        store=f"{made.store} given",
        rows=1,
        row_bytes=1,
        steps=made.rows,
        reads=(RowReads(made.store, made.rows, made.row_bytes),),
        kernel=FunctionRef(GIVE_ROW, "sapmcu/cascade.h"),
        params=Params("sapmcu_give_row_params", fields, "given"),
        is_update=True,
        is_numbered=True,
    )


def make_problem(
    source: Source, items: Sequence[Item], *, kept: Set[str] | None = None, trailing_ops: tuple[int, ...] = ()
) -> Problem:
    """The whole graph, or, with kept, a part of it: kept are the stores that live on behind it."""
    return _Builder(source, items, kept or frozenset(), kept is None).build(trailing_ops)


@dataclass
class _Builder:
    source: Source
    items: Sequence[Item]
    kept: Set[str]
    is_complete: bool
    stores: dict[str, Store] = field(default_factory=dict)
    row_bytes: list[int] = field(default_factory=list)
    works: list[Work] = field(default_factory=list)
    steps: list[RowStep] = field(default_factory=list)

    def build(self, trailing_ops: tuple[int, ...]) -> Problem:
        self.make_stores()
        for item in self.items:
            self.add_work(item, None if item.lowered is None else self.whole_step(item, item.lowered))
        return self.problem(trailing_ops)

    def make_stores(self) -> None:
        """Rows as the form that writes them has them; else as the first form that reads them; else one row."""
        graph, owners = self.source.graph, self.source.owners
        sizes: dict[str, tuple[int, int]] = {}
        forms = [form for item in self.items for form in item.forms]
        for form in forms:
            sizes.setdefault(owners.get(form.store, form.store), (form.rows, form.row_bytes))
        for form in forms:
            for reads in form.reads if form.kernel else ():
                sizes.setdefault(owners.get(reads.store, reads.store), (reads.rows, reads.row_bytes))
        for item in self.items:
            op = graph.ops[item.op] if item.lowered else None
            for name in (*op.present_inputs, *op.outputs) if op else ():
                if name in owners:
                    sizes.setdefault(owners[name], (1, max(graph.tensors[owners[name]].size_bytes, 1)))
        if self.is_complete:
            deliveries = [form for form in forms if not form.kernel]
            delivered = {form.store for form in deliveries}
            delivered |= {reads.store for form in deliveries for reads in form.reads}
            for name in (*graph.inputs, *graph.outputs):
                if name in owners and owners[name] not in delivered:
                    sizes.setdefault(owners[name], (1, max(graph.tensors[owners[name]].size_bytes, 1)))
        tensors: dict[str, list[str]] = {}
        for name, owner in owners.items():
            tensors.setdefault(owner, []).append(name)
        first, edges = 0, self.edges(sizes)
        for owner, (rows, row_bytes) in sizes.items():
            names = tuple(tensors.get(owner, ()))
            is_output = owner not in self.source.given and any(name in graph.outputs for name in names)
            is_kept = owner in self.kept or is_output
            store = Store(owner, rows, row_bytes, first, names, is_kept, edges.get(owner, (0,)))
            self.stores[owner] = store
            self.row_bytes += store.sizes() * rows
            first += len(store.numbers())

    def edges(self, sizes: Mapping[str, tuple[int, int]]) -> dict[str, tuple[int, ...]]:
        """Of stores of which forms write parts of rows, and of those that lie over them or under them."""
        found: dict[str, set[int]] = {}
        for form in (form for item in self.items for form in item.forms if form.part_bytes):
            owner = self.owner(form.store)
            found.setdefault(owner, {0}).update((form.offset_bytes, form.offset_bytes + form.part_bytes))
        pairs = [pair for pair in self.pairs_in_place() if sizes[pair[0]] == sizes[pair[1]]] if found else []
        while new := [pair for pair in pairs if found.get(pair[0]) != found.get(pair[1])]:
            for one, other in new:
                found[one] = found[other] = found.get(one, set()) | found.get(other, set())
        return {name: tuple(sorted(edges - {sizes[name][1]})) for name, edges in found.items()}

    def pairs_in_place(self) -> Iterator[tuple[str, str]]:
        """(store, another one in whose place its rows may be written)."""
        for item in self.items:
            names = [] if item.lowered is None else [*item.lowered.in_place]
            names += [(form.store, form.reads[one].store) for form in item.forms for one in form.in_place]
            yield from ((self.owner(result), self.owner(operand)) for result, operand in names)

    def owner(self, name: str) -> str:
        return self.source.owners.get(name, name)

    def whole_step(self, item: Item, lowered: Lowered) -> RowStep:
        op, owners = self.source.graph.ops[item.op], self.source.owners
        operands = [self.store(name) for name in dict.fromkeys(op.present_inputs) if name in owners]
        results = [self.store(name) for name in op.outputs]
        over: list[tuple[int, int]] = []
        for result, operand in lowered.in_place:
            y, x = self.store(result), self.store(operand)
            if (y.rows, y.row_bytes, y.edges) == (x.rows, x.row_bytes, x.edges):
                over += zip(y.numbers(), x.numbers(), strict=True)
        return RowStep(
            work=len(self.works),
            form=-1,
            number=0,
            reads=tuple(row for one in operands for row in one.numbers()),
            writes=tuple(row for one in results for row in one.numbers()),
            scratch_bytes=scratch_bytes(lowered),
            over=tuple(over),
        )

    def store(self, name: str) -> Store:
        return self.stores[self.owner(name)]

    def add_work(self, item: Item, whole: RowStep | None) -> None:
        """The whole op is offered where its forms read every row, too, so that all agree about when rows die."""
        forms = item.forms
        steps = sorted(self.steps_of(forms), key=lambda one: (one.writes[0], one.form, one.number))
        numbers = tuple(range(len(self.steps), len(self.steps) + len(steps)))
        self.steps += steps
        read = {row for step in steps for row in step.reads}
        number = None
        if whole is not None and (not forms or read >= set(whole.reads)):
            number = len(self.steps)
            self.steps.append(whole)
        self.works.append(Work(item.op, item.ops, forms, numbers, number, item.is_eager))

    def steps_of(self, forms: Sequence[RowForm]) -> Iterator[RowStep]:
        for index, form in enumerate(forms):
            target = self.store(form.store)
            for number in range(form.steps):
                row = 0 if form.is_update else form.first_row + number
                writes = tuple(target.covering(*form.bytes_of(row)))
                rows = [tuple(self.rows_read(reads, number)) for reads in form.reads if form.kernel]
                reads = tuple(dict.fromkeys(row for one in rows for pieces in one for row in pieces))
                sizes = [self.row_bytes[row] for row in writes]
                over = tuple(
                    pair
                    for one in form.in_place
                    for pieces in rows[one]
                    if [self.row_bytes[row] for row in pieces] == sizes
                    for pair in zip(writes, pieces, strict=True)
                )
                yield RowStep(len(self.works), index, number, reads, writes, form.scratch_bytes, over)

    def rows_read(self, reads: RowReads, step: int) -> Iterator[range]:
        """Of each row the numbers of its pieces; of a row that is several of the store's, theirs."""
        source = self.store(reads.store)
        for row in reads.of_step(step):
            yield source.covering(row * reads.row_bytes, (row + 1) * reads.row_bytes)

    def problem(self, trailing_ops: tuple[int, ...]) -> Problem:
        stores = tuple(self.stores.values())
        count = len(self.row_bytes)
        writers: list[list[int]] = [[] for _ in range(count)]
        readers: list[dict[int, int]] = [{} for _ in range(count)]
        numbers = {(one.work, one.form, one.number): number for number, one in enumerate(self.steps)}
        first_works, last_works = [INPUT] * count, [INPUT] * count
        for number, step in enumerate(self.steps):
            by_rows = bool(self.works[step.work].steps)
            if step.form < 0 and by_rows:
                continue
            for row in step.writes:
                first_works[row] = step.work if not writers[row] else first_works[row]
                last_works[row] = max(last_works[row], step.work)
                writers[row].append(number)
            for row in step.reads:
                readers[row][step.work] = readers[row].get(step.work, 0) + 1
                last_works[row] = max(last_works[row], step.work)
        for store in stores:
            if store.is_kept:
                for row in store.numbers():
                    last_works[row] = len(self.works)
        return Problem(
            stores=stores,
            owners={name: self.stores[owner] for name, owner in self.source.owners.items() if owner in self.stores},
            works=tuple(self.works),
            steps=tuple(self.steps),
            row_bytes=tuple(self.row_bytes),
            before=tuple(numbers.get((one.work, one.form, one.number - 1), -1) for one in self.steps),
            writers=tuple(map(tuple, writers)),
            readers=tuple(tuple(one.items()) for one in readers),
            first_works=tuple(first_works),
            last_writers=tuple(max((self.steps[one].work for one in steps), default=INPUT) for steps in writers),
            last_works=tuple(last_works),
            trailing_ops=trailing_ops,
        )
