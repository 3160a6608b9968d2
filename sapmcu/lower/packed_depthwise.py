# SPDX-License-Identifier: Apache-2.0
"""Depthwise convolutions 3x3 for cores with DSP instructions, a row at a time and a whole image.

Source: sapmcu/packed_depthwise_conv2d.h, which the kernels read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from sapmcu.ir.graph import Array
from sapmcu.ir.native import Call, Constant, FunctionRef, Params, Scratch, Value
from sapmcu.lower.packed_params import channels_of, filter_stream, numbers_of, values_of, with_plain_constants
from sapmcu.lower.requantization import (
    SUM_BITS,
    Channels,
    ScaledSequence,
    find_scaled_sequence,
    find_sequence,
)

HEADER = "sapmcu/packed_depthwise_conv2d.h"
DEPTHWISE = "sapmcu_depthwise_conv2d_s8_params"
ROW_KERNEL = FunctionRef("sapmcu_packed_depthwise_conv2d_row_s8", HEADER)
IMAGE_KERNEL = "sapmcu_packed_depthwise_conv2d_s8"
SMALL_IMAGE_KERNEL = "sapmcu_packed_depthwise_conv2d_small_s8"
SMALL_COLUMNS = 16
"""SAPMCU_DEPTHWISE_SMALL_COLUMNS of the header."""
ROW_COLUMNS = 16
"""That the kernel of rows widens at once: SAPMCU_DEPTHWISE_ROW_COLUMNS of the header."""
MAX_STRIDE = 13
"""Of the kernel of rows."""
COLUMN_BYTES = 32
"""Of scratch, for a column of four channels; the kernel of images."""
MAX_PAD_IN_PLACE = 2
"""Rows of padding above an image that its result may overwrite."""


@dataclass(frozen=True, slots=True)
class Depthwise:
    """What the kernels have in common. filters: int64 [channels, 3, 3]; bias: int64 [channels]."""

    params: Params
    filters: Array
    bias: Array
    channels: Channels

    def struct(self, words: Array, shift: int = 0) -> Params:
        fields, numbers = dict(self.params.fields), numbers_of(self.params)
        zero_row = fields["zero_row"]
        zero_point = zero_row.values[0] if isinstance(zero_row, Constant) else 0
        assert isinstance(zero_point, int)
        return Params(
            "sapmcu_packed_depthwise_conv2d_s8_params",
            (
                ("filter", filter_stream(words)),
                ("in_width", numbers["in_width"]),
                ("channels", numbers["in_channels"]),
                *((name, numbers[name]) for name in ("out_width", "stride_width", "pad_left")),
                ("x_zero_point", zero_point),
                ("shift", shift),
                ("low", numbers["low"]),
                ("high", numbers["high"]),
            ),
            self.params.role,
        )


def packed_call(call: Call) -> tuple[Call, bool] | None:
    """(the call of sapmcu_run_rows with packed filters, whether y may be x); None where the proof fails."""
    geometry, _, params, x, y, _ = call.arguments
    assert isinstance(geometry, Params) and isinstance(params, Params)
    found = _find(params)
    rows = numbers_of(geometry)
    if found is None:
        return None
    scaled = find_scaled_sequence(found.channels) if rows["stride"] <= 2 and rows["dilation"] == 1 else None
    if scaled is None:
        struct = _packed_row(found)
        return None if struct is None else (replace(call, arguments=(geometry, ROW_KERNEL, struct, x, y, None)), False)
    struct = found.struct(pack_image(found.filters, found.bias, scaled))
    fields = numbers_of(struct)
    columns = (fields["out_width"] - 1) * fields["stride_width"] + 3
    image = Call(IMAGE_KERNEL, HEADER, (geometry, struct, x, y, Scratch(columns * COLUMN_BYTES), columns))
    is_smaller = fields["out_width"] <= fields["in_width"] and rows["out_rows"] <= rows["in_rows"]
    return image, is_smaller and fields["channels"] % 4 == 0 and rows["pad_top"] <= MAX_PAD_IN_PLACE


def with_columns_on_stack(call: Call) -> tuple[Call, bool]:
    """(the call of the kernel of images without scratch, whether y may still be x)"""
    *arguments, _, columns = call.arguments
    assert isinstance(columns, int)
    return Call(SMALL_IMAGE_KERNEL, HEADER, tuple(arguments)), columns <= SMALL_COLUMNS


def packed_row(params: Params) -> Params | None:
    """Of the kernel of rows; None where the proof fails."""
    found = _find(params)
    return None if found is None else _packed_row(found)


def is_row_read_first(params: Params) -> bool:
    """Whether y may lie on a row of x: the kernel has read four channels of all columns before it writes theirs."""
    fields = numbers_of(params)
    columns = (fields["out_width"] - 1) * fields["stride_width"] + 3
    return fields["channels"] % 4 == 0 and columns <= ROW_COLUMNS


def _packed_row(found: Depthwise) -> Params | None:
    scaled = find_scaled_sequence(found.channels)
    if scaled is not None:
        return found.struct(pack_columns(found.filters, found.bias, scaled))
    sequence = find_sequence(found.channels)
    if sequence is None:
        return None
    bits = np.full(len(found.bias), SUM_BITS)
    by_256 = ScaledSequence(bits, sequence.factor, sequence.offset)
    words = pack_columns(found.filters, found.bias, by_256, sequence.negative)
    return found.struct(words, 0 if sequence.negative is None else sequence.fraction_bits)


def _find(params: Params) -> Depthwise | None:
    """None for other windows than 3x3."""
    fields: Mapping[str, Value] = dict(params.fields)
    numbers = numbers_of(params)
    if not _is_packable(numbers):
        return None
    filters = values_of(fields["filter"]).reshape(3, 3, numbers["in_channels"]).transpose(2, 0, 1)
    fields = with_plain_constants(fields, filters, numbers["y_zero_point"])
    channels = channels_of(fields, filters, numbers["y_zero_point"])
    return Depthwise(params, filters, values_of(fields["bias"]), channels)


def _is_packable(numbers: Mapping[str, int]) -> bool:
    channels, stride, pad = numbers["in_channels"], numbers["stride_width"], numbers["pad_left"]
    is_3x3 = numbers["kernel_height"] == numbers["kernel_width"] == 3 and numbers["dilation_width"] == 1
    last = (numbers["out_width"] - 1) * stride - pad
    sees_all = pad < 3 and last < numbers["in_width"]  # each window has a column inside the image
    return is_3x3 and sees_all and numbers["channel_multiplier"] == 1 and channels >= 4 and stride <= MAX_STRIDE


def channel_fours(channels: int) -> Array:
    """[fours, 4]; the last four are the last channels."""
    starts = np.minimum(np.arange(0, channels, 4), channels - 4)
    fours: Array = starts[:, None] + np.arange(4)
    return fours


def pack_columns(filters: Array, bias: Array, scaled: ScaledSequence, negative: Array | None = None) -> Array:
    """int32, four channels by four, for the kernel of rows. filters: int64 [channels, 3, 3]."""
    fours = channel_fours(len(filters))
    columns = _by_scale(filters, scaled)[fours].transpose(0, 3, 2, 1)  # [fours, column, row, channel]
    rows_0_1 = columns[:, :, :2].transpose(0, 1, 3, 2).reshape(len(fours), 3, 8)
    row_2 = columns[:, :, 2][..., (0, 2, 1, 3)]
    words = _words(np.concatenate([rows_0_1, row_2], 2).reshape(len(fours), -1))
    factors = np.stack([scaled.factor[fours], scaled.offset[fours]], 2).reshape(len(fours), 8)
    negatives = np.zeros((len(fours), 0), np.int64) if negative is None else negative[fours]
    found: Array = np.concatenate([(bias << scaled.bits)[fours], words, factors, negatives], 1).ravel()
    return found


def pack_image(filters: Array, bias: Array, scaled: ScaledSequence) -> Array:
    """int32, two of four channels by two, for the kernel of images. filters: int64 [channels, 3, 3]."""
    pairs = channel_fours(len(filters)).reshape(-1, 2)
    columns = _by_scale(filters, scaled)[pairs].transpose(0, 3, 1, 2)  # [pairs, column, channel, row]
    lanes = np.concatenate([columns[..., :2], columns[..., 1:]], 2)  # [pairs, column, channel twice, row]
    factors = np.stack([scaled.factor[pairs], scaled.offset[pairs]], 2).reshape(len(pairs), 4)
    words = _words(lanes.reshape(len(pairs), -1))
    found: Array = np.concatenate([(bias << scaled.bits)[pairs], words, factors], 1).ravel()
    return found


def _by_scale(filters: Array, scaled: ScaledSequence) -> Array:
    """For numbers of x that are by 2^SUM_BITS."""
    found: Array = filters << (scaled.bits[:, None, None] - SUM_BITS)
    return found


def _words(lanes: Array) -> Array:
    """Two int16 lanes a word, as int64."""
    return np.ascontiguousarray(lanes.astype("<i2")).view("<i4").astype(np.int64)
