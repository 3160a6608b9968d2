# SPDX-License-Identifier: Apache-2.0
"""Pooling."""

from __future__ import annotations

from sapmcu.ir import ops
from sapmcu.ir.native import Lowered, Params
from sapmcu.lower.rows import RowKernel, Windows, run_rows, width_fields
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
    windows = Windows.of(x, y, op.window, op.stride, op.padding).in_one_row()
    widths = width_fields(windows)
    params = Params(
        "sapmcu_pool2d_s8_params",
        (
            ("in_width", widths["in_width"]),
            ("out_width", widths["out_width"]),
            ("channels", need_uint16(x.shape[3], f"channels of {x.name}")),
            ("kernel_height", widths["kernel_height"]),
            ("kernel_width", widths["kernel_width"]),
            ("stride_width", widths["stride_width"]),
            ("pad_left", widths["pad_left"]),
            ("low", int(op.activation.low)),
            ("high", int(op.activation.high)),
        ),
    )
    return run_rows(RowKernel(function, HEADER, params), windows, x, y)
