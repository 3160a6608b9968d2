# SPDX-License-Identifier: Apache-2.0
"""Rules of functions of one number, element by element.

Limits on types and scales are those of TFLM. Source: tflite-micro 90b983c2, the Prepare and Eval functions in
tensorflow/lite/micro/kernels.
"""

from __future__ import annotations

import math

from sapmcu.ir.activation import quantize_limit
from sapmcu.ir.factors import (
    hard_swish_factors,
    leaky_factor,
    product_factor,
    ratio_factor,
    rsqrt_factor,
)
from sapmcu.ir.graph import DType, Tensor
from sapmcu.ir.ops import Abs, HardSwish, LeakyRelu, Logistic, PRelu, Relu, Relu6, Rsqrt, Tanh
from sapmcu.ir.rules.elementwise import BELOW_ONE, broadcast
from sapmcu.ir.rules.rule import (
    Operands,
    Results,
    need,
    need_factor,
    need_max_rank,
    need_one_type,
    need_quantized,
    need_shape,
    need_symmetric_int16,
    need_type,
    rule,
    single,
    take,
)

INT8, INT16, FLOAT32 = DType.INT8, DType.INT16, DType.FLOAT32


def _unary(operands: Operands, results: Results, *dtypes: DType) -> tuple[Tensor, Tensor]:
    """x and a result of its shape, both of one of these types."""
    (x,) = take(operands, 1)
    y = single(results)
    _need_like(x, y, *dtypes)
    return x, y


def _need_like(x: Tensor, y: Tensor, *dtypes: DType) -> None:
    need_max_rank(x)
    need_shape(y, x.shape)
    need_one_type(x, y)
    need_type(x, *dtypes)
    need_quantized(x, y)


def _need_output(y: Tensor, scale: float, zero_point: int) -> None:
    """The one output quantization that the kernel knows."""
    need(
        y.scale == scale and y.zero_point == zero_point,
        f"{y.name} has scale {y.scale:g} and zero point {y.zero_point}; the op's own are 1/{1 / scale:g} and "
        f"{zero_point}",
    )


@rule(Rsqrt)
def rsqrt(op: Rsqrt, operands: Operands, results: Results) -> None:
    x, y = _unary(operands, results, INT8, FLOAT32)
    if x.dtype is INT8:
        factor = rsqrt_factor(x, y)
        need(
            2**-12 <= factor < 2**30,
            f"the scales make a factor of 1 / (√{x.scale:g} · {y.scale:g}) = {factor:g}, outside 2^-12 to 2^30",
        )


@rule(Abs)
def absolute(op: Abs, operands: Operands, results: Results) -> None:
    x, y = _unary(operands, results, INT8, INT16, FLOAT32)
    need_symmetric_int16(x, y)
    if x.dtype is not FLOAT32:
        need_factor(ratio_factor(x, y), f"{x.scale:g} / {y.scale:g}")


@rule(Logistic)
def logistic(op: Logistic, operands: Operands, results: Results) -> None:
    x, y = _unary(operands, results, INT8, INT16, FLOAT32)
    _need_sigmoid_operand(x)
    if x.dtype is not FLOAT32:
        _need_output(y, *((1 / 256, -128) if x.dtype is INT8 else (1 / 32768, 0)))


@rule(Tanh)
def tanh(op: Tanh, operands: Operands, results: Results) -> None:
    x, y = _unary(operands, results, INT8, INT16, FLOAT32)
    _need_sigmoid_operand(x)
    if x.dtype is not FLOAT32:
        _need_output(y, 1 / 128 if x.dtype is INT8 else 1 / 32768, 0)


def _need_sigmoid_operand(x: Tensor) -> None:
    """TFLM shifts the operand to 4 integer bits by 0 to 62 places."""
    need_symmetric_int16(x)
    if x.dtype is INT8:
        need(2**-28 <= x.scale < 2**35, f"{x.name} has the scale {x.scale:g}, outside 2^-28 to 2^35")


@rule(Relu)
def relu(op: Relu, operands: Operands, results: Results) -> None:
    x, y = _unary(operands, results, INT8, INT16, FLOAT32)
    need_symmetric_int16(x, y)
    if x.dtype is not FLOAT32:
        need_factor(ratio_factor(x, y), f"{x.scale:g} / {y.scale:g}")


@rule(Relu6)
def relu6(op: Relu6, operands: Operands, results: Results) -> None:
    x, y = _unary(operands, results, INT8, INT16, FLOAT32)
    need_symmetric_int16(x, y)
    if x.dtype is FLOAT32:
        return
    need_factor(ratio_factor(x, y), f"{x.scale:g} / {y.scale:g}")
    for tensor in (x, y):
        try:
            quantize_limit(6.0, tensor)
        except ValueError:
            need(False, f"{tensor.name} has the scale {tensor.scale:g}, for which 6 is beyond 32 bits")


@rule(LeakyRelu)
def leaky_relu(op: LeakyRelu, operands: Operands, results: Results) -> None:
    x, y = _unary(operands, results, INT8, INT16, FLOAT32)
    need(math.isfinite(op.alpha), f"alpha is {op.alpha}")
    if x.dtype is not FLOAT32:
        need_factor(ratio_factor(x, y), f"{x.scale:g} / {y.scale:g}")
        need_factor(abs(leaky_factor(x, op.alpha, y)), f"{x.scale:g} · {abs(op.alpha):g} / {y.scale:g}")


@rule(PRelu)
def prelu(op: PRelu, operands: Operands, results: Results) -> None:
    x, alpha = take(operands, 2)
    y = single(results)
    _need_like(x, y, INT8, INT16, FLOAT32)
    need(alpha.is_constant, f"{alpha.name} must be a constant")
    need_shape(y, broadcast(x.shape, alpha.shape))
    if x.dtype is FLOAT32:
        need_type(alpha, FLOAT32)
        need_max_rank(x, rank=4)
        return
    need_type(alpha, INT8)
    need_quantized(alpha)
    need_factor(ratio_factor(x, y), f"{x.scale:g} / {y.scale:g}")
    need_factor(product_factor(x, alpha, y), f"{x.scale:g} · {alpha.scale:g} / {y.scale:g}")


@rule(HardSwish)
def hard_swish(op: HardSwish, operands: Operands, results: Results) -> None:
    x, y = _unary(operands, results, INT8, FLOAT32)
    if x.dtype is INT8:
        result, gate = hard_swish_factors(x, y)
        need(gate < 2**31, f"{x.name} has the scale {x.scale:g}; it must be under {2**31 * 128 * 3 / 2**15:g}")
        need(
            result < BELOW_ONE,
            f"{x.name} has the scale {x.scale:g}; with {y.name}'s {y.scale:g} it must be under {128 * y.scale:g}",
        )
