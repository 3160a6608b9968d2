# SPDX-License-Identifier: Apache-2.0
"""A graph -> its plan row by row: the cuts, the order of steps, a place for every row."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from sapmcu.ir.cascade import Cascade, CascadePlan, RowForm, RowReads, RowRun
from sapmcu.ir.cascade import Store as Place
from sapmcu.ir.cost import graph_macs, op_macs
from sapmcu.ir.graph import Graph
from sapmcu.ir.native import ArenaPlan, Step
from sapmcu.plan.native import plan_arena
from sapmcu.plan.rows.assemble import ALL_STEPS, Blocks, make_blocks
from sapmcu.plan.rows.first_fit import Placement
from sapmcu.plan.rows.place import GOOD, place, place_below
from sapmcu.plan.rows.problem import Problem, Source, make_problem
from sapmcu.plan.rows.schedule import NO_LIMIT, Live, Segment
from sapmcu.plan.rows.search import Choice, choices, front_choices
from sapmcu.plan.rows.store import Store
from sapmcu.plan.rows.verify import verify_cascades

INTERFACE_ALIGNMENT = 8
"""Of the graph's inputs and outputs, and of numbers of 8 bytes. Source: AAPCS32, 5.3."""
WORD = 4
LARGE_SCRATCH = 1 / 16
"""Of the peak: what a form in strips needs at least to have several places at first."""
WORTH_PLACES = 0.01
"""What plans must save in which scratch has several places, as a share of the arena."""


@dataclass(frozen=True, slots=True)
class CascadeOptions:
    """gives_rows: the application takes the rows of outputs as they are made, which needn't be kept then.

    by_rows: the application delivers the graph's inputs row by row; with extra MACs perhaps more than once.

    max_extra_macs: what may be computed twice, as a share of the graph's MACs. sram_limit: bytes of arena that are
    enough: of the plans that need no more, the one with the fewest MACs is taken, then the one with the fewest steps.
    """

    by_rows: bool = False
    max_extra_macs: float = 0.0
    sram_limit: int | None = None
    gives_rows: bool = False


def plan_cascades(graph: Graph, steps: Sequence[Step], options: CascadeOptions) -> CascadePlan:
    """The plan of least SRAM in this order of ops: by rows, or whole ops where that needs no more.

    Every plan is replayed before it is returned.
    """
    source = Source(graph, {step.index: step.lowered for step in steps}, options.by_rows, options.gives_rows)
    least: CascadePlan | None = None
    for bound, make in _plans(source, steps, options):
        if least is not None and bound >= least.arena_bytes:
            continue
        plan = make()
        least = plan if least is None or plan.arena_bytes < least.arena_bytes else least
        if options.sram_limit is not None and plan.arena_bytes <= options.sram_limit:
            break
    assert least is not None
    return _verified(graph, steps, least)


def cascade_front(
    graph: Graph, steps: Sequence[Step], by_rows: bool, extra_macs: Sequence[float]
) -> Iterator[CascadePlan]:
    """Plans with less and less SRAM and more and more MACs: the best one for each of these limits on extra MACs."""
    source = Source(graph, {step.index: step.lowered for step in steps}, by_rows)
    items, trailing_ops = source.items()
    found: list[CascadePlan] = []
    if not by_rows:
        found.append(_Planner(graph, make_problem(source, items)).whole_plan(plan_arena(graph, steps)))
    for choice in front_choices(source, items, [int(share * graph_macs(graph)) for share in extra_macs]):
        if found and choice.peak_bytes >= found[-1].arena_bytes:
            continue
        plan = plan_choice(source, choice, trailing_ops)
        if found and plan.arena_bytes >= found[-1].arena_bytes:
            continue
        if found and plan.macs > found[-1].macs:
            yield _verified(graph, steps, found[-1])
        found.append(plan)
    yield _verified(graph, steps, found[-1])


def _verified(graph: Graph, steps: Sequence[Step], plan: CascadePlan) -> CascadePlan:
    verify_cascades(graph, steps, plan)
    return plan


def _plans(
    source: Source, steps: Sequence[Step], options: CascadeOptions
) -> Iterator[tuple[int, Callable[[], CascadePlan]]]:
    """(bytes that it needs at least, the plan), with a limit on SRAM from the one that computes least on."""
    graph = source.graph
    items, trailing_ops = source.items()
    if not options.by_rows and not source.given:
        whole = plan_arena(graph, steps)
        yield whole.arena_bytes, partial(_Planner(graph, make_problem(source, items)).whole_plan, whole)
    for choice in choices(source, items, int(options.max_extra_macs * graph_macs(graph)), options.sram_limit):
        yield choice.peak_bytes, partial(plan_choice, source, choice, trailing_ops)


def plan_choice(source: Source, choice: Choice, trailing_ops: tuple[int, ...]) -> CascadePlan:
    """trailing_ops: behind all works."""
    problem = make_problem(source, choice.items, trailing_ops=trailing_ops)
    return _Planner(source.graph, problem).plan(choice.segments)


@dataclass(frozen=True, slots=True)
class _Planner:
    graph: Graph
    problem: Problem

    def plan(self, segments: Sequence[Segment]) -> CascadePlan:
        live = Live(self.problem)
        order: list[int] = []
        ends: list[int] = []
        for segment in segments:
            live.run(segment, NO_LIMIT, order)
            ends.append(len(order))
        blocks, placement = self.placed(segments, order, ends)
        views = _Views(self.problem, blocks, placement)
        parts = tuple(self.parts(segments, order, ends, views))
        return CascadePlan(
            parts=parts,
            stores=views.places,
            scratch_offset_bytes={
                self.problem.works[work].op: offset for (work, form, _), offset in views.scratch.items() if form < 0
            },
            arena_bytes=placement.size_bytes,
            bound_bytes=placement.bound_bytes,
            macs=self.macs(parts),
        )

    def placed(
        self, segments: Sequence[Segment], order: Sequence[int], ends: Sequence[int]
    ) -> tuple[Blocks, Placement]:
        """Scratch of a form at one place; at several, which takes larger tables, where that saves enough.

        In strips, which have very many forms, at first that of few.
        """
        together, alignments, cuts = self.together(segments), self.alignments(), _cuts(segments, ends)
        blocks, _ = make_blocks(self.problem, order, together, alignments)
        placement = place(blocks.blocks, cuts)
        for share in (LARGE_SCRATCH, 0) if cuts else (0,):
            if not blocks.scratch or placement.size_bytes <= GOOD * placement.bound_bytes:
                break
            least = int(share * placement.bound_bytes)
            others, _ = make_blocks(self.problem, order, together, alignments, free_scratch_bytes=least)
            other = place_below(others.blocks, cuts, int((1 - WORTH_PLACES) * placement.size_bytes))
            if other is not None:
                blocks, placement = others, other
        return blocks, placement

    def whole_plan(self, arena: ArenaPlan) -> CascadePlan:
        """A plan of whole ops, as one of this kind."""
        places = {}
        for name, start in arena.offset_bytes.items():
            store = self.store(name)
            offsets = (start + row * store.row_bytes for row in range(store.rows))
            places[name] = Place(store.row_bytes, tuple(offsets))
        return CascadePlan(
            parts=tuple(range(len(self.graph.ops))),
            stores=places,
            scratch_offset_bytes=arena.scratch_offset_bytes,
            arena_bytes=arena.arena_bytes,
            bound_bytes=arena.bound_bytes,
            macs=graph_macs(self.graph),
        )

    def together(self, segments: Sequence[Segment]) -> set[str]:
        """Stores whose rows must lie one behind the other."""
        owners, works = self.problem.owners, self.problem.works
        by_rows = {form.store for work in works for form in work.forms if not form.kernel}
        given = {owners[reads.store].name for work in works for reads in _given(work.forms)}
        names = {owners[name].name for name in (*self.graph.inputs, *self.graph.outputs) if name in owners}
        names -= by_rows | given
        for segment in segments:
            for work in works[segment.first : segment.end]:
                if segment.is_whole:
                    op = self.graph.ops[work.op]
                    names |= {owners[name].name for name in (*op.present_inputs, *op.outputs) if name in owners}
                else:
                    names |= {name for form in work.forms for name in self.spanned(form)}
        return names

    def spanned(self, form: RowForm) -> Iterator[str]:
        """Stores that a form takes as a whole, or in rows that are several of theirs."""
        for reads in form.reads if form.kernel else ():
            store = self.store(reads.store)
            if reads.is_whole or store.row_bytes % reads.row_bytes:
                yield store.name
        store = self.store(form.store)
        if store.row_bytes % form.row_bytes:
            yield store.name

    def store(self, name: str) -> Store:
        return self.problem.by_name[self.problem.owners[name].name if name in self.problem.owners else name]

    def alignments(self) -> dict[str, int]:
        """Rows of an input that comes by rows lie as any others."""
        deliveries = [form for work in self.problem.works for form in work.forms if not form.kernel]
        by_rows = {name for form in deliveries for name in (form.store, *(reads.store for reads in form.reads))}
        interface = {*self.graph.inputs, *self.graph.outputs} - by_rows
        alignments = {}
        for store in self.problem.stores:
            sizes = [self.graph.tensors[name].dtype.size_bytes for name in store.tensors]
            is_wide = max(sizes, default=1) > WORD or interface & set(store.tensors)
            is_word = store.row_bytes % WORD == 0 or max(sizes, default=WORD) > 1
            alignments[store.name] = INTERFACE_ALIGNMENT if is_wide else WORD if is_word else 1
        return alignments

    def parts(
        self, segments: Sequence[Segment], order: Sequence[int], ends: Sequence[int], views: _Views
    ) -> Iterator[Cascade | int]:
        starts = [0, *ends]
        for index, segment in enumerate(segments):
            works = self.problem.works[segment.first : segment.end]
            if segment.is_whole:
                yield from works[0].ops
            elif not segment.is_next_strip:
                last = index
                while last + 1 < len(segments) and segments[last + 1].is_next_strip:
                    last += 1
                yield self.cascade(range(segment.first, segments[last].end), order[starts[index] : ends[last]], views)
        yield from self.problem.trailing_ops

    def cascade(self, numbers: range, order: Sequence[int], views: _Views) -> Cascade:
        """Of works, with all their strips."""
        works = [self.problem.works[index] for index in numbers]
        forms = [(index, number) for index in numbers for number in range(len(self.problem.works[index].forms))]
        return Cascade(
            ops=tuple(sorted(op for work in works for op in work.ops)),
            forms=tuple(views.form(*form) for form in forms),
            form_ops=tuple(work.op for work in works for _ in work.forms),
            runs=self.runs(order, {form: number for number, form in enumerate(forms)}),
        )

    def runs(self, order: Sequence[int], numbers: Mapping[tuple[int, int], int]) -> tuple[RowRun, ...]:
        """Steps of a form that follow each other are one run."""
        runs: list[RowRun] = []
        for number in order:
            step = self.problem.steps[number]
            form = numbers[step.work, step.form]
            if runs and runs[-1].form == form and runs[-1].first + runs[-1].count == step.number:
                runs[-1] = replace(runs[-1], count=runs[-1].count + 1)
            else:
                runs.append(RowRun(form, step.number, 1))
        return tuple(runs)

    def macs(self, parts: Sequence[Cascade | int]) -> int:
        total = 0
        for part in parts:
            if isinstance(part, Cascade):
                total += sum(run.count * part.forms[run.form].macs for run in part.runs)
            else:
                total += op_macs(self.graph, self.graph.ops[part])
        return total


def _cuts(segments: Sequence[Segment], ends: Sequence[int]) -> list[int]:
    """The steps at which parts of cascades in strips begin, and behind the last part. ends: of the segments."""
    follow = [*(one.is_next_strip for one in segments), False, False]
    return [end for index, end in enumerate(ends) if any(follow[index : index + 3])]


def _given(forms: Sequence[RowForm]) -> Iterator[RowReads]:
    """What forms read of outputs that go by rows."""
    return (reads for form in forms if form.gives_output for reads in form.reads)


class _Views:
    """Places by name; a store that is seen with rows of another size has one more name for each."""

    def __init__(self, problem: Problem, blocks: Blocks, placement: Placement) -> None:
        self.works = problem.works
        self.scratch = {key: placement.offset_bytes[block] for key, block in blocks.scratch.items()}
        self.places: dict[str, Place] = {}
        self.stores = {}
        for store in problem.stores:
            offsets = []
            for row in store.row_numbers():
                block, offset = blocks.place[row]
                offsets.append(placement.offset_bytes[block] + offset if block >= 0 else 0)
            for name in store.tensors or (store.name,):
                self.stores[name] = store
                self.places[name] = Place(store.row_bytes, tuple(offsets))

    def form(self, work: int, number: int) -> RowForm:
        """The same with the names and places of this plan."""
        form = self.works[work].forms[number]
        if not form.kernel:
            return form
        reads = tuple(replace(one, store=self.name(one)) for one in form.reads)
        scratch = self.scratch.get((work, number, ALL_STEPS), 0)
        places = tuple(self.scratch.get((work, number, step), scratch) for step in range(form.steps))
        is_one = len(set(places)) == 1
        return replace(
            form,
            reads=reads,
            store=self.name(form),
            scratch_offset_bytes=places[0],
            scratch_offsets=() if is_one else places,
        )

    def name(self, seen: RowForm | RowReads) -> str:
        store = self.stores[seen.store]
        if seen.row_bytes == store.row_bytes and seen.rows == store.rows:
            return seen.store
        name = f"{seen.store} in {seen.rows} rows"
        if name not in self.places:
            whole = self.places[seen.store]
            starts = (divmod(row * seen.row_bytes, store.row_bytes) for row in range(seen.rows))
            offsets = tuple(whole.offset_bytes[row] + inside for row, inside in starts)
            self.places[name] = Place(seen.row_bytes, offsets)
        return name
