# SPDX-License-Identifier: Apache-2.0
"""Rules of convolutions and matrix products.

Source of what TFLM refuses: tensorflow/lite/micro/kernels/{conv,depthwise_conv,fully_connected,batch_matmul}_common.cc,
transpose_conv.cc and tensorflow/lite/kernels/kernel_util.cc, PopulateConvolutionQuantizationParams.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from sapmcu.ir.graph import DType, Op, Tensor
from sapmcu.ir.ops import BatchMatMul, Conv2D, DepthwiseConv2D, FullyConnected, TransposeConv2D
from sapmcu.ir.rules.elementwise import broadcast
from sapmcu.ir.rules.rule import (
    Operands,
    Results,
    constant,
    need,
    need_clamp,
    need_factor,
    need_max_rank,
    need_one_type,
    need_quantized,
    need_rank,
    need_shape,
    need_symmetric_int16,
    need_type,
    need_windows,
    optional,
    rule,
    single,
    take,
)

MAX_BIAS_DRIFT = 0.02
"""Output steps by which one unit of a bias may be off. Source: kernel_util.cc, GetQuantizedConvolutionMultipler."""

INT16_BIAS_TYPES: Mapping[type[Op], tuple[DType, ...]] = {
    Conv2D: (DType.INT32, DType.INT64),
    DepthwiseConv2D: (DType.INT64,),
    TransposeConv2D: (DType.INT16, DType.INT64),
    FullyConnected: (DType.INT32, DType.INT64),
}
"""Of int16 data; TFLM reads any other type as the last of these."""

BATCH_MATMUL_RANKS = range(2, 6)
"""Source: batch_matmul.cc, BatchMatMulPrepare."""


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
    _need_bias(type(op), optional(operands, 2), x, channels)
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
    need(len(operands) == 2 or operands[2] is not None, "its bias is an operand that is absent, which crashes TFLM")
    _need_product(x, filters, y, axis=3)
    _need_bias(type(op), optional(operands, 2), x, channels)
    need_clamp(op.activation, y)


@rule(TransposeConv2D)
def transpose_conv_2d(op: TransposeConv2D, operands: Operands, results: Results) -> None:
    shape, filters, x = take(operands, 3, 1)
    y = single(results)
    for tensor in (x, filters, y):
        need_rank(tensor, 4)
    channels = filters.shape[0]
    need(
        x.shape[3] == filters.shape[3],
        f"{x.name} has {x.shape[3]} channels, the filters {filters.name} have {filters.shape[3]}",
    )
    need_shape(y, constant(shape, DType.INT32))
    # the convolution of y that this transposes gives x's size
    size = need_windows(y, op.stride, op.padding, (filters.shape[1], filters.shape[2]))
    need(
        (x.shape[0], *size) == x.shape[:3] and y.shape[::3] == (x.shape[0], channels),
        f"{y.name} {list(y.shape)} can't come from {x.name} {list(x.shape)} and {filters.name} {list(filters.shape)}",
    )
    _need_product(x, filters, y, axis=0)
    _need_bias(type(op), optional(operands, 3), x, channels)
    need_clamp(op.activation, y)


@rule(FullyConnected)
def fully_connected(op: FullyConnected, operands: Operands, results: Results) -> None:
    x, filters = take(operands, 2, 1)
    bias = optional(operands, 2)
    y = single(results)
    need_rank(filters, 2)
    need_max_rank(x, y)
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
    _need_bias(type(op), bias, x, channels)
    if not x.dtype.is_float and filters.quantization is not None and not filters.quantization.is_per_channel:
        _need_bias_scale(bias, x, filters, y)
    need_clamp(op.activation, y)


@rule(BatchMatMul)
def batch_mat_mul(op: BatchMatMul, operands: Operands, results: Results) -> None:
    x, y = take(operands, 2)
    z = single(results)
    for tensor in (x, y):
        need(
            len(tensor.shape) in BATCH_MATMUL_RANKS,
            f"{tensor.name} {list(tensor.shape)} must have {BATCH_MATMUL_RANKS[0]} to {BATCH_MATMUL_RANKS[-1]} axes",
        )
    rows, depth = x.shape[-2:] if not op.adjoint_x else x.shape[:-3:-1]
    depth_of_y, columns = y.shape[-2:] if not op.adjoint_y else y.shape[:-3:-1]
    need(depth == depth_of_y, f"{x.name} {list(x.shape)} has rows of {depth}, {y.name} columns of {depth_of_y}")
    need_shape(z, (*broadcast(x.shape[:-2], y.shape[:-2]), rows, columns))
    need_type(x, DType.FLOAT32, DType.INT8, DType.INT16)
    need_one_type(x, y, z)
    need_quantized(x, y, z)
    if x.dtype.is_float:
        return
    need_symmetric_int16(x, y, z)
    need_factor(x.scale * y.scale / z.scale, f"{x.scale:g} · {y.scale:g} / {z.scale:g}")


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
    need_symmetric_int16(x, y)
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


def _need_bias(kind: type[Op], bias: Tensor | None, x: Tensor, channels: int) -> None:
    if bias is None:
        return
    wanted = {DType.FLOAT32: (DType.FLOAT32,), DType.INT8: (DType.INT32,)}.get(x.dtype, INT16_BIAS_TYPES[kind])
    need(bias.dtype in wanted, f"{bias.name} is {bias.dtype}; the bias of {x.dtype} data is {' or '.join(wanted)}")
    need(
        bias.elements == channels,
        f"{bias.name} {list(bias.shape)} must hold one number for each of {channels} output channels",
    )


def _need_bias_scale(bias: Tensor | None, x: Tensor, filters: Tensor, y: Tensor) -> None:
    """A bias counts in units of x.scale · filter.scale; TFLM refuses a fully connected op where it visibly doesn't."""
    if bias is None:
        return
    unit = x.scale * filters.scale
    scale = bias.quantization.scales[0] if bias.quantization is not None else 0.0
    need(
        abs(unit - scale) / y.scale <= MAX_BIAS_DRIFT,
        f"{bias.name} has the scale {scale:g}; that of {x.name} times that of {filters.name} is {np.float32(unit):g}",
    )
