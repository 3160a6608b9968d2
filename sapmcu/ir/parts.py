# SPDX-License-Identifier: Apache-2.0
"""The parts of a native program in the order of running, and the data that each names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sapmcu.ir.cascade import Cascade
from sapmcu.ir.native import Constant, NativeProgram, Params, Pointer, Step, Value


def program_parts(program: NativeProgram) -> tuple[Cascade | int, ...]:
    """Cascades, and indices of ops that run whole."""
    return tuple(range(len(program.steps))) if program.cascades is None else program.cascades.parts


def program_cascades(program: NativeProgram) -> tuple[Cascade, ...]:
    return tuple(part for part in program_parts(program) if isinstance(part, Cascade))


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
            if reads.zero_row is not None:
                yield index, reads.zero_row
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
