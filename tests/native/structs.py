# SPDX-License-Identifier: Apache-2.0
"""Parameter structs of firmware/include/sapmcu/, field by field, and their bytes on a machine."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from native.machines import Machine

from sapmcu.ir.graph import Array

STRUCTS: Mapping[str, str] = {
    "sapmcu_rows": """
        H:in_rows H:out_rows H:window H:stride H:dilation H:pad_top I:in_row_bytes I:out_row_bytes P:zero_row""",
    "sapmcu_conv2d_s8_params": """
        P:filter P:bias P:multiplier P:shift P:zero_row H:in_width H:in_channels H:out_width H:out_channels
        H:kernel_height H:kernel_width H:stride_width H:dilation_width H:pad_left H:groups b:y_zero_point b:low
        b:high""",
    "sapmcu_depthwise_conv2d_s8_params": """
        P:filter P:bias P:multiplier P:shift P:zero_row H:in_width H:in_channels H:out_width H:channel_multiplier
        H:kernel_height H:kernel_width H:stride_width H:dilation_width H:pad_left b:y_zero_point b:low b:high""",
    "sapmcu_packed_conv2d_s8_params": """
        P:filter P:zero_row H:in_width H:in_channels H:out_width H:out_channels H:kernel_height H:kernel_width
        H:stride_width H:pad_left H:row_words B:shift b:low b:high B:is_copied""",
    "sapmcu_winograd_conv2d_s8_params": """
        P:filter P:zero_row H:in_width H:in_channels H:out_width H:out_channels H:pad_left B:shift b:low b:high""",
    "sapmcu_lanes_conv2d_s8_params": """
        P:filter P:rest P:bias P:multiplier P:shift P:zero_row H:in_width H:in_channels H:out_width H:out_channels
        H:kernel_height H:kernel_width H:stride_width H:dilation_width H:pad_left b:y_zero_point b:low b:high""",
    "sapmcu_packed_depthwise_conv2d_s8_params": """
        P:filter H:in_width H:channels H:out_width H:stride_width H:pad_left b:x_zero_point B:shift b:low b:high""",
    "sapmcu_packed_shallow_conv2d_s8_params": """
        P:filter H:in_width H:in_channels H:out_width H:out_channels H:stride_width H:pad_left b:x_zero_point b:low
        b:high""",
    "sapmcu_transpose_conv2d_s8_params": """
        P:filter P:bias P:multiplier P:shift H:in_width H:in_channels H:out_width H:out_channels H:kernel_height
        H:kernel_width H:stride_width H:pad_left b:x_zero_point b:y_zero_point b:low b:high""",
    "sapmcu_pool2d_s8_params": """
        H:in_width H:out_width H:channels H:kernel_height H:kernel_width H:stride_width H:pad_left b:low b:high""",
    "sapmcu_fully_connected_s8_params": """
        P:filter P:bias P:multiplier P:shift I:vectors I:depth I:out_channels B:is_per_channel b:y_zero_point b:low
        b:high""",
    "sapmcu_mat_mul_s8_params": """
        P:bias i:multiplier i:shift I:rows I:depth I:columns B:is_x_transposed B:is_y_transposed b:x_zero_point
        b:y_zero_point b:z_zero_point b:low b:high""",
    "sapmcu_mat_mul_batches": """
        I:count_0 I:count_1 I:count_2 I:x_stride_0 I:x_stride_1 I:x_stride_2 I:y_stride_0 I:y_stride_1 I:y_stride_2""",
    "sapmcu_broadcast": "P:loops I:loop_count I:count B:x_step B:y_step",
    "sapmcu_sum_s8_params": """
        i:x_multiplier i:y_multiplier i:z_multiplier b:x_shift b:y_shift b:z_shift b:x_zero_point b:y_zero_point
        b:z_zero_point b:low b:high""",
    "sapmcu_weighted_sum_s8_params": "i:x_factor i:y_factor i:offset",
    "sapmcu_product_s8_params": """
        i:multiplier b:shift b:x_zero_point b:y_zero_point b:z_zero_point b:low b:high""",
}
"""struct's format characters and field names; P is a pointer."""

Value: TypeAlias = "int | Array | None"


@dataclass(frozen=True)
class Params:
    """A struct: numbers, arrays that its pointers point to, None for NULL."""

    c_type: str
    fields: Mapping[str, Value]


def place(machine: Machine, params: Params) -> int:
    """The address of the struct on the machine."""
    values = dict(params.fields)
    data = b""
    for entry in STRUCTS[params.c_type].split():
        kind, name = entry.split(":")
        value = values.pop(name)
        if isinstance(value, np.ndarray):
            value = machine.allocate(value.tobytes(), value.dtype.itemsize)
        kind = {"P": "Q" if machine.pointer_bytes == 8 else "I"}.get(kind, kind)
        size = struct.calcsize("=" + kind)
        data += b"\0" * (-len(data) % size) + struct.pack("=" + kind, value or 0)
    assert not values, (params.c_type, values)
    return machine.allocate(data + b"\0" * (-len(data) % machine.pointer_bytes), machine.pointer_bytes)
