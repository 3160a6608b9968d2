# SPDX-License-Identifier: Apache-2.0
"""Rules of ops that pool, reduce or normalise over axes.

Source of what TFLM refuses: tensorflow/lite/micro/kernels/{pooling,softmax,reduce}_common.cc, log_softmax.cc,
l2norm.cc and arg_min_max.cc.
"""

from __future__ import annotations

import numpy as np

from sapmcu.ir.activation import type_range
from sapmcu.ir.graph import DType, Tensor
from sapmcu.ir.ops import (
    ArgMax,
    ArgMin,
    AveragePool2D,
    L2Normalization,
    LogSoftmax,
    MaxPool2D,
    Mean,
    ReduceMax,
    ReduceMin,
    Softmax,
    Sum,
)
from sapmcu.ir.rules.rule import (
    Operands,
    Results,
    axis,
    constant,
    need,
    need_clamp,
    need_factor,
    need_max_rank,
    need_one_type,
    need_quantized,
    need_rank,
    need_same_quantization,
    need_shape,
    need_symmetric_int16,
    need_type,
    need_windows,
    rule,
    single,
    take,
)

MAX_POOL_DRIFT = 1e-6
"""By which the scales of a pooling's input and output may differ. Source: pooling_common.cc, PoolingPrepare."""

MAX_LOG_SOFTMAX = 2**12 - 1
"""Entries of e^0 = 1 that a sum with 12 integer bits holds. Source: log_softmax.h, kAccumulationIntegerBits."""

MAX_L2_NORM = (2**31 - 1) // 255**2
"""Squares that a sum of 32 bits holds. Source: integer_ops/l2normalization.h."""


@rule(AveragePool2D)
def average_pool_2d(op: AveragePool2D, operands: Operands, results: Results) -> None:
    _need_pool(op, operands, results)


@rule(MaxPool2D)
def max_pool_2d(op: MaxPool2D, operands: Operands, results: Results) -> None:
    _need_pool(op, operands, results)


def _need_pool(op: AveragePool2D | MaxPool2D, operands: Operands, results: Results) -> None:
    (x,) = take(operands, 1)
    y = single(results)
    need_rank(x, 4)
    need_rank(y, 4)
    size = need_windows(x, op.stride, op.padding, op.window)
    for pads, window in zip(op.padding, op.window, strict=True):
        need(max(pads) < window, f"padding {pads} leaves a window of {window} without any pixel")
    need_shape(y, (x.shape[0], *size, x.shape[3]))
    need_type(x, DType.FLOAT32, DType.INT8, DType.INT16)
    need_one_type(x, y)
    _need_same_scale(x, y)
    need_clamp(op.activation, y)


@rule(Mean)
def mean(op: Mean, operands: Operands, results: Results) -> None:
    x, y = _need_reduction(op.keep_dims, operands, results, DType.FLOAT32, DType.INT8, DType.INT16)
    _need_scale_ratio(x, y)


@rule(Sum)
def sum_(op: Sum, operands: Operands, results: Results) -> None:
    x, y = _need_reduction(op.keep_dims, operands, results, DType.FLOAT32, DType.INT8, DType.INT16)
    _need_scale_ratio(x, y)


@rule(ReduceMax)
def reduce_max(op: ReduceMax, operands: Operands, results: Results) -> None:
    need_same_quantization(*_need_reduction(op.keep_dims, operands, results, DType.FLOAT32, DType.INT8))


@rule(ReduceMin)
def reduce_min(op: ReduceMin, operands: Operands, results: Results) -> None:
    need_same_quantization(*_need_reduction(op.keep_dims, operands, results, DType.FLOAT32, DType.INT8))


def _need_reduction(keep_dims: bool, operands: Operands, results: Results, *dtypes: DType) -> tuple[Tensor, Tensor]:
    """(x, y): their shapes and types."""
    x, axes = take(operands, 2)
    y = single(results)
    need_max_rank(x)
    reduced = {axis(index, len(x.shape)) for index in constant(axes, DType.INT32)}
    sizes = [(1 if index in reduced else size, index) for index, size in enumerate(x.shape)]
    need_shape(y, tuple(size for size, index in sizes if keep_dims or index not in reduced))
    need_type(x, *dtypes)
    need_one_type(x, y)
    need_quantized(x, y)
    return x, y


def _need_scale_ratio(x: Tensor, y: Tensor) -> None:
    if not x.dtype.is_float:
        need_factor(x.scale / y.scale, f"{x.scale:g} / {y.scale:g}")


@rule(Softmax)
def softmax(op: Softmax, operands: Operands, results: Results) -> None:
    (x,) = take(operands, 1)
    y = single(results)
    need(len(x.shape) >= 1, f"{x.name} has no axis")
    need_max_rank(x)
    need_shape(y, x.shape)
    need_type(x, DType.FLOAT32, DType.INT8, DType.INT16)
    need_quantized(x, y)
    if x.dtype.is_float:
        need_one_type(x, y)
        return
    need_type(y, *((DType.INT8, DType.INT16) if x.dtype is DType.INT8 else (DType.INT16,)))
    if x.dtype is DType.INT8 and y.dtype is DType.INT8:
        _need_quantization(y, 1 / 256, -128)
    elif x.dtype is DType.INT8:
        _need_quantization(y, 1 / 65536, -32768, tolerance=0.001)
    else:
        need_symmetric_int16(x)
        _need_quantization(y, 1 / 32768, 0, tolerance=0.001)
    if x.dtype is DType.INT8:
        _need_steep(op.beta, x)


@rule(LogSoftmax)
def log_softmax(op: LogSoftmax, operands: Operands, results: Results) -> None:
    (x,) = take(operands, 1)
    y = single(results)
    need(len(x.shape) >= 1, f"{x.name} has no axis")
    need_max_rank(x)
    need_shape(y, x.shape)
    need_type(x, DType.FLOAT32, DType.INT8)
    need_one_type(x, y)
    need_quantized(x, y)
    if x.dtype.is_float:
        return
    _need_quantization(y, 16 / 256, 127)
    _need_steep(1.0, x)
    need(
        x.shape[-1] <= MAX_LOG_SOFTMAX,
        f"{x.name} {list(x.shape)} is summed over {x.shape[-1]:,} entries; TFLM's sum holds {MAX_LOG_SOFTMAX:,}",
    )


@rule(L2Normalization)
def l2_normalization(op: L2Normalization, operands: Operands, results: Results) -> None:
    (x,) = take(operands, 1)
    y = single(results)
    need(1 <= len(x.shape) <= 4, f"{x.name} {list(x.shape)} must have 1 to 4 axes")
    need_shape(y, x.shape)
    need_type(x, DType.FLOAT32, DType.INT8)
    need_one_type(x, y)
    need_quantized(x, y)
    need(op.activation == type_range(y), "TFLM takes no fused activation here")
    if x.dtype.is_float:
        return
    _need_quantization(y, 1 / 128, 0)
    need(
        x.shape[-1] <= MAX_L2_NORM,
        f"{x.name} {list(x.shape)} sums {x.shape[-1]:,} squares; TFLM's 32 bits hold {MAX_L2_NORM:,}",
    )


@rule(ArgMax)
def arg_max(op: ArgMax, operands: Operands, results: Results) -> None:
    _need_arg(operands, results)


@rule(ArgMin)
def arg_min(op: ArgMin, operands: Operands, results: Results) -> None:
    _need_arg(operands, results)


def _need_arg(operands: Operands, results: Results) -> None:
    x, along = take(operands, 2)
    y = single(results)
    need_max_rank(x)
    indices = constant(along, DType.INT32)
    need(len(indices) == 1, f"{along.name} must hold one axis, not {len(indices)}")
    index = axis(indices[0], len(x.shape))
    need_shape(y, x.shape[:index] + x.shape[index + 1 :])
    need_type(x, DType.FLOAT32, DType.INT8)
    need_type(y, DType.INT32)


def _need_steep(beta: float, x: Tensor) -> None:
    """TFLM aborts below. Source: quantization_util.cc, PreprocessSoftmaxScaling."""
    need(
        beta * x.scale > 2**-26,
        f"beta {beta:g} times the scale {x.scale:g} of {x.name} must be above 2^-26",
    )


def _need_same_scale(x: Tensor, y: Tensor) -> None:
    """TFLM copies quantized values from x to y as they are."""
    if x.dtype.is_float:
        return
    need_quantized(x, y)
    need(
        abs(float(np.float32(x.scale) - np.float32(y.scale))) <= MAX_POOL_DRIFT and x.zero_point == y.zero_point,
        f"{x.name} has scale {x.scale:g} and zero point {x.zero_point}, {y.name} has {y.scale:g} and {y.zero_point}; "
        "TFLM takes one quantization for both",
    )


def _need_quantization(tensor: Tensor, scale: float, zero_point: int, tolerance: float = 0.0) -> None:
    """The one output quantization that TFLM's kernel knows. tolerance: relative, of the scale."""
    need(
        abs(tensor.scale - scale) <= tolerance * scale and tensor.zero_point == zero_point,
        f"{tensor.name} has scale {tensor.scale:g} and zero point {tensor.zero_point}; TFLM takes "
        f"1/{1 / scale:g} and {zero_point}",
    )
