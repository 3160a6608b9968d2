# SPDX-License-Identifier: Apache-2.0
"""Rules of ops that pool, reduce or normalise over axes.

Source of what TFLM refuses: tensorflow/lite/micro/kernels/{pooling,softmax}_common.cc.
"""

from __future__ import annotations

import numpy as np

from sapmcu.ir.graph import DType, Tensor
from sapmcu.ir.ops import AveragePool2D, MaxPool2D, Softmax
from sapmcu.ir.rules.rule import (
    Operands,
    Results,
    need,
    need_clamp,
    need_one_type,
    need_quantized,
    need_rank,
    need_shape,
    need_type,
    need_windows,
    rule,
    single,
    take,
)

MAX_POOL_DRIFT = 1e-6
"""By which the scales of a pooling's input and output may differ. Source: pooling_common.cc, PoolingPrepare."""


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


@rule(Softmax)
def softmax(op: Softmax, operands: Operands, results: Results) -> None:
    (x,) = take(operands, 1)
    y = single(results)
    need(len(x.shape) >= 1, f"{x.name} has no axis")
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
        need(x.zero_point == 0, f"{x.name} is int16 with the zero point {x.zero_point}; TFLM takes 0")
        _need_quantization(y, 1 / 32768, 0, tolerance=0.001)
    if x.dtype is DType.INT8:
        # TFLM aborts below. Source: quantization_util.cc, PreprocessSoftmaxScaling
        need(
            op.beta * x.scale > 2**-26,
            f"beta {op.beta:g} times the scale {x.scale:g} of {x.name} must be above 2^-26",
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
