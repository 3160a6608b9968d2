# SPDX-License-Identifier: Apache-2.0
"""Convolutions with 3x3 windows by F(2x2, 3x3), in integers; and which form of filters an op gets of those that exist.

sapmcu/winograd_conv2d.h has the matrices, in which the filters' is twice the usual one, so that all numbers are
integers. Sums are four times what a convolution gives, and filters are raised by 2^4 or more: 1152 · 2^4 < 2^15. Planes
may wrap, since results are their sums modulo 2^32; so all that has to be proved is that the results themselves have a
place, as for other kernels. Numbers of x are within 510 when they are transformed, so lanes of 16 bits hold them.

Source: A. Lavin, S. Gray: Fast Algorithms for Convolutional Neural Networks, 2015, section 4.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from sapmcu.ir.cascade import RowForm
from sapmcu.ir.filters import FilterForm
from sapmcu.ir.graph import Array
from sapmcu.ir.native import Call, FunctionRef, Lowered, Params, Scratch, Value
from sapmcu.lower.packed_params import channels_of, filter_stream, numbers_of, values_of, with_plain_constants
from sapmcu.lower.packing import CONVOLUTION, channel_pairs, lane_fours, pack, pair_factors
from sapmcu.lower.requantization import Channels, Sequence, find_sequence

HEADER = "sapmcu/winograd_conv2d.h"
KERNEL = FunctionRef("sapmcu_winograd_conv2d_rows_s8", HEADER)
STRUCT = "sapmcu_winograd_conv2d_s8_params"
SUM_BITS = (8, 7, 6)
"""By how many bits sums may be raised: four times what a convolution gives, by filters that are raised by the rest."""
MAX_CHANNELS = 64
SCRATCH_BYTES = 64
"""For each channel of x."""
TILE_ROWS, WINDOW_ROWS = 2, 4
"""Rows of y that are computed together, and those of x that they read."""
MIN_WIDTH = 4
ORDER = (1, 2, 0, 3)
"""Of the rows and columns of a transformed tile."""
G = np.array([[2, 0, 0], [1, 1, 1], [1, -1, 1], [0, 0, 2]])


def with_filters(lowered: Lowered, filters: FilterForm) -> Lowered:
    """The same op with filters of this form; where there are none, of the next smaller form that is exact."""
    if filters is FilterForm.WINOGRAD:
        tiles = with_tiles(lowered)
        if tiles is not None:
            return tiles
        filters = FilterForm.INT16
    return pack(lowered, filters)


def with_tiles(lowered: Lowered) -> Lowered | None:
    """The same op by tiles; None for other windows, and where a bound or the proof doesn't hold."""
    calls = [one for call in lowered.calls if (one := _call_with_tiles(call)) is not None]
    if not calls or len(calls) < len(lowered.calls):
        return None
    forms = [made for form in lowered.forms if (made := _form_with_tiles(form)) is not None]
    is_by_rows = len(forms) == len(lowered.forms)
    return replace(
        lowered, calls=tuple(calls), forms=tuple(forms) if is_by_rows else pack(lowered, FilterForm.INT16).forms
    )


def _call_with_tiles(call: Call) -> Call | None:
    """A call computes all rows of an image: two at a time, each such pair is a row of the driver's."""
    if call.function != "sapmcu_run_rows":
        return None
    geometry, _, params, x, y, _ = call.arguments
    assert isinstance(geometry, Params)
    made = _params_with_tiles(params) if isinstance(params, Params) else None
    rows = numbers_of(geometry)
    if made is None or not _has_pairs(rows["out_rows"], rows["stride"], rows["dilation"]):
        return None
    fields = dict(geometry.fields) | {
        "out_rows": rows["out_rows"] // TILE_ROWS,
        "window": WINDOW_ROWS,
        "stride": TILE_ROWS,
        "out_row_bytes": rows["out_row_bytes"] * TILE_ROWS,
    }
    pairs = replace(geometry, fields=tuple(fields.items()))
    return replace(call, arguments=(pairs, KERNEL, made, x, y, Scratch(_scratch_bytes(made))))


def _form_with_tiles(form: RowForm) -> RowForm | None:
    """A step makes two rows, which lie together: they are one of the store's."""
    (reads,) = form.reads
    made = None if form.params is None else _params_with_tiles(form.params)
    if made is None or not _has_pairs(form.rows, reads.stride, reads.dilation):
        return None
    return replace(
        form,
        rows=form.rows // TILE_ROWS,
        row_bytes=form.row_bytes * TILE_ROWS,
        steps=form.steps // TILE_ROWS,
        reads=(replace(reads, window=WINDOW_ROWS, stride=TILE_ROWS),),
        kernel=KERNEL,
        params=made,
        scratch_bytes=_scratch_bytes(made),
        macs=form.macs * TILE_ROWS,
        columns=None,
    )


def _has_pairs(rows: int, stride: int, dilation: int) -> bool:
    return rows % TILE_ROWS == 0 and stride == dilation == 1


def _params_with_tiles(params: Params) -> Params | None:
    if params.c_type != CONVOLUTION:
        return None
    fields: Mapping[str, Value] = dict(params.fields)
    numbers = numbers_of(params)
    names = ("kernel_height", "kernel_width", "stride_width", "dilation_width", "groups")
    depth, channels = numbers["in_channels"], numbers["out_channels"]
    is_3x3 = tuple(numbers[name] for name in names) == (3, 3, 1, 1, 1)
    if not is_3x3 or depth % 4 or depth > MAX_CHANNELS or channels % 2 or numbers["out_width"] < MIN_WIDTH:
        return None
    filters = values_of(fields["filter"]).reshape(channels, 3, 3, depth)
    fields = with_plain_constants(fields, filters, numbers["y_zero_point"])
    found = _find_sequence(channels_of(fields, filters, numbers["y_zero_point"]), transformed(filters))
    if found is None:
        return None
    stream = tile_filters(filters, values_of(fields["bias"]), found)
    return Params(
        STRUCT,
        (
            ("filter", filter_stream(stream)),
            ("zero_row", fields["zero_row"]),
            *((name, numbers[name]) for name in ("in_width", "in_channels", "out_width", "out_channels", "pad_left")),
            ("shift", 0 if found.negative is None else found.fraction_bits),
            ("low", numbers["low"]),
            ("high", numbers["high"]),
        ),
        params.role,
    )


def _find_sequence(channels: Channels, planes: Array) -> Sequence | None:
    """Without an offset for negative sums, if any number of bits allows it. planes: the transformed filters."""
    room = [bits for bits in SUM_BITS if np.abs(planes).max() << (bits - 2) <= np.iinfo(np.int16).max]
    sequences = [find_sequence(channels, bits) for bits in room]
    found = [one for one in sequences if one is not None]
    return min(found, key=lambda one: one.negative is not None, default=None)


def _scratch_bytes(params: Params) -> int:
    return SCRATCH_BYTES * numbers_of(params)["in_channels"]


def transformed(filters: Array) -> Array:
    """G g G^T: [channels, row, column, depth] from [channels, 3, 3, depth], int64."""
    found: Array = np.einsum("ia,nabc,jb->nijc", G, filters, G)
    return found


def tile_filters(filters: Array, bias: Array, sequence: Sequence) -> Array:
    """int32, pair by pair. filters: int64 [channels, 3, 3, depth]."""
    raised = transformed(filters) << (sequence.sum_bits - 2)
    pairs = channel_pairs(len(filters))
    by_column = raised[:, ORDER][:, :, ORDER].transpose(0, 2, 1, 3).reshape(len(filters), 16, -1)
    lanes = lane_fours(by_column)[pairs].reshape(len(pairs), 2, -1, 2, 2).transpose(0, 2, 3, 1, 4)
    words = lanes.reshape(len(pairs), -1).astype("<i2").view("<i4").astype(np.int64)
    stream: Array = np.concatenate([bias[pairs] << sequence.sum_bits, words, *pair_factors(sequence, pairs)], 1).ravel()
    return stream
