# SPDX-License-Identifier: Apache-2.0
"""Rules of arithmetic on two tensors, and of changes of type and quantization.

Limits on types and scales are those of TFLM. Source: tflite-micro 90b983c2, the Prepare and Eval functions in
tensorflow/lite/micro/kernels.
"""

from __future__ import annotations

from sapmcu.ir.factors import (
    product_factor,
    quotient_factor,
    ratio_factor,
    squared_difference_factors,
    sum_factors,
)
from sapmcu.ir.graph import DType, Op, Tensor
from sapmcu.ir.ops import Add, Dequantize, Div, Maximum, Minimum, Mul, Quantize, SquaredDifference, Sub
from sapmcu.ir.rules.rule import (
    Operands,
    Results,
    Shape,
    need,
    need_clamp,
    need_factor,
    need_max_rank,
    need_one_type,
    need_quantized,
    need_same_quantization,
    need_shape,
    need_symmetric_int16,
    need_type,
    rule,
    single,
    take,
)

INT8, UINT8, INT16, INT32, INT64 = DType.INT8, DType.UINT8, DType.INT16, DType.INT32, DType.INT64
FLOAT32 = DType.FLOAT32

BELOW_ONE = 1 - 2**-32
"""The least number that rounds to a multiplier of 1, where TFLM aborts. Source: quantization_util.cc."""

MAX_QUOTIENT_FACTOR = 2**22
"""DIV has no left shift; 23 bits of it are taken by the dividend's own. Source: reference/div.h."""


def broadcast(x: Shape, y: Shape) -> Shape:
    """The shape of both, numpy's rules."""
    rank = max(len(x), len(y))
    sizes = []
    for one, other in zip((1,) * (rank - len(x)) + x, (1,) * (rank - len(y)) + y, strict=True):
        need(one == other or 1 in (one, other), f"{list(x)} and {list(y)} don't broadcast: {one} meets {other}")
        sizes.append(max(one, other))
    return tuple(sizes)


def _binary(operands: Operands, results: Results, *dtypes: DType) -> tuple[Tensor, Tensor, Tensor]:
    """x, y and their result: of one type and the broadcast shape."""
    x, y = take(operands, 2)
    z = single(results)
    need_max_rank(x, y)
    need_shape(z, broadcast(x.shape, y.shape))
    need_one_type(x, y, z)
    need_type(z, *dtypes)
    need_quantized(x, y, z)
    return x, y, z


def _need_plain_int32(*tensors: Tensor) -> None:
    for tensor in tensors:
        need(
            tensor.dtype is not INT32 or tensor.quantization is None,
            f"{tensor.name} is int32 with a scale; TFLM takes plain int32",
        )


@rule(Add, Sub)
def add_sub(op: Op, operands: Operands, results: Results) -> None:
    """TFLM aborts where it can't scale the sum down."""
    assert isinstance(op, Add | Sub)
    x, y, z = _binary(operands, results, INT8, INT16, INT32, FLOAT32)
    need_clamp(op.activation, z)
    _need_plain_int32(*((x, y) if isinstance(op, Add) else (x, y, z)))
    if z.dtype in (INT8, INT16):
        factors, largest = sum_factors(x, y, z), max(x.scale, y.scale)
        need(
            factors.result < BELOW_ONE,
            f"{z.name} has the scale {z.scale:g}; with operands' {largest:g} it must be over "
            f"{2 * largest / 2**factors.bits:g}",
        )


@rule(Mul)
def mul(op: Mul, operands: Operands, results: Results) -> None:
    x, y, z = _binary(operands, results, INT8, INT16, INT32, FLOAT32)
    need_clamp(op.activation, z)
    need_symmetric_int16(x, y, z)
    if z.dtype in (INT8, INT16):
        need_factor(product_factor(x, y, z), f"{x.scale:g} · {y.scale:g} / {z.scale:g}")


@rule(Div)
def div(op: Div, operands: Operands, results: Results) -> None:
    x, y, z = _binary(operands, results, INT8, INT32, FLOAT32)
    need_clamp(op.activation, z)
    _need_plain_int32(x, y)
    if z.dtype is INT8:
        factor = quotient_factor(x, y, z)
        need(
            factor < MAX_QUOTIENT_FACTOR,
            f"the scales make a factor of {x.scale:g} / ({y.scale:g} · {z.scale:g}) = {factor:g}, over 2^22",
        )


@rule(Maximum, Minimum)
def maximum_minimum(op: Op, operands: Operands, results: Results) -> None:
    """TFLM compares the integers, so that they must have one quantization."""
    need_same_quantization(*_binary(operands, results, INT8, INT16, INT32, INT64, FLOAT32))


@rule(SquaredDifference)
def squared_difference(op: SquaredDifference, operands: Operands, results: Results) -> None:
    x, y, z = _binary(operands, results, INT8, INT16, INT32, FLOAT32)
    need_symmetric_int16(x, y, z)
    if z.dtype in (INT8, INT16):
        factors = squared_difference_factors(x, y, z)
        formula = f"4 · {max(x.scale, y.scale):g}² / (2^{2 * factors.bits} · {z.scale:g})"
        need_factor(factors.result, formula)


QUANTIZABLE: dict[DType, tuple[DType, ...]] = {
    FLOAT32: (INT8, INT16),
    INT32: (INT8, INT16),
    INT16: (INT8, INT16, INT32),
    INT8: (INT8, UINT8, INT16, INT32),
    UINT8: (INT8,),
}
"""Results that TFLM gives by the operand's type. Source: quantize_common.cc."""


@rule(Quantize)
def quantize(op: Quantize, operands: Operands, results: Results) -> None:
    x, y = _unary(operands, results, *QUANTIZABLE)
    need_type(y, *QUANTIZABLE[x.dtype])
    _need_scale(y)
    if x.dtype is not FLOAT32:
        _need_scale(x)
        need_factor(ratio_factor(x, y), f"{x.scale:g} / {y.scale:g}")


def _unary(operands: Operands, results: Results, *dtypes: DType) -> tuple[Tensor, Tensor]:
    """x of one of these types, and a result of its shape."""
    (x,) = take(operands, 1)
    y = single(results)
    need_max_rank(x)
    need_shape(y, x.shape)
    need_type(x, *dtypes)
    return x, y


def _need_scale(tensor: Tensor) -> None:
    """One scale above 0, for int32 too."""
    need_quantized(tensor)
    need(tensor.quantization is not None, f"{tensor.name} is {tensor.dtype} without a scale and zero point")
    assert tensor.quantization is not None
    scales = tensor.quantization.scales
    need(len(scales) == 1 and scales[0] > 0, f"{tensor.name} has {len(scales)} scales, the first {scales[0]:g}")


@rule(Dequantize)
def dequantize(op: Dequantize, operands: Operands, results: Results) -> None:
    x, y = _unary(operands, results, INT8, UINT8, INT16)
    need_type(y, FLOAT32)
    need_quantized(x)
