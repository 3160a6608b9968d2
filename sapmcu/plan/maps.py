# SPDX-License-Identifier: Apache-2.0
"""Plans of an arena as pictures: a box for each tensor."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from sapmcu.ir.cascade import Cascade, CascadePlan, RowForm, RowRun
from sapmcu.ir.graph import Graph
from sapmcu.ir.memory import ArenaUse
from sapmcu.ir.memory_map import Box, Content, MemoryMap
from sapmcu.ir.native import ArenaPlan, NativeProgram
from sapmcu.ir.tflite import op_code
from sapmcu.plan.live import live_buffers
from sapmcu.plan.native import scratch_bytes


def tflm_map(graph: Graph, use: ArenaUse) -> MemoryMap:
    """TFLM's head: activations where its planner puts them."""
    return MemoryMap(
        f"TFLM, {use.kernels.value} kernels: head",
        use.head_bytes,
        _steps(graph),
        _tensor_boxes(graph, use.offset_bytes),
    )


def native_map(graph: Graph, program: NativeProgram) -> MemoryMap:
    """The native engine's arena: of whole ops with their scratch, or of rows."""
    if program.cascades is not None:
        return cascade_map(graph, program.cascades)
    plan: ArenaPlan = program.plan
    scratch = tuple(
        Box(
            f"scratch of op {step.index}",
            Content.SCRATCH,
            step.index,
            step.index,
            plan.scratch_offset_bytes[step.index],
            scratch_bytes(step.lowered),
        )
        for step in program.steps
        if step.index in plan.scratch_offset_bytes
    )
    in_arena = {name: offset for name, offset in plan.offset_bytes.items() if name not in plan.homes}
    boxes = (*_tensor_boxes(graph, in_arena), *scratch)
    return MemoryMap("native engine", plan.arena_bytes, _steps(graph), boxes)


def _steps(graph: Graph) -> tuple[str, ...]:
    return tuple(f"op {index} {op_code(op)}" for index, op in enumerate(graph.ops))


def _tensor_boxes(graph: Graph, offset_bytes: Mapping[str, int]) -> tuple[Box, ...]:
    return tuple(
        Box(one.name, _content(graph, one.name), one.first, one.last, offset_bytes[one.name], one.size_bytes)
        for one in live_buffers(graph)
        if one.name in offset_bytes
    )


def _content(graph: Graph, name: str) -> Content:
    if name in graph.inputs:
        return Content.INPUT
    return Content.OUTPUT if name in graph.outputs else Content.ACTIVATION


def cascade_map(graph: Graph, plan: CascadePlan) -> MemoryMap:
    """The native engine's arena by steps: a whole op, or steps of one form that follow each other, with their rows."""
    recorder = _Recorder(graph, plan)
    for part in plan.parts:
        if isinstance(part, Cascade):
            for run in part.runs:
                recorder.run(part, run)
        else:
            recorder.whole(part)
    return MemoryMap("native engine, by rows", plan.arena_bytes, tuple(recorder.steps), recorder.boxes())


Row = tuple[str, int]
Span = tuple[int, int]
"""Bytes first..end−1 of a row."""


class _Recorder:
    """When rows, and parts that are written by themselves, are written first and used last, by following the plan."""

    def __init__(self, graph: Graph, plan: CascadePlan) -> None:
        self.graph, self.plan = graph, plan
        self.steps: list[str] = []
        self.lives: dict[Row, dict[Span, tuple[int, int]]] = {}
        for name in graph.inputs:
            if name in plan.stores and not self._comes_by_rows(name):
                self.use(name, range(len(plan.stores[name].offset_bytes)), 0)

    def _comes_by_rows(self, name: str) -> bool:
        forms = (form for part in self.plan.parts if isinstance(part, Cascade) for form in part.forms)
        return any(form.kernel is None and form.store == name for form in forms)

    def use(self, store: str, rows: Iterable[int], at: int) -> None:
        for row in rows:
            lives = self.lives.setdefault((store, row), {})
            for span in lives or [(0, self.plan.stores[store].row_bytes)]:
                lives[span] = (lives.get(span, (at, at))[0], at)

    def write(self, form: RowForm, row: int, at: int) -> None:
        """What strips write of a row of their result is there from then on, not before."""
        if not form.part_bytes:
            return self.use(form.store, (row,), at)
        start, end = form.bytes_of(row)
        before = row * form.row_bytes
        lives = self.lives.setdefault((form.store, row), {})
        lives[start - before, end - before] = (at, at)
        return None

    def run(self, cascade: Cascade, run: RowRun) -> None:
        at, form, op = len(self.steps), cascade.forms[run.form], cascade.form_ops[run.form]
        what = "input" if op < 0 else f"op {op} {op_code(self.graph.ops[op])}"
        for step in range(run.first, run.first + run.count):
            for reads in form.reads if form.kernel else ():  # an input that comes in strips isn't in the arena
                self.use(reads.store, reads.of_step(step), at)
            self.write(form, form.first_row + (0 if form.is_update else step), at)
        rows = f"{run.first}..{run.first + run.count - 1}" if run.count > 1 else f"{run.first}"
        self.steps.append(f"{what}, row {rows}")

    def whole(self, index: int) -> None:
        at, op = len(self.steps), self.graph.ops[index]
        for name in (*op.present_inputs, *op.outputs):
            if name in self.plan.stores:
                self.use(name, range(len(self.plan.stores[name].offset_bytes)), at)
        self.steps.append(f"op {index} {op_code(op)}")

    def boxes(self) -> tuple[Box, ...]:
        """Rows that lie together and live equally long are one box."""
        boxes: list[Box] = []
        lives = ((*row, *span, *life) for row, spans in self.lives.items() for span, life in spans.items())
        for name, row, start, end, first, last in sorted(lives):
            offset, size = self.plan.stores[name].offset_bytes[row] + start, end - start
            last = len(self.steps) - 1 if name in self.graph.outputs else last
            before = boxes[-1] if boxes else None
            if before and (before.name, before.first, before.last) == (name, first, last) and _end(before) == offset:
                boxes[-1] = replace(before, size_bytes=before.size_bytes + size)
            else:
                boxes.append(Box(name, _content(self.graph, name), first, last, offset, size))
        return tuple(boxes)


def _end(box: Box) -> int:
    return box.offset_bytes + box.size_bytes
