# SPDX-License-Identifier: Apache-2.0
"""The checker of plans by rows: it replays every step over the arena's bytes and knows nothing of the planner."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from sapmcu.ir.cascade import Cascade, CascadePlan, RowForm, RowReads, Store
from sapmcu.ir.graph import Array, Graph
from sapmcu.ir.native import Lowered, Step
from sapmcu.plan.native import scratch_bytes

INTERFACE_ALIGNMENT = 8


def verify_cascades(graph: Graph, steps: Sequence[Step], plan: CascadePlan) -> None:
    """Asserts that each byte that a step reads was written for it and not overwritten since.

    Every byte of every tensor has a number; the shadow memory holds the number of the byte that was written last.
    """
    assert plan.bound_bytes <= plan.arena_bytes
    replay = _Replay(graph, {step.index: step.lowered for step in steps}, plan)
    replay.deliver_inputs()
    for part in plan.parts:
        if isinstance(part, Cascade):
            replay.cascade(part)
        else:
            replay.whole(part)
    replay.finish()


@dataclass
class _Replay:
    """bases: the number of byte 0 of each tensor, the same for aliases; complete: (tensor, byte) where written rows of
    several forms begin -> how many of them have written.
    """

    graph: Graph
    lowered: dict[int, Lowered]
    plan: CascadePlan
    shadow: Array = field(init=False)
    bases: dict[str, int] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)
    ran: list[int] = field(default_factory=list)
    next_base: int = 1

    def __post_init__(self) -> None:
        self.shadow = np.zeros(self.plan.arena_bytes, np.int64)

    def deliver_inputs(self) -> None:
        parts = [part for part in self.plan.parts if isinstance(part, Cascade)]
        delivered = (form for part in parts for form in part.forms if not form.kernel)
        by_rows = {name for form in delivered for name in (form.store, *(one.store for one in form.reads))}
        names = [name for name in self.graph.inputs if name not in by_rows and name in self.plan.stores]
        for name in names:
            self.number(name, self.graph.tensors[name].size_bytes)
        for name in names:
            assert self.together(name) % INTERFACE_ALIGNMENT == 0, name
            self.write(name, 0, self.graph.tensors[name].size_bytes, self.together(name))
        for name in names:
            self.check_tensor(name, "the inputs")

    def number(self, owner: str, size: int) -> None:
        self.bases[owner] = self.next_base
        self.next_base += size

    def owner(self, name: str) -> str:
        """The tensor whose bytes a name stands for: views of other rows end in ` in N rows`."""
        plain = name if name in self.owners or name in self.graph.tensors else name.rsplit(" in ", 1)[0]
        return self.owners.get(plain, plain)

    def together(self, name: str) -> int:
        """Where a tensor begins that lies together."""
        store = self.plan.stores[name]
        assert store.is_together, f"the rows of {name} don't lie together"
        return store.offset_bytes[0]

    def region(self, start: int, size: int) -> Array:
        assert start >= 0 and start + size <= self.plan.arena_bytes, (start, size)
        return self.shadow[start : start + size]

    def write(self, name: str, first: int, size: int, start: int) -> None:
        """Bytes first..first+size−1 of a tensor, to the arena from `start` on."""
        base = self.bases[self.owner(name)] + first
        self.region(start, size)[:] = np.arange(base, base + size)

    def check(self, name: str, first: int, size: int, start: int, who: str) -> None:
        owner = self.owner(name)
        assert owner in self.bases, f"{who}: {name} isn't there yet"
        base = self.bases[owner] + first
        is_there = self.region(start, size) == np.arange(base, base + size)
        assert is_there.all(), f"{who}: byte {first + int(np.argmin(is_there))} of {name} is overwritten or not written"

    def check_tensor(self, name: str, who: str) -> None:
        self.check(name, 0, self.graph.tensors[name].size_bytes, self.together(name), who)

    def whole(self, index: int) -> None:
        op, lowered = self.graph.ops[index], self.lowered[index]
        who = f"op {index} {op.name}"
        self.ran.append(index)
        aliases = dict(lowered.aliases)
        for result in op.outputs:
            if result in aliases:
                self.owners[result] = self.owner(aliases[result])
                assert self.plan.stores[result].offset_bytes[0] == self.plan.stores[aliases[result]].offset_bytes[0], (
                    who
                )
        if not lowered.calls:
            return
        operands = [name for name in dict.fromkeys(op.present_inputs) if not self.graph.tensors[name].is_constant]
        for name in operands:
            self.check_tensor(name, who)
        spans = {name: self.span(name) for name in (*operands, *op.outputs)}
        for result in op.outputs:
            for name, span in spans.items():
                if name != result and _meet(spans[result], span):
                    is_over = (result, name) in lowered.in_place or self.owner(result) == self.owner(name)
                    assert is_over and spans[result][0] == span[0], f"{who}: {result} overwrites {name}"
        size = scratch_bytes(lowered)
        self.scratch(self.plan.scratch_offset_bytes.get(index, 0), size, list(spans.values()), who)
        for result in op.outputs:
            if result not in aliases:
                self.number(result, self.graph.tensors[result].size_bytes)
                self.write(result, 0, self.graph.tensors[result].size_bytes, spans[result][0])

    def span(self, name: str) -> tuple[int, int]:
        start = self.together(name)
        return start, start + self.graph.tensors[name].size_bytes

    def scratch(self, start: int, size: int, used: Sequence[tuple[int, int]], who: str) -> None:
        """Lies apart from what the step uses; what was there is lost."""
        if not size:
            return
        assert not any(_meet((start, start + size), one) for one in used), f"{who}: its scratch overlaps its rows"
        self.region(start, size)[:] = 0

    def cascade(self, part: Cascade) -> None:
        for index in part.ops:
            if not self.lowered[index].calls:
                self.whole(index)
            else:
                self.ran.append(index)
        runner = _CascadeReplay(self, part)
        for run in part.runs:
            for step in range(run.first, run.first + run.count):
                runner.step(run.form, step)
        assert runner.done == [form.steps for form in part.forms], f"not all steps of {part.ops} run"

    def finish(self) -> None:
        assert self.ran == list(range(len(self.graph.ops))), f"the ops run as {self.ran}"
        forms = [form for part in self.plan.parts if isinstance(part, Cascade) for form in part.forms]
        given = [form for form in forms if form.gives_output]
        assert all(form.steps == reads.rows and reads.stride == 1 for form in given for reads in form.reads)
        names = {self.owner(reads.store) for form in given for reads in form.reads}
        for name in self.graph.outputs:
            if self.owner(name) in names:
                continue
            self.check_tensor(name, "the end")
            assert self.together(name) % INTERFACE_ALIGNMENT == 0, name


@dataclass
class _CascadeReplay:
    """done: steps of each form that have run. written: forms that have written a row, by its tensor and first byte."""

    replay: _Replay
    part: Cascade
    done: list[int] = field(init=False)
    written: Counter[tuple[str, int]] = field(default_factory=Counter)
    shares: Counter[tuple[str, int]] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.done = [0] * len(self.part.forms)
        for form in self.part.forms:
            owner = self.replay.owner(form.store)
            if owner not in self.replay.bases:
                self.replay.number(owner, form.rows * form.row_bytes)
            for row in range(form.first_row, form.first_row + (1 if form.is_update else form.steps)):
                self.shares[owner, row * form.row_bytes] += form.steps if form.is_update else 1

    def step(self, index: int, step: int) -> None:
        form = self.part.forms[index]
        who = f"step {step} of {form.store} (op {self.part.form_ops[index]})"
        assert step == self.done[index], f"{who} runs after step {self.done[index] - 1}"
        self.done[index] += 1
        used = [span for reads in form.reads if form.kernel for span in self.read(reads, step, who)]
        target = self.write(form, index, step, used, who)
        self.replay.scratch(form.scratch_at(step), form.scratch_bytes, [*used, target], who)

    def read(self, reads: RowReads, step: int, who: str) -> Iterator[tuple[int, int]]:
        """Where the rows lie, after a look at each."""
        store = self.place(reads)
        if reads.is_whole:
            assert store.is_together, f"{who}: {reads.store} doesn't lie together"
        for row in reads.of_step(step):
            first, start = row * reads.row_bytes, store.offset_bytes[row]
            self.replay.check(reads.store, first, reads.row_bytes, start, who)
            self.check_complete(reads, first, who)
            yield start, start + reads.row_bytes

    def check_complete(self, reads: RowReads, first: int, who: str) -> None:
        """All forms that write parts of a row have done so."""
        key = (self.replay.owner(reads.store), first)
        if key in self.shares:
            assert self.written[key] == self.shares[key], f"{who}: a row of {reads.store} is not complete"

    def place(self, seen: RowForm | RowReads) -> Store:
        store = self.replay.plan.stores[seen.store]
        assert (store.row_bytes, len(store.offset_bytes)) == (seen.row_bytes, seen.rows), seen.store
        return store

    def write(self, form: RowForm, index: int, step: int, used: list[tuple[int, int]], who: str) -> tuple[int, int]:
        row = 0 if form.is_update else form.first_row + step
        first, behind = form.bytes_of(row)
        start = self.place(form).offset_bytes[row] + first - row * form.row_bytes
        end = start + behind - first
        may_be_over = {self.place(form.reads[one]).offset_bytes[row_] for one, row_ in self.single_rows(form, step)}
        for span in used:
            if _meet((start, end), span):
                assert span[0] == start and start in may_be_over, f"{who} overwrites what it reads"
        key = (self.replay.owner(form.store), row * form.row_bytes)
        if form.is_update and step == 0:
            assert form.is_continued == (self.written[key] > 0), f"{who} begins sums anew, or goes on with none"
        if self.written[key] and not form.part_bytes:  # else other forms' bytes may be anything until they are read
            self.replay.check(form.store, first, behind - first, start, who)
        self.written[key] += 1
        self.replay.write(form.store, first, behind - first, start)
        return start, end

    def single_rows(self, form: RowForm, step: int) -> Iterator[tuple[int, int]]:
        """(read, its row) of the reads that y may overwrite."""
        for one in form.in_place:
            for row in form.reads[one].of_step(step):
                yield one, row


def _meet(one: tuple[int, int], other: tuple[int, int]) -> bool:
    return one[0] < other[1] and other[0] < one[1]
