# SPDX-License-Identifier: Apache-2.0
"""Resizing of images."""

from __future__ import annotations

from sapmcu.ir import ops
from sapmcu.ir.cascade import RowForm, RowReads
from sapmcu.ir.graph import Tensor
from sapmcu.ir.native import Call, Constant, FunctionRef, Lowered, Params, Value
from sapmcu.ir.resampling import FRACTION_BITS, bilinear_step, nearest_pixels
from sapmcu.lower.forms import ROWS_HEADER, image_rows, with_forms
from sapmcu.lower.table import Operands, Results, address, lowering, need_int8, need_uint16, operand

HEADER = "sapmcu/resize.h"


def _sizes(x: Tensor, y: Tensor) -> tuple[tuple[str, Value], ...]:
    return (
        ("batches", need_uint16(x.shape[0], f"the batch of {x.name}")),
        ("in_height", need_uint16(x.shape[1], f"the height of {x.name}")),
        ("in_width", need_uint16(x.shape[2], f"the width of {x.name}")),
        ("out_height", need_uint16(y.shape[1], f"the height of {y.name}")),
        ("out_width", need_uint16(y.shape[2], f"the width of {y.name}")),
    )


@lowering(ops.ResizeNearest)
def resize_nearest(op: ops.ResizeNearest, operands: Operands, results: Results) -> Lowered:
    x, (y,) = operand(operands), results
    rows, columns = (
        nearest_pixels(x.shape[axis], y.shape[axis], op.align_corners, op.half_pixel_centers) for axis in (1, 2)
    )
    pixel_bytes = need_uint16(x.shape[3] * x.dtype.size_bytes, f"bytes of a pixel of {x.name}")
    params = Params(
        "sapmcu_resize_nearest_params",
        (
            ("rows", Constant("uint16_t", tuple(rows.tolist()), "rows")),
            ("columns", Constant("uint16_t", tuple(columns.tolist()), "columns")),
            *_sizes(x, y),
            ("pixel_bytes", pixel_bytes),
        ),
    )
    lowered = Lowered((Call("sapmcu_resize_nearest", HEADER, (params, address(x), address(y))),))
    return with_forms(lowered, *_forms("sapmcu_nearest_row", params, rows.tolist(), 1, x, y))


def _forms(
    kernel: str, params: Params, first_rows: list[int], window: int, x: Tensor, y: Tensor
) -> tuple[RowForm, ...]:
    """Rows of one image, from `window` rows of x each."""
    if x.is_constant or x.shape[0] != 1:
        return ()
    (x_rows, x_bytes), (y_rows, y_bytes) = image_rows(x), image_rows(y)
    first = Constant("uint16_t", tuple(first_rows), "first_rows")
    reads = RowReads(x.name, x_rows, x_bytes, window=window, first_rows=first)
    function = FunctionRef(kernel, ROWS_HEADER)
    return (RowForm(y.name, y_rows, y_bytes, y_rows, (reads,), function, params, is_numbered=window > 1),)


@lowering(ops.ResizeBilinear)
def resize_bilinear(op: ops.ResizeBilinear, operands: Operands, results: Results) -> Lowered:
    x, (y,) = operand(operands), results
    need_int8(x, y)
    steps = [bilinear_step(x.shape[axis], y.shape[axis], op.align_corners) for axis in (1, 2)]
    half = 1 << (FRACTION_BITS - 1)
    origins = [step // 2 - half if op.half_pixel_centers else 0 for step in steps]
    params = Params(
        "sapmcu_resize_bilinear_s8_params",
        (
            ("row_step", steps[0]),
            ("row_origin", origins[0]),
            ("column_step", steps[1]),
            ("column_origin", origins[1]),
            *_sizes(x, y),
            ("channels", need_uint16(x.shape[3], f"channels of {x.name}")),
        ),
    )
    lowered = Lowered((Call("sapmcu_resize_bilinear_s8", HEADER, (params, address(x), address(y))),))
    last = (x.shape[1] - 1) << FRACTION_BITS
    positions = (min(max(row * steps[0] + origins[0], 0), last) for row in range(y.shape[1]))
    return with_forms(
        lowered, *_forms("sapmcu_bilinear_row_s8", params, [one >> FRACTION_BITS for one in positions], 2, x, y)
    )
