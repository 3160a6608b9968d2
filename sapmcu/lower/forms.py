# SPDX-License-Identifier: Apache-2.0
"""Ops row by row: what the forms of all kinds share."""

from __future__ import annotations

import math
from dataclasses import replace

from sapmcu.ir.cascade import Columns, RowForm, RowReads
from sapmcu.ir.graph import Tensor
from sapmcu.ir.native import Constant, FunctionRef, Lowered, Params, Value
from sapmcu.lower.rows import Windows

ROWS_HEADER = "sapmcu/row_kernels.h"
"""Of row kernels that stand before a kernel of whole tensors."""
MAX_NARROW_PIXELS = 256
"""Of them, the sum of int8 numbers is at least -2^15. Source: sapmcu/row_kernels.h."""


def image_rows(tensor: Tensor) -> tuple[int, int]:
    """(rows, bytes of each): images by rows of pixels, all else by vectors along the last axis."""
    rows = math.prod(tensor.shape[: -2 if len(tensor.shape) > 3 else -1])
    return rows, tensor.size_bytes // max(rows, 1)


def vector_rows(tensor: Tensor) -> tuple[int, int]:
    """(rows, bytes of each): vectors along the last axis."""
    rows = math.prod(tensor.shape[:-1])
    return rows, tensor.size_bytes // max(rows, 1)


def with_forms(lowered: Lowered, *forms: RowForm) -> Lowered:
    return replace(lowered, forms=forms)


def row_form(kernel: FunctionRef, params: Params | None, x: Tensor, y: Tensor, *, is_in_place: bool) -> RowForm:
    """Row o of y from row o of x alone. Both have as many rows."""
    rows, x_bytes = image_rows(x)
    y_rows, y_bytes = image_rows(y)
    assert rows == y_rows, (x, y)
    reads = RowReads(x.name, rows, x_bytes)
    in_place = (0,) if is_in_place and y_bytes <= x_bytes else ()
    columns = Columns(y.shape[-2], (y.shape[-2],)) if len(y.shape) > 3 else None
    return RowForm(y.name, rows, y_bytes, rows, (reads,), kernel, params, in_place=in_place, columns=columns)


def vector_form(kernel: FunctionRef, params: Params, x: Tensor, y: Tensor, *, is_in_place: bool) -> RowForm:
    """Vector o of y from vector o of x alone, both along the last axis."""
    rows, x_bytes = vector_rows(x)
    y_bytes = y.size_bytes // max(rows, 1)
    in_place = (0,) if is_in_place and y_bytes == x_bytes else ()
    return RowForm(y.name, rows, y_bytes, rows, (RowReads(x.name, rows, x_bytes),), kernel, params, in_place=in_place)


def window_form(
    kernel: FunctionRef, params: Params, windows: Windows, zero_row: Constant | None, x: Tensor, y: Tensor
) -> tuple[RowForm, ...]:
    """Row o of y from the rows of x that its windows cover; none for a batch of images or a constant image."""
    if x.shape[0] != 1 or x.is_constant:
        return ()
    reads = RowReads(
        store=x.name,
        rows=windows.image[0],
        row_bytes=x.size_bytes // windows.image[0],
        window=windows.window[0],
        stride=windows.stride[0],
        dilation=windows.dilation[0],
        before=windows.pads[0],
        zero_row=zero_row,
    )
    columns = Columns(
        columns=windows.result[1],
        reads=(windows.image[1],),
        window=windows.window[1],
        stride=windows.stride[1],
        dilation=windows.dilation[1],
        before=windows.pads[1],
    )
    rows = windows.result[0]
    return (RowForm(y.name, rows, y.size_bytes // rows, rows, (reads,), kernel, params, columns=columns),)


def transposed_forms(params: Params, windows: Windows, x: Tensor, y: Tensor) -> tuple[RowForm, ...]:
    """Row o of y from the rows of x whose windows, which lie on y, cover it."""
    (height, _), stride, top, rows = windows.window, windows.stride[0], windows.pads[0], windows.result[0]
    if x.shape[0] != 1 or x.is_constant:
        return ()
    window = -(-height // stride)
    last = ((row + top) // stride for row in range(rows))
    first = Constant("uint16_t", tuple(max(row + 1 - window, 0) for row in last), "first_rows")
    fields: tuple[tuple[str, Value], ...] = (
        ("window", window),
        ("stride", stride),
        ("pad_top", top),
        ("product", replace(params, role="")),
    )
    struct = Params("sapmcu_transposed_row_s8_params", fields, "row")
    reads = RowReads(x.name, windows.image[0], x.size_bytes // windows.image[0], window=window, first_rows=first)
    kernel = FunctionRef("sapmcu_transposed_row_s8", ROWS_HEADER)
    macs = x.elements * height * windows.window[1] * y.shape[3] // rows
    return (RowForm(y.name, rows, y.size_bytes // rows, rows, (reads,), kernel, struct, is_numbered=True, macs=macs),)


def with_macs(forms: tuple[RowForm, ...], macs: int) -> tuple[RowForm, ...]:
    """macs: of the whole op, which its one form's steps share."""
    return tuple(replace(form, macs=macs // form.steps) for form in forms)


def largest_form(x: Tensor, y: Tensor, low: int, high: int) -> RowForm:
    """The largest number of each channel of one image, a row at a time."""
    rows, row_bytes = image_rows(x)
    sizes: tuple[tuple[str, int], ...] = (("width", x.shape[2]), ("channels", x.shape[3]), ("low", low), ("high", high))
    params, kernel = (
        Params("sapmcu_largest_row_s8_params", sizes, "row"),
        FunctionRef("sapmcu_largest_row_s8", ROWS_HEADER),
    )
    reads = RowReads(x.name, rows, row_bytes)
    columns = Columns(x.shape[2], (x.shape[2],))
    return RowForm(y.name, 1, y.size_bytes, rows, (reads,), kernel, params, is_update=True, columns=columns)


def sum_forms(finish: tuple[FunctionRef, Params], x: Tensor, y: Tensor) -> tuple[RowForm, ...]:
    """Sums of each channel over all pixels of one image, a row at a time; then y from the sums.

    finish: its struct gets the field is_narrow: the sums are int16, since so few pixels can't exceed that.
    """
    rows, row_bytes = image_rows(x)
    _, height, width, channels = x.shape
    is_narrow = height * width <= MAX_NARROW_PIXELS
    sums, sums_bytes = f"{y.name} sums", (2 if is_narrow else 4) * channels
    fields = (("width", width), ("channels", channels), ("is_narrow", int(is_narrow)))
    params = Params("sapmcu_sum_row_s8_params", fields, "sum")
    kernel, struct = finish
    struct = replace(struct, fields=(*struct.fields, ("is_narrow", int(is_narrow))))
    add = FunctionRef("sapmcu_sum_row_s8", ROWS_HEADER)
    reads, columns = RowReads(x.name, rows, row_bytes), Columns(width, (width,))
    return (
        RowForm(sums, 1, sums_bytes, rows, (reads,), add, params, is_update=True, columns=columns),
        RowForm(y.name, 1, y.size_bytes, 1, (RowReads(sums, 1, sums_bytes),), kernel, struct),
    )
