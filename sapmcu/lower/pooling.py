# SPDX-License-Identifier: Apache-2.0
"""Pooling."""

from __future__ import annotations

from sapmcu.ir import ops
from sapmcu.ir.cascade import RowForm
from sapmcu.ir.graph import Tensor
from sapmcu.ir.native import FunctionRef, Lowered, Params
from sapmcu.lower.forms import ROWS_HEADER, largest_form, sum_forms, window_form, with_forms
from sapmcu.lower.rows import MAX_WINDOW, RowKernel, Windows, run_rows, width_fields
from sapmcu.lower.table import Operands, Results, lowering, need_int8, need_uint16, operand

HEADER = "sapmcu/pool2d.h"


@lowering(ops.AveragePool2D)
def average_pool_2d(op: ops.AveragePool2D, operands: Operands, results: Results) -> Lowered:
    return _pool("sapmcu_average_pool2d_row_s8", op, operands, results)


@lowering(ops.MaxPool2D)
def max_pool_2d(op: ops.MaxPool2D, operands: Operands, results: Results) -> Lowered:
    return _pool("sapmcu_max_pool2d_row_s8", op, operands, results)


def _pool(function: str, op: ops.AveragePool2D | ops.MaxPool2D, operands: Operands, results: Results) -> Lowered:
    x, (y,) = operand(operands), results
    need_int8(x, y)
    windows = Windows.of(x, y, op.window, op.stride, op.padding)
    whole = windows.in_one_row()
    lowered = run_rows(RowKernel(function, HEADER, _params(whole, x, op.activation)), whole, x, y)
    if windows.window == windows.image and not windows.is_padded and not x.is_constant and x.shape[0] == 1:
        if isinstance(op, ops.AveragePool2D):
            return with_forms(lowered, *_average_forms(windows, x, y, op.activation))
        return with_forms(lowered, largest_form(x, y, int(op.activation.low), int(op.activation.high)))
    if windows.window[0] > MAX_WINDOW:
        return lowered
    kernel = FunctionRef(function, HEADER)
    return with_forms(lowered, *window_form(kernel, _params(windows, x, op.activation), windows, None, x, y))


def _average_forms(windows: Windows, x: Tensor, y: Tensor, clamp: ops.Range) -> tuple[RowForm, ...]:
    """One mean over the whole image: from sums, so that no row of it has to stay."""
    fields = (("channels", x.shape[3]), ("count", windows.image[0] * windows.image[1]))
    params = Params(
        "sapmcu_average_row_s8_params", (*fields, ("low", int(clamp.low)), ("high", int(clamp.high))), "mean"
    )
    return sum_forms((FunctionRef("sapmcu_average_row_s8", ROWS_HEADER), params), x, y)


def _params(windows: Windows, x: Tensor, clamp: ops.Range) -> Params:
    widths = width_fields(windows)
    return Params(
        "sapmcu_pool2d_s8_params",
        (
            ("in_width", widths["in_width"]),
            ("out_width", widths["out_width"]),
            ("channels", need_uint16(x.shape[3], f"channels of {x.name}")),
            ("kernel_height", widths["kernel_height"]),
            ("kernel_width", widths["kernel_width"]),
            ("stride_width", widths["stride_width"]),
            ("pad_left", widths["pad_left"]),
            ("low", int(clamp.low)),
            ("high", int(clamp.high)),
        ),
    )
