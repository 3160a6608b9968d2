# SPDX-License-Identifier: Apache-2.0
"""Convolutions, tap by tap: for each tap of the filter, one product over all outputs that see the image through it.

Sums are taken in float64, whose products (|q − z| ≤ 255, |filter| ≤ 128) are exact while there are fewer than 2^37 of
them, more than a tensor can hold.

Source: tensorflow/lite/kernels/internal/reference/integer_ops/{conv,depthwise_conv,transpose_conv}.h.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sapmcu.ir.graph import Array, Tensor
from sapmcu.ir.ops import Conv2D, DepthwiseConv2D, Pair, Range, TransposeConv2D
from sapmcu.reference.fixed_point import quantize_multipliers, requantize
from sapmcu.reference.kernel import Operand, Operands, Outputs, Results, kernel, need_int8, operand, optional_operand

Region = tuple[slice, slice, slice]
"""All images, rows, columns."""


@kernel(Conv2D)
def conv_2d(op: Conv2D, operands: Operands, results: Results) -> Outputs:
    x, filters, (y,) = operand(operands, 0), operand(operands, 1), results
    need_int8(x.tensor, filters.tensor, y)
    groups = x.tensor.shape[3] // filters.tensor.shape[3]
    image = (x.value.astype(np.float64) - x.tensor.zero_point).reshape(*x.tensor.shape[:3], groups, -1)
    # [KH,KW,groups,C/groups,O/groups]
    taps = filters.value.astype(np.float64).transpose(1, 2, 3, 0)
    taps = taps.reshape(*taps.shape[:3], groups, -1).transpose(0, 1, 3, 2, 4)
    sums = np.zeros((*y.shape[:3], groups, y.shape[3] // groups))
    for row, column, outputs, inputs in _taps(op, x.tensor.shape, filters.tensor.shape, y.shape):
        sums[outputs] += _product(image[inputs], taps[row, column])
    factors = channel_factors(x.tensor, filters.tensor, y)
    return (_finish(sums.reshape(y.shape), optional_operand(operands, 2), factors, y, op.activation),)


def _product(patch: Array, tap: Array) -> Array:
    """[N,h,w,groups,C] · [groups,C,O] -> [N,h,w,groups,O]."""
    product: Array = patch @ tap[0] if tap.shape[0] == 1 else (patch[..., None, :] @ tap)[..., 0, :]
    return product


@kernel(DepthwiseConv2D)
def depthwise_conv_2d(op: DepthwiseConv2D, operands: Operands, results: Results) -> Outputs:
    x, filters, (y,) = operand(operands, 0), operand(operands, 1), results
    need_int8(x.tensor, filters.tensor, y)
    image = x.value.astype(np.float64) - x.tensor.zero_point
    image = image.repeat(y.shape[3] // x.tensor.shape[3], axis=3)
    taps = filters.value[0].astype(np.float64)
    sums = np.zeros(y.shape)
    for row, column, outputs, inputs in _taps(op, x.tensor.shape, filters.tensor.shape, y.shape):
        sums[outputs] += image[inputs] * taps[row, column]
    factors = channel_factors(x.tensor, filters.tensor, y)
    return (_finish(sums, optional_operand(operands, 2), factors, y, op.activation),)


@kernel(TransposeConv2D)
def transpose_conv_2d(op: TransposeConv2D, operands: Operands, results: Results) -> Outputs:
    """The convolution of y that gives x, backwards: each pixel of x adds to those of y that it would see."""
    filters, x, (y,) = operand(operands, 1), operand(operands, 2), results
    need_int8(x.tensor, filters.tensor, y)
    pixels = x.value.astype(np.float64) - x.tensor.zero_point
    taps = filters.value.astype(np.float64).transpose(1, 2, 3, 0)
    sums = np.zeros(y.shape)
    for row, column, seen_from, seen in _taps(op, y.shape, filters.tensor.shape, x.tensor.shape):
        sums[seen] += pixels[seen_from] @ taps[row, column]
    factors = channel_factors(x.tensor, filters.tensor, y)
    return (_finish(sums, optional_operand(operands, 3), factors, y, op.activation),)


def _taps(
    op: Conv2D | DepthwiseConv2D | TransposeConv2D, x: tuple[int, ...], filters: tuple[int, ...], y: tuple[int, ...]
) -> Iterator[tuple[int, int, Region, Region]]:
    """(row, column, outputs, inputs) for each tap that any output sees the image through."""
    dilation = (1, 1) if isinstance(op, TransposeConv2D) else op.dilation
    rows = list(_reach(x[1], y[1], filters[1], op.stride[0], op.padding[0], dilation[0]))
    columns = list(_reach(x[2], y[2], filters[2], op.stride[1], op.padding[1], dilation[1]))
    for row, output_rows, input_rows in rows:
        for column, output_columns, input_columns in columns:
            yield (
                row,
                column,
                (slice(None), output_rows, output_columns),
                (slice(None), input_rows, input_columns),
            )


def _reach(
    size: int, outputs: int, window: int, stride: int, padding: Pair, dilation: int
) -> Iterator[tuple[int, slice, slice]]:
    """(tap, outputs, inputs) along one axis: output i sees pixel i·stride + tap·dilation − padding, if there is one."""
    first_tap = max(0, -(((outputs - 1) * stride - padding[0]) // dilation))
    last_tap = min(window - 1, (size - 1 + padding[0]) // dilation)
    for tap in range(first_tap, last_tap + 1):
        offset = tap * dilation - padding[0]
        first = max(0, -(offset // stride))
        last = min(outputs - 1, (size - 1 - offset) // stride)
        if first <= last:
            start = first * stride + offset
            yield tap, slice(first, last + 1), slice(start, start + (last - first) * stride + 1, stride)


def _finish(sums: Array, bias: Operand | None, factors: tuple[Array, Array], y: Tensor, clamp: Range) -> Array:
    """Add the bias and requantize, channel by channel."""
    if bias is not None:
        sums += bias.value.ravel()
    return requantize(sums.astype(np.int64), factors, y, clamp)


def channel_factors(x: Tensor, filters: Tensor, y: Tensor) -> tuple[Array, Array]:
    """(multipliers, shifts) of the output channels, or one for all, from a product of scales in float64.

    So does TFLM 8f6596d, of which the package tflite-micro is built. Until 90b983c2 at least, TFLM took the product of
    FULLY_CONNECTED and BATCH_MATMUL in float32, which now and then differs in the last bit. Source: kernel_util.cc.
    """
    assert filters.quantization is not None
    return quantize_multipliers(x.scale * scale / y.scale for scale in filters.quantization.scales)
