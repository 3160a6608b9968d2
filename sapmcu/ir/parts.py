# SPDX-License-Identifier: Apache-2.0
"""The parts of a native program in the order of running, and the data that each names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sapmcu.ir.cascade import Cascade, RowForm
from sapmcu.ir.native import Constant, NativeProgram, Params, Pointer, Step, Value, constant_bytes


def program_parts(program: NativeProgram) -> tuple[Cascade | int, ...]:
    """Cascades, and indices of ops that run whole."""
    return tuple(range(len(program.steps))) if program.cascades is None else program.cascades.parts


def program_cascades(program: NativeProgram) -> tuple[Cascade, ...]:
    return tuple(part for part in program_parts(program) if isinstance(part, Cascade))


@dataclass(frozen=True, slots=True)
class InputRows:
    """How an input comes: so many rows. order: of them, some perhaps again; are_whole: not in parts."""

    rows: int
    row_bytes: int
    order: tuple[int, ...]
    are_whole: bool


def input_rows(program: NativeProgram) -> Mapping[int, InputRows]:
    """By index, the inputs that come by rows."""
    found: dict[int, InputRows] = {}
    for part in program_cascades(program):
        forms = {number: part.forms[number] for number, op in enumerate(part.form_ops) if op < 0}
        for run in part.runs:
            if run.form in forms:
                form = forms[run.form]
                index = input_of_form(program, form)
                whole = form.reads[0] if form.reads else form
                before = found.get(index, InputRows(whole.rows, whole.row_bytes, (), are_whole=True))
                order = (*before.order, *range(run.first, run.first + run.count))
                is_whole = before.are_whole and not form.reads
                found[index] = InputRows(whole.rows, whole.row_bytes, order, are_whole=is_whole)
    return found


def waits(part: Cascade | int) -> bool:
    """Whether rows of inputs are delivered to a part."""
    return isinstance(part, Cascade) and any(op < 0 for op in part.form_ops)


@dataclass(frozen=True, slots=True)
class OutputRows:
    """How an output goes: so many rows, each once, from the first to the last."""

    rows: int
    row_bytes: int


def output_rows(program: NativeProgram) -> Mapping[int, OutputRows]:
    """By index, the outputs that go by rows."""
    found: dict[int, OutputRows] = {}
    for part in program_cascades(program):
        for form in part.forms:
            if form.gives_output and form.params is not None:
                (index,) = (value for name, value in form.params.fields if name == "output")
                assert isinstance(index, int)
                found[index] = OutputRows(form.steps, form.reads[0].row_bytes)
    return found


def input_of_form(program: NativeProgram, form: RowForm) -> int:
    """Index of the input whose rows a form delivers: it has them, perhaps by the name of an alias, or reads them."""
    store = form.reads[0].store if form.reads else form.store
    owners: dict[str, str] = {}
    for step in program.steps:
        for result, operand in step.lowered.aliases:
            owners[result] = owners.get(operand, operand)
    return [tensor.name for tensor in program.inputs].index(owners.get(store, store))


def last_ops(program: NativeProgram) -> Iterator[int | None]:
    """For each part the last op up to which all have run behind it; None where that is no other than before."""
    done: set[int] = set()
    before = count = 0
    for part in program_parts(program):
        done.update((part,) if isinstance(part, int) else part.ops)
        while count in done:
            count += 1
        yield count - 1 if count > before else None
        before = count


def part_data(steps: Sequence[Step], part: Cascade | int) -> Iterator[tuple[int, Constant | Params]]:
    """(op, constant or struct) that a part names, op by op."""
    if isinstance(part, int):
        for call in steps[part].lowered.calls:
            yield from ((part, one) for one in call.arguments if isinstance(one, Constant | Params))
        return
    for index, form in sorted(zip(part.form_ops, part.forms, strict=True), key=lambda pair: pair[0]):
        for reads in form.reads:
            yield from ((index, one) for one in (reads.zero_row, reads.first_rows) if one is not None)
        if form.params is not None:
            yield index, form.params


def pointed_to(value: Value) -> Iterator[Constant | Params]:
    """A constant or struct, and before it all that it points to."""
    if isinstance(value, Params):
        yield from _fields_pointed_to(value)
    if isinstance(value, Params | Constant):
        yield value


def _fields_pointed_to(params: Params) -> Iterator[Constant | Params]:
    for _, field in params.fields:
        if isinstance(field, Params):  # inside the struct
            yield from _fields_pointed_to(field)
        elif isinstance(field, Pointer):
            yield from pointed_to(field.target)
        elif isinstance(field, Constant):
            yield field


def step_bytes(step: Step) -> int:
    """Flash of the constants that an op's calls name, each once; structs are left out."""
    constants = {
        one
        for call in step.lowered.calls
        for argument in call.arguments
        if isinstance(argument, Constant | Params)
        for one in pointed_to(argument)
        if isinstance(one, Constant)
    }
    return sum(map(constant_bytes, constants))
