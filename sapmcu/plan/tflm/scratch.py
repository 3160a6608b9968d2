# SPDX-License-Identifier: Apache-2.0
"""Scratch that CMSIS-NN's kernels ask for, in bytes. GCC and clang: armclang builds of MVE differ.

Source: CMSIS-NN 4ab83cc3, the *_get_buffer_size functions in Source/*/arm_*_get_buffer_sizes_*.c.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from sapmcu.ir.ops import Pair
from sapmcu.plan.arena import align
from sapmcu.plan.tflm.target import Simd

MVE_CHANNELS_PER_BLOCK = 124
"""CH_IN_BLOCK_MVE of arm_nnsupportfunctions.h."""
MANY_CHANNELS = 16
"""REVERSE_TCOL_EFFICIENT_THRESHOLD of arm_nnsupportfunctions.h: above it a transposed convolution runs as a convolution
with the reversed filter."""


@dataclass(frozen=True, slots=True)
class Convolution:
    """size, kernel_size, stride, dilation: (height, width). padding: (top, left). depth: channels of the filter."""

    batches: int
    size: Pair
    channels: int
    kernel_size: Pair
    depth: int
    outputs: int
    output_width: int
    stride: Pair
    dilation: Pair
    padding: Pair

    @property
    def taps(self) -> int:
        return self.kernel_size[0] * self.kernel_size[1]


def im2col_s8(channels: int, taps: int, simd: Simd) -> int:
    """arm_convolve_s8: columns of the im2col matrix. Counts the input's channels, in grouped convolutions too."""
    column = channels * taps
    return 4 * align(column, 16) if simd is Simd.MVE else 2 * 2 * align(column, 4)


def convolution_s8(conv: Convolution, simd: Simd) -> int:
    """arm_convolve_wrapper_s8."""
    is_dense = conv.channels == conv.depth
    if conv.padding == (0, 0) and conv.taps == 1 and conv.dilation == (1, 1) and is_dense:
        return 0
    is_row = conv.size[0] == conv.kernel_size[0] == conv.dilation[1] == 1
    if is_row and conv.stride[1] * conv.channels % 4 == 0 and is_dense and simd is Simd.MVE:
        return _row_s8(conv)
    return im2col_s8(conv.channels, conv.taps, simd)


def _row_s8(conv: Convolution) -> int:
    """arm_convolve_1_x_n_s8 with MVE: copies of the two borders, or im2col where they meet."""
    stride, width, left_padding = conv.stride[1], conv.kernel_size[1], conv.padding[1]
    total = (conv.output_width - 1) * stride + width - conv.size[1]
    odd = int(math.fmod(total, 2))  # C's remainder, of the dividend's sign
    right_padding = left_padding + odd
    right = max(1, (right_padding + stride - 1) // stride) if right_padding else 0
    left = max(1, (left_padding + stride - 1) // stride) if left_padding else 0
    if right + left > conv.output_width:
        return im2col_s8(conv.channels, conv.taps, Simd.MVE)
    left_bytes = left_padding * conv.channels
    right_bytes = right * conv.channels if odd else left_bytes
    return max(width * conv.channels + left_bytes, width * conv.channels - conv.channels + right_bytes)


def convolution_s16(channels: int, taps: int, simd: Simd) -> int:
    """arm_convolve_wrapper_s16."""
    column = channels * taps
    return 4 * 2 * align(column, 8) if simd is Simd.MVE else 2 * 2 * column


def depthwise_s8(conv: Convolution, simd: Simd) -> int:
    """arm_depthwise_conv_wrapper_s8. One input channel becomes an ordinary convolution with MVE; its stride, which TFLM
    leaves unset there, matters for inputs of one row only."""
    if simd is Simd.MVE and conv.channels == 1 and conv.outputs > 1:
        return convolution_s8(conv, simd) + conv.outputs * conv.taps
    if conv.channels != conv.outputs or conv.batches != 1 or conv.dilation != (1, 1):
        return 0
    if simd is Simd.MVE:
        return 4 * MVE_CHANNELS_PER_BLOCK * conv.taps
    if conv.kernel_size == (3, 3) and max(conv.padding) <= 1:
        return 0
    return 2 * conv.channels * conv.taps if simd is Simd.DSP else 0


def transpose_convolution_s8(conv: Convolution, simd: Simd) -> Pair:
    """arm_transpose_conv_s8 and its reversed filter: the two buffers that TFLM asks for."""
    if max(conv.stride) <= 2 and conv.channels > MANY_CHANNELS:
        return im2col_s8(conv.channels, conv.taps, simd), conv.channels * conv.taps * conv.outputs
    rows, stride = max(conv.kernel_size[0], conv.stride[0]), conv.stride[1]
    width = (conv.size[1] - 1) * stride + max(conv.kernel_size[1], conv.stride[0])
    return 4 * width * conv.outputs * rows, 0


def fully_connected_s8(outputs: int, simd: Simd) -> int:
    """arm_fully_connected_s8: the sums of the filter's rows."""
    return 4 * outputs if simd is Simd.MVE else 0


def average_pool(channels: int, simd: Simd) -> int:
    """arm_avgpool_s8 and _s16: a row of sums."""
    return 4 * channels if simd is Simd.DSP else 0


def svdf_s8(filters: int, simd: Simd) -> int:
    """arm_svdf_s8: the sums of the feature filters."""
    return 4 * filters if simd is Simd.MVE else 0
