# SPDX-License-Identifier: Apache-2.0
"""Kernels that leave out what no op of a program needs: for less code, with the same results."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from sapmcu.ir.cascade import Cascade, RowForm
from sapmcu.ir.filters import FilterForm
from sapmcu.ir.native import Call, FunctionRef, NativeProgram, Params
from sapmcu.ir.parts import program_parts
from sapmcu.lower.packed_params import numbers_of
from sapmcu.lower.packing import KERNELS, NOT_COPIED, SMALL_KERNELS, WORD

GENERAL = KERNELS[FilterForm.INT8]


def with_narrow_kernels(program: NativeProgram) -> NativeProgram:
    """The same program with the narrowest kernel of convolutions that does for all of its ops."""
    used = list(_used(program))
    all_params = [params for kernel, params in used if kernel == GENERAL]
    if any(kernel == SMALL_KERNELS[GENERAL] for kernel, _ in used):  # which calls the general one
        return program
    for name, suits in NARROW.items():
        if all(map(suits, all_params)):
            return _renamed(program, replace(GENERAL, name=name))
    return program


def _is_even(params: Params) -> bool:
    """Whether sapmcu_packed_conv2d_even_row_s8 takes it."""
    fields = numbers_of(params)
    row, column = fields["in_width"] * fields["in_channels"], fields["stride_width"] * fields["in_channels"]
    is_inside = fields["pad_left"] == 0 and (fields["out_width"] - 1) * column + WORD * fields["row_words"] <= row
    return fields["out_channels"] % 2 == 0 and (is_inside or fields["is_copied"] != NOT_COPIED)


def _is_plain(params: Params) -> bool:
    """Whether sapmcu_packed_conv2d_plain_row_s8 takes it."""
    fields = numbers_of(params)
    return _is_even(params) and (fields["kernel_height"], fields["is_copied"]) == (1, NOT_COPIED)


NARROW: Mapping[str, Callable[[Params], bool]] = {
    "sapmcu_packed_conv2d_plain_row_s8": _is_plain,
    "sapmcu_packed_conv2d_even_row_s8": _is_even,
}
"""From the narrowest on."""


def _used(program: NativeProgram) -> Iterator[tuple[FunctionRef, Params]]:
    """Each kernel that runs, with its parameters."""
    for part in program_parts(program):
        if isinstance(part, Cascade):
            yield from ((form.kernel, form.params) for form in part.forms if form.kernel and form.params)
            continue
        for call in program.steps[part].lowered.calls:
            kernels = [one for one in call.arguments if isinstance(one, FunctionRef)]
            params = [one for one in call.arguments if isinstance(one, Params)]
            yield from ((kernel, params[-1]) for kernel in kernels if params)


def _renamed(program: NativeProgram, narrow: FunctionRef) -> NativeProgram:
    def with_call(call: Call) -> Call:
        return replace(call, arguments=tuple(narrow if one == GENERAL else one for one in call.arguments))

    def with_form(form: RowForm) -> RowForm:
        return replace(form, kernel=narrow) if form.kernel == GENERAL else form

    parts = program_parts(program)
    steps = list(program.steps)
    for index in (part for part in parts if isinstance(part, int)):
        lowered = steps[index].lowered
        steps[index] = replace(steps[index], lowered=replace(lowered, calls=tuple(map(with_call, lowered.calls))))
    cascades = program.cascades and replace(
        program.cascades,
        parts=tuple(
            replace(part, forms=tuple(map(with_form, part.forms))) if isinstance(part, Cascade) else part
            for part in parts
        ),
    )
    return replace(program, steps=tuple(steps), cascades=cascades)
