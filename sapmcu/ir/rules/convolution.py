# SPDX-License-Identifier: Apache-2.0
"""Rules of convolutions and matrix products.

Source of what TFLM refuses: tensorflow/lite/micro/kernels/{conv,depthwise_conv,fully_connected}_common.cc and
tensorflow/lite/kernels/kernel_util.cc, PopulateConvolutionQuantizationParams.
"""

from __future__ import annotations

import numpy as np

from sapmcu.ir.graph import DType, Tensor
from sapmcu.ir.ops import Conv2D, DepthwiseConv2D, FullyConnected
from sapmcu.ir.rules.rule import (
    Operands,
    Results,
    need,
    need_clamp,
    need_factor,
    need_one_type,
    need_quantized,
    need_rank,
    need_shape,
    need_type,
    need_windows,
    optional,
    rule,
    single,
    take,
)

MAX_BIAS_DRIFT = 0.02
"""Output steps by which one unit of a bias may be off. Source: kernel_util.cc, GetQuantizedConvolutionMultipler."""

BIAS_TYPES = {
    DType.FLOAT32: (DType.FLOAT32,),
    DType.INT8: (DType.INT32,),
    DType.INT16: (DType.INT32, DType.INT64),
}


@rule(Conv2D)
def conv_2d(op: Conv2D, operands: Operands, results: Results) -> None:
    x, filters = take(operands, 2, 1)
    y = single(results)
    for tensor in (x, filters, y):
        need_rank(tensor, 4)
    channels, depth = filters.shape[0], filters.shape[3]
    need(
        x.shape[3] % depth == 0,
        f"{x.name} has {x.shape[3]} channels, which filters of {depth} channels ({filters.name}) don't divide",
    )
    groups = x.shape[3] // depth
    need(channels % groups == 0, f"{filters.name} has {channels} filters, which {groups} groups don't divide")
    size = need_windows(x, op.stride, op.padding, (filters.shape[1], filters.shape[2]), op.dilation)
    need_shape(y, (x.shape[0], *size, channels))
    _need_product(x, filters, y, axis=0)
    _need_bias(optional(operands, 2), x, channels)
    need_clamp(op.activation, y)


@rule(DepthwiseConv2D)
def depthwise_conv_2d(op: DepthwiseConv2D, operands: Operands, results: Results) -> None:
    x, filters = take(operands, 2, 1)
    y = single(results)
    for tensor in (x, filters, y):
        need_rank(tensor, 4)
    channels = filters.shape[3]
    need(filters.shape[0] == 1, f"{filters.name} {list(filters.shape)} must have a first axis of length 1")
    need(
        channels % x.shape[3] == 0,
        f"{filters.name} has {channels} filters, which isn't a multiple of the {x.shape[3]} channels of {x.name}",
    )
    size = need_windows(x, op.stride, op.padding, (filters.shape[1], filters.shape[2]), op.dilation)
    need_shape(y, (x.shape[0], *size, channels))
    _need_product(x, filters, y, axis=3)
    _need_bias(optional(operands, 2), x, channels)
    need_clamp(op.activation, y)


@rule(FullyConnected)
def fully_connected(op: FullyConnected, operands: Operands, results: Results) -> None:
    x, filters = take(operands, 2, 1)
    bias = optional(operands, 2)
    y = single(results)
    need_rank(filters, 2)
    channels, depth = filters.shape
    if op.keep_num_dims:
        need(
            x.shape[-1:] == (depth,),
            f"{x.name} {list(x.shape)} must have a last axis of {depth}, as {filters.name} has",
        )
        need_shape(y, (*x.shape[:-1], channels))
    else:
        need(
            x.elements % depth == 0,
            f"{x.name} {list(x.shape)} doesn't split into rows of {depth}, as {filters.name} needs",
        )
        need_shape(y, (x.elements // depth, channels))
    _need_product(x, filters, y, axis=0)
    _need_bias(bias, x, channels)
    if bias is not None and not x.dtype.is_float and filters.quantization and not filters.quantization.is_per_channel:
        _need_bias_scale(bias, x, filters, y)
    need_clamp(op.activation, y)


def _need_product(x: Tensor, filters: Tensor, y: Tensor, axis: int) -> None:
    """Types, scales and zero points of y = x · filters. axis: of the filters, where the output channels are."""
    need_type(x, DType.FLOAT32, DType.INT8, DType.INT16)
    need_one_type(x, y)
    wanted = DType.FLOAT32 if x.dtype.is_float else DType.INT8
    need(
        filters.dtype is wanted,
        f"{x.name} is {x.dtype} and its filter {filters.name} {filters.dtype}, which TFLM doesn't multiply",
    )
    need_quantized(x, y)
    if x.dtype.is_float:
        return
    for tensor in (x, y):
        need(
            tensor.dtype is DType.INT8 or tensor.zero_point == 0,
            f"{tensor.name} is int16 with the zero point {tensor.zero_point}; TFLM takes 0",
        )
    need(filters.quantization is not None, f"{filters.name} is int8 without a scale")
    quantization = filters.quantization
    assert quantization is not None
    need(
        not any(quantization.zero_points),
        f"{filters.name} has the zero point {max(quantization.zero_points, key=abs)}; TFLM takes filters with 0",
    )
    if quantization.is_per_channel:
        need(
            quantization.axis == axis and len(quantization.scales) == filters.shape[axis],
            f"{filters.name} {list(filters.shape)} has {len(quantization.scales)} scales along axis "
            f"{quantization.axis}; one for each of the {filters.shape[axis]} along axis {axis} belongs there",
        )
    largest = max(quantization.scales)
    need_factor(x.scale * largest / y.scale, f"{x.scale:g} · {largest:g} / {y.scale:g}")


def _need_bias(bias: Tensor | None, x: Tensor, channels: int) -> None:
    if bias is None:
        return
    need(
        bias.dtype in BIAS_TYPES[x.dtype],
        f"{bias.name} is {bias.dtype}; the bias of {x.dtype} data is {' or '.join(BIAS_TYPES[x.dtype])}",
    )
    need(
        bias.elements == channels,
        f"{bias.name} {list(bias.shape)} must hold one number for each of {channels} output channels",
    )


def _need_bias_scale(bias: Tensor, x: Tensor, filters: Tensor, y: Tensor) -> None:
    """A bias counts in units of x.scale · filter.scale; TFLM refuses a fully connected op where it visibly doesn't."""
    unit = x.scale * filters.scale
    scale = bias.quantization.scales[0] if bias.quantization is not None else 0.0
    need(
        abs(unit - scale) / y.scale <= MAX_BIAS_DRIFT,
        f"{bias.name} has the scale {scale:g}; that of {x.name} times that of {filters.name} is {np.float32(unit):g}",
    )
