# SPDX-License-Identifier: Apache-2.0
"""Normalisation over the last axis. A table for the 256 differences to a row's largest takes the place of e^x."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from sapmcu.ir import ops
from sapmcu.ir.cascade import RowForm, RowReads
from sapmcu.ir.graph import Array, Tensor
from sapmcu.ir.native import Call, FunctionRef, Lowered, Params, Value
from sapmcu.lower.forms import ROWS_HEADER, vector_form, with_forms
from sapmcu.lower.table import Operands, Results, address, array_constant, in_place, lowering, need_int8, operand
from sapmcu.reference.fixed_point import quantize_multiplier, rounding_divide_by_pot
from sapmcu.reference.softmax import SUM_BITS, difference_form, scaled_differences


def _rows(x: Tensor) -> tuple[tuple[str, Value], ...]:
    return ("rows", math.prod(x.shape[:-1])), ("length", x.shape[-1])


def _call(family: str, header: str, fields: tuple[tuple[str, Value], ...], x: Tensor, y: Tensor) -> Lowered:
    params = Params(f"sapmcu_{family}_s8_params", (*fields, *_rows(x)))
    call = Call(f"sapmcu_{family}_s8", header, (params, address(x), address(y)))
    lowered = Lowered((call,), in_place=in_place(y, x))
    if x.is_constant:
        return lowered
    kernel = FunctionRef(f"sapmcu_{family}_row_s8", ROWS_HEADER)
    if len(x.shape) == 4 and x.shape[0] > 1:  # many matrices: one a step
        matrices, count = x.shape[0], math.prod(x.shape[1:3])
        row = replace(params, fields=(*fields, ("rows", count), ("length", x.shape[-1])), role="row")
        row_bytes = x.size_bytes // matrices
        reads = (RowReads(x.name, matrices, row_bytes),)
        return with_forms(lowered, RowForm(y.name, matrices, row_bytes, matrices, reads, kernel, row, in_place=(0,)))
    row = replace(params, fields=(*fields, ("rows", 1), ("length", x.shape[-1])), role="row")
    return with_forms(lowered, vector_form(kernel, row, x, y, is_in_place=True))


def _tables(factor: float) -> tuple[Array, Array]:
    """(−d · factor in Q5.26, e^ of it in Q0.31) for d from 0 to 255."""
    scaled, exponentials = scaled_differences(factor)
    return scaled[::-1], exponentials[::-1]


@lowering(ops.Softmax)
def softmax(op: ops.Softmax, operands: Operands, results: Results) -> Lowered:
    x, (y,) = operand(operands), results
    need_int8(x, y)
    _, exponentials = _tables(op.beta * x.scale)
    entries = np.flatnonzero(exponentials)[-1] + 1  # no flash for the zeros behind
    table = array_constant(exponentials[:entries], "exponentials", "int32_t")
    return _call("softmax", "sapmcu/softmax.h", (("exponentials", table), ("entries", int(entries))), x, y)


@lowering(ops.LogSoftmax)
def log_softmax(op: ops.LogSoftmax, operands: Operands, results: Results) -> Lowered:
    x, (y,) = operand(operands), results
    need_int8(x, y)
    scaled, exponentials = _tables(x.scale)
    forward, forward_shift, limit = difference_form(x.scale)
    multiplier, shift = quantize_multiplier(2 ** (31 - forward_shift) / forward)
    fields: tuple[tuple[str, Value], ...] = (
        (
            "exponentials",
            array_constant(rounding_divide_by_pot(exponentials, SUM_BITS), "exponentials", "int32_t"),
        ),
        ("scaled", array_constant(scaled, "scaled", "int32_t")),
        ("limit", limit),
        ("multiplier", multiplier),
        ("shift", shift),
    )
    return _call("log_softmax", "sapmcu/softmax.h", fields, x, y)


@lowering(ops.L2Normalization)
def l2_normalization(op: ops.L2Normalization, operands: Operands, results: Results) -> Lowered:
    x, (y,) = operand(operands), results
    need_int8(x, y)
    return _call("l2_normalization", "sapmcu/l2_normalization.h", (("zero_point", x.zero_point),), x, y)
