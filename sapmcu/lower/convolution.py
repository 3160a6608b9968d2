# SPDX-License-Identifier: Apache-2.0
"""Convolutions: the input's zero point goes into the bias, scales become tables of multipliers and shifts."""

from __future__ import annotations

import numpy as np

from sapmcu.ir import ops
from sapmcu.ir.graph import Array, Tensor
from sapmcu.ir.native import FunctionRef, Lowered, Params, Value
from sapmcu.lower.forms import transposed_forms, window_form, with_forms, with_macs
from sapmcu.lower.rows import MAX_WINDOW, RowKernel, Windows, clamp_fields, run_rows, width_fields, zero_row
from sapmcu.lower.table import (
    LoweringError,
    Operands,
    Results,
    array_constant,
    lowering,
    need_int8,
    need_uint16,
    operand,
    optional_operand,
)
from sapmcu.reference.convolution import channel_factors
from sapmcu.reference.fixed_point import wrap_int32

Fields = tuple[tuple[str, Value], ...]


def need_constant(tensor: Tensor, what: str) -> Array:
    if not tensor.is_constant:
        raise LoweringError(f"its {what} {tensor.name} is no constant")
    return tensor.value


def bias_values(bias: Tensor | None, channels: int) -> Array:
    """int64 [channels], zeros where there is no bias."""
    if bias is None:
        return np.zeros(channels, np.int64)
    return need_constant(bias, "bias").ravel().astype(np.int64)


def folded_bias(bias: Tensor | None, filters: Array, x: Tensor) -> Array:
    """bias − x's zero point · sum of each filter [O, ...], modulo 2^32."""
    rows = filters.reshape(filters.shape[0], -1).astype(np.int64)
    return wrap_int32(bias_values(bias, len(rows)) - x.zero_point * rows.sum(axis=1))


def channel_fields(filters: Array, bias: Array, x: Tensor, filter_tensor: Tensor, y: Tensor) -> Fields:
    """Filter, bias, and a multiplier and shift for each channel."""
    factors = (np.broadcast_to(one, bias.shape) for one in channel_factors(x, filter_tensor, y))
    multipliers, shifts = factors
    return (
        ("filter", array_constant(filters, "filter")),
        ("bias", array_constant(bias, "bias", "int32_t")),
        ("multiplier", array_constant(multipliers, "multiplier", "int32_t")),
        ("shift", array_constant(shifts, "shift", "int8_t")),
    )


def _picked(values: dict[str, Value], *names: str) -> Fields:
    return tuple((name, values[name]) for name in names)


@lowering(ops.Conv2D)
def conv_2d(op: ops.Conv2D, operands: Operands, results: Results) -> Lowered:
    x, filters, (y,) = operand(operands), operand(operands, 1), results
    need_int8(x, filters, y)
    values = need_constant(filters, "filter")
    windows = Windows.of(x, y, (values.shape[1], values.shape[2]), op.stride, op.padding, op.dilation)
    bias = folded_bias(optional_operand(operands, 2), values, x)
    groups = x.shape[3] // filters.shape[3]
    return _conv(windows, channel_fields(values, bias, x, filters, y), groups, x, y, op.activation)


def _conv(windows: Windows, channels: Fields, groups: int, x: Tensor, y: Tensor, clamp: ops.Range) -> Lowered:
    whole = windows.in_one_row()
    params = _conv_params(whole, channels, groups, x, y, clamp)
    kernel = RowKernel("sapmcu_conv2d_row_s8", "sapmcu/conv2d.h", params, zero_row(whole, x))
    if windows.window[0] > MAX_WINDOW:
        return run_rows(kernel, whole, x, y)
    params = _conv_params(windows, channels, groups, x, y, clamp)
    forms = window_form(FunctionRef(kernel.function, kernel.header), params, windows, zero_row(windows, x), x, y)
    macs = y.elements * windows.window[0] * windows.window[1] * (x.shape[3] // groups)
    return with_forms(run_rows(kernel, whole, x, y), *with_macs(forms, macs))


def _conv_params(windows: Windows, channels: Fields, groups: int, x: Tensor, y: Tensor, clamp: ops.Range) -> Params:
    widths = width_fields(windows)
    return Params(
        "sapmcu_conv2d_s8_params",
        (
            *channels,
            ("zero_row", zero_row(windows, x)),
            ("in_width", widths["in_width"]),
            ("in_channels", need_uint16(x.shape[3], f"channels of {x.name}")),
            ("out_width", widths["out_width"]),
            ("out_channels", need_uint16(y.shape[3], f"channels of {y.name}")),
            *_picked(widths, "kernel_height", "kernel_width", "stride_width", "dilation_width", "pad_left"),
            ("groups", groups),
            *clamp_fields(y, clamp),
        ),
    )


@lowering(ops.DepthwiseConv2D)
def depthwise_conv_2d(op: ops.DepthwiseConv2D, operands: Operands, results: Results) -> Lowered:
    """On an image of one channel it is a convolution, whose kernel is faster."""
    x, filters, (y,) = operand(operands), operand(operands, 1), results
    need_int8(x, filters, y)
    values = need_constant(filters, "filter")[0]  # [KH, KW, C·m]
    windows = Windows.of(x, y, values.shape[:2], op.stride, op.padding, op.dilation)
    by_channel = values.transpose(2, 0, 1)
    bias = folded_bias(optional_operand(operands, 2), by_channel, x)
    if x.shape[3] == 1:
        return _conv(windows, channel_fields(by_channel, bias, x, filters, y), 1, x, y, op.activation)
    channels = channel_fields(values, bias, x, filters, y)
    whole = windows.in_one_row()
    params = _depthwise_params(whole, channels, x, y, op.activation)
    kernel = RowKernel("sapmcu_depthwise_conv2d_row_s8", "sapmcu/depthwise_conv2d.h", params, zero_row(whole, x))
    if windows.window[0] > MAX_WINDOW:
        return run_rows(kernel, whole, x, y)
    params = _depthwise_params(windows, channels, x, y, op.activation)
    forms = window_form(FunctionRef(kernel.function, kernel.header), params, windows, zero_row(windows, x), x, y)
    macs = y.elements * windows.window[0] * windows.window[1]
    return with_forms(run_rows(kernel, whole, x, y), *with_macs(forms, macs))


def _depthwise_params(windows: Windows, channels: Fields, x: Tensor, y: Tensor, clamp: ops.Range) -> Params:
    widths = width_fields(windows)
    return Params(
        "sapmcu_depthwise_conv2d_s8_params",
        (
            *channels,
            ("zero_row", zero_row(windows, x)),
            ("in_width", widths["in_width"]),
            ("in_channels", need_uint16(x.shape[3], f"channels of {x.name}")),
            ("out_width", widths["out_width"]),
            ("channel_multiplier", need_uint16(y.shape[3] // x.shape[3], "its depth multiplier")),
            *_picked(widths, "kernel_height", "kernel_width", "stride_width", "dilation_width", "pad_left"),
            *clamp_fields(y, clamp),
        ),
    )


@lowering(ops.TransposeConv2D)
def transpose_conv_2d(op: ops.TransposeConv2D, operands: Operands, results: Results) -> Lowered:
    """Its windows lie on y; each pixel of x adds to those of y that its window covers."""
    filters, x, (y,) = operand(operands, 1), operand(operands, 2), results
    need_int8(x, filters, y)
    values = need_constant(filters, "filter")
    windows = Windows.of(x, y, (values.shape[1], values.shape[2]), op.stride, op.padding)
    widths = width_fields(windows)
    bias = bias_values(optional_operand(operands, 3), y.shape[3])
    params = Params(
        "sapmcu_transpose_conv2d_s8_params",
        (
            *channel_fields(values, bias, x, filters, y),
            ("in_width", widths["in_width"]),
            ("in_channels", need_uint16(x.shape[3], f"channels of {x.name}")),
            ("out_width", widths["out_width"]),
            ("out_channels", need_uint16(y.shape[3], f"channels of {y.name}")),
            *_picked(widths, "kernel_height", "kernel_width", "stride_width", "pad_left"),
            ("x_zero_point", x.zero_point),
            *clamp_fields(y, op.activation),
        ),
    )
    kernel = RowKernel(
        "sapmcu_transpose_conv2d_row_s8",
        "sapmcu/transpose_conv2d.h",
        params,
        driver="sapmcu_run_transposed_rows",
    )
    return with_forms(run_rows(kernel, windows, x, y), *transposed_forms(params, windows, x, y))
