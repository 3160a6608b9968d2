# SPDX-License-Identifier: Apache-2.0
"""Convolutions with 3x3 windows by Winograd's tiles, in integers; and which form of filters an op gets.

F(4, 3) along a row of the result, or F(2x2, 3x3) for two rows at a time. sapmcu/winograd_conv2d.h has the matrices, in
which the filters' is 24 times or twice the usual one, so that all numbers are integers. Sums are 24 or four times what
a convolution gives, and filters are raised by up to 2^3 or 2^6: 3072 · 2^3 and 1152 · 2^4 are below 2^15. Planes may
wrap, since results are their sums modulo 2^32; so all that has to be proved is that the results themselves have a
place, as for other kernels. Numbers of x are within 1275 when they are transformed, so lanes of 16 bits hold them.

Source: A. Lavin, S. Gray: Fast Algorithms for Convolutional Neural Networks, 2015, sections 4.1 and 4.3.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from sapmcu.ir.cascade import RowForm
from sapmcu.ir.filters import FilterForm
from sapmcu.ir.graph import Array
from sapmcu.ir.native import Call, FunctionRef, Lowered, Params, Scratch, Value
from sapmcu.lower.packed_params import channels_of, filter_stream, numbers_of, values_of, with_plain_constants
from sapmcu.lower.packing import CONVOLUTION, group_factors, lane_fours, pack
from sapmcu.lower.requantization import Channels, Sequence, find_sequence

HEADER = "sapmcu/winograd_conv2d.h"
STRUCT = "sapmcu_winograd_conv2d_s8_params"
MAX_CHANNELS = 64
MIN_WIDTH = 4
G_2 = np.array([[2, 0, 0], [1, 1, 1], [1, -1, 1], [0, 0, 2]])
G_4 = np.array([[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]])
ORDER_2, ORDER_4 = (1, 2, 0, 3), (1, 2, 3, 4, 0, 5)
"""In which planes lie."""
RAISED = 3
"""How many numbers of bits are tried, by which filters are raised: max_bits, one less, two less."""


@dataclass(frozen=True, slots=True)
class Tiles:
    """rows, channels: of y, computed together. depth: channels of x are a multiple of it. scratch_bytes: for each of
    these. multiple: sums are so many times a convolution's, before filters are raised by max_bits or fewer.
    """

    kernel: FunctionRef
    rows: int
    channels: int
    depth: int
    scratch_bytes: int
    multiple: int
    max_bits: int

    @property
    def window_rows(self) -> int:
        """Of x, that these rows of y read."""
        return self.rows + 2

    def transformed(self, filters: Array) -> Array:
        """G g or G g G^T, in the order of planes: int64 [channels, column, row, depth] from [channels, 3, 3, depth]."""
        if self.rows == 1:
            along_row: Array = np.einsum("jb,nabc->njac", G_4, filters)
            return along_row[:, ORDER_4]
        both: Array = np.einsum("jb,ia,nabc->njic", G_2, G_2, filters)
        return both[:, ORDER_2][:, :, ORDER_2]


TILES: Mapping[FilterForm, Tiles] = {
    FilterForm.WINOGRAD: Tiles(FunctionRef("sapmcu_winograd_conv2d_rows_s8", HEADER), 2, 2, 4, 64, 4, max_bits=6),
    FilterForm.WINOGRAD_ROW: Tiles(FunctionRef("sapmcu_winograd_conv2d_row_s8", HEADER), 1, 4, 8, 36, 24, max_bits=3),
}
"""First those that need most SRAM."""


def with_filters(lowered: Lowered, filters: FilterForm) -> Lowered:
    """The same op with filters of this form; where there are none, of the next form before it that is exact."""
    for form, tiles in TILES.items():
        made = with_tiles(lowered, tiles) if filters.at_most(form) is form else None
        if made is not None:
            return made
    return pack(lowered, filters.at_most(FilterForm.INT16))


def with_tiles(lowered: Lowered, tiles: Tiles) -> Lowered | None:
    """The same op by tiles; None for other windows, and where a bound or the proof doesn't hold."""
    calls = [one for call in lowered.calls if (one := _call_with_tiles(call, tiles)) is not None]
    if not calls or len(calls) < len(lowered.calls):
        return None
    forms = [made for form in lowered.forms if (made := _form_with_tiles(form, tiles)) is not None]
    is_by_rows = len(forms) == len(lowered.forms)
    return replace(
        lowered, calls=tuple(calls), forms=tuple(forms) if is_by_rows else pack(lowered, FilterForm.INT16).forms
    )


def _call_with_tiles(call: Call, tiles: Tiles) -> Call | None:
    """A call computes all rows of an image; two that are computed together are a row of the driver's."""
    if call.function != "sapmcu_run_rows":
        return None
    geometry, _, params, x, y, _ = call.arguments
    assert isinstance(geometry, Params)
    made = _params_with_tiles(params, tiles) if isinstance(params, Params) else None
    rows = numbers_of(geometry)
    if made is None or not _fits(tiles, rows["out_rows"], rows["stride"], rows["dilation"]):
        return None
    fields = dict(geometry.fields) | {
        "out_rows": rows["out_rows"] // tiles.rows,
        "window": tiles.window_rows,
        "stride": tiles.rows,
        "out_row_bytes": rows["out_row_bytes"] * tiles.rows,
    }
    together = replace(geometry, fields=tuple(fields.items()))
    return replace(call, arguments=(together, tiles.kernel, made, x, y, Scratch(_scratch_bytes(made, tiles))))


def _form_with_tiles(form: RowForm, tiles: Tiles) -> RowForm | None:
    """Two rows that a step makes lie together: they are one of the store's."""
    (reads,) = form.reads
    made = None if form.params is None else _params_with_tiles(form.params, tiles)
    if made is None or not _fits(tiles, form.rows, reads.stride, reads.dilation):
        return None
    return replace(
        form,
        rows=form.rows // tiles.rows,
        row_bytes=form.row_bytes * tiles.rows,
        steps=form.steps // tiles.rows,
        reads=(replace(reads, window=tiles.window_rows, stride=tiles.rows),),
        kernel=tiles.kernel,
        params=made,
        scratch_bytes=_scratch_bytes(made, tiles),
        macs=form.macs * tiles.rows,
        columns=None,
    )


def _fits(tiles: Tiles, rows: int, stride: int, dilation: int) -> bool:
    return rows % tiles.rows == 0 and stride == dilation == 1


def _params_with_tiles(params: Params, tiles: Tiles) -> Params | None:
    if params.c_type != CONVOLUTION:
        return None
    fields: Mapping[str, Value] = dict(params.fields)
    numbers = numbers_of(params)
    names = ("kernel_height", "kernel_width", "stride_width", "dilation_width", "groups")
    depth, channels = numbers["in_channels"], numbers["out_channels"]
    is_3x3 = tuple(numbers[name] for name in names) == (3, 3, 1, 1, 1)
    is_divisible = depth % tiles.depth == channels % tiles.channels == 0
    if not is_3x3 or not is_divisible or depth > MAX_CHANNELS or numbers["out_width"] < MIN_WIDTH:
        return None
    filters = values_of(fields["filter"]).reshape(channels, 3, 3, depth)
    fields = with_plain_constants(fields, filters, numbers["y_zero_point"])
    transformed = tiles.transformed(filters)
    found = _find_sequence(channels_of(fields, filters, numbers["y_zero_point"]), transformed, tiles)
    if found is None:
        return None
    stream = tile_filters(transformed, values_of(fields["bias"]), found, tiles)
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


def _find_sequence(channels: Channels, planes: Array, tiles: Tiles) -> Sequence | None:
    """Without an offset for negative sums, if any number of bits allows it. planes: the transformed filters."""
    largest = np.abs(planes).max()
    some_bits = range(tiles.max_bits, tiles.max_bits - RAISED, -1)
    room = [bits for bits in some_bits if largest << bits <= np.iinfo(np.int16).max]
    sequences = [find_sequence(channels, tiles.multiple << bits) for bits in room]
    found = [one for one in sequences if one is not None]
    return min(found, key=lambda one: one.negative is not None, default=None)


def _scratch_bytes(params: Params, tiles: Tiles) -> int:
    return tiles.scratch_bytes * numbers_of(params)["in_channels"]


def tile_filters(planes: Array, bias: Array, sequence: Sequence, tiles: Tiles) -> Array:
    """int32, in groups of channels that are computed together. planes: the transformed filters."""
    groups = np.arange(len(planes)).reshape(-1, tiles.channels)
    raised = planes * (sequence.multiple // tiles.multiple)
    lanes = lane_fours(raised.reshape(len(planes), -1, planes.shape[-1]))[groups]
    words = lanes.reshape(*groups.shape, -1, 2, 2).transpose(0, 2, 3, 1, 4).reshape(len(groups), -1)
    numbers = words.astype("<i2").view("<i4").astype(np.int64)
    parts = (bias[groups] * sequence.multiple, numbers, *group_factors(sequence, groups))
    stream: Array = np.concatenate(parts, 1).ravel()
    return stream
