# SPDX-License-Identifier: Apache-2.0
"""Convolutions with windows of up to ten numbers, for cores with DSP instructions: 1x1 of few channels, 3x3 of one.

Source: sapmcu/packed_shallow_conv2d.h, which the kernels read.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from sapmcu.ir.graph import Array
from sapmcu.ir.native import Constant, FunctionRef, Params, Value
from sapmcu.lower.packed_params import channels_of, filter_stream, numbers_of, values_of, with_plain_constants
from sapmcu.lower.requantization import SUM_BITS, ScaledSequence, find_scaled_sequence

HEADER = "sapmcu/packed_shallow_conv2d.h"
SHALLOW_KERNEL = FunctionRef("sapmcu_packed_shallow_conv2d_row_s8", HEADER)
PLANE_KERNEL = FunctionRef("sapmcu_packed_plane_conv2d_row_s8", HEADER)
CONVOLUTION = "sapmcu_conv2d_s8_params"
SHALLOW_CHANNELS = range(5, 9)
"""With fewer, the general kernel is as fast."""
SHALLOW_ORDER = (0, 2, 1, 3, 4, 6, 5, 7, None, None)
PLANE_ORDER = (0, 3, 6, 8, 1, 4, 7, None, 2, 5)
"""Numbers of a filter in the order of the lanes; None: 0."""


def shallow(params: Params) -> tuple[FunctionRef, Params] | None:
    """(kernel, its parameters); None for other windows, and where the proof fails."""
    if params.c_type != CONVOLUTION:
        return None
    numbers = numbers_of(params)
    fields: Mapping[str, Value] = dict(params.fields)
    channels, window = numbers["in_channels"], (numbers["kernel_height"], numbers["kernel_width"])
    is_plane = window == (3, 3) and channels == 1 and numbers["dilation_width"] == 1
    is_wider = numbers["out_channels"] > channels  # else a result may lie over its operand, with the general kernel
    is_shallow = window == (1, 1) and channels in SHALLOW_CHANNELS and is_wider and numbers["pad_left"] == 0
    if numbers["groups"] > 1 or not (is_plane or is_shallow):
        return None
    filters = values_of(fields["filter"]).reshape(numbers["out_channels"], -1)
    fields = with_plain_constants(fields, filters, numbers["y_zero_point"])
    scaled = find_scaled_sequence(channels_of(fields, filters, numbers["y_zero_point"]))
    if scaled is None:
        return None
    words = pack_windows(filters, values_of(fields["bias"]), scaled, PLANE_ORDER if is_plane else SHALLOW_ORDER)
    zero_row = fields["zero_row"]
    zero_point = zero_row.values[0] if isinstance(zero_row, Constant) else 0
    assert isinstance(zero_point, int)
    names = ("in_width", "in_channels", "out_width", "out_channels", "stride_width", "pad_left")
    struct: tuple[tuple[str, Value], ...] = (
        ("filter", filter_stream(words)),
        *((name, numbers[name]) for name in names),
        ("x_zero_point", zero_point),
        ("low", numbers["low"]),
        ("high", numbers["high"]),
    )
    kernel = PLANE_KERNEL if is_plane else SHALLOW_KERNEL
    return kernel, Params("sapmcu_packed_shallow_conv2d_s8_params", struct, params.role)


def pack_windows(filters: Array, bias: Array, scaled: ScaledSequence, order: tuple[int | None, ...]) -> Array:
    """int32, eight words a channel. filters: int64 [channels, numbers]."""
    by_scale = filters << (scaled.bits - SUM_BITS)[:, None]
    lanes = np.zeros((len(filters), len(order)), np.int64)
    for lane, number in enumerate(order):
        if number is not None and number < filters.shape[1]:
            lanes[:, lane] = by_scale[:, number]
    words = np.ascontiguousarray(lanes.astype("<i2")).view("<i4").astype(np.int64)
    others = np.stack([bias << scaled.bits, scaled.factor, scaled.offset], 1)
    stream: Array = np.concatenate([others[:, :1], words, others[:, 1:]], 1).ravel()
    return stream
