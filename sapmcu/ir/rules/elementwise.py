# SPDX-License-Identifier: Apache-2.0
"""Rules of ops that work element by element.

Limits on types and scales are those of TFLM. Source: tflite-micro 90b983c2, the Prepare functions in
tensorflow/lite/micro/kernels.
"""

from __future__ import annotations

from sapmcu.ir.graph import DType, Tensor
from sapmcu.ir.ops import Add, Dequantize, Quantize
from sapmcu.ir.rules.rule import (
    Operands,
    Results,
    Shape,
    need,
    need_max_rank,
    need_one_type,
    need_quantized,
    need_shape,
    need_type,
    rule,
    single,
    take,
)

INT8, UINT8, INT16, INT32, FLOAT32 = DType.INT8, DType.UINT8, DType.INT16, DType.INT32, DType.FLOAT32

BELOW_ONE = 1 - 2**-32
"""The least number that rounds to a multiplier of 1, for which TFLM has no form where it wants a fraction."""

MAX_FACTOR = 2**30
"""Largest factor of a requantization: a multiplier below 1 and a left shift of 30 bits."""


def broadcast(x: Shape, y: Shape) -> Shape:
    """The shape of both, numpy's rules."""
    rank = max(len(x), len(y))
    sizes = []
    for one, other in zip((1,) * (rank - len(x)) + x, (1,) * (rank - len(y)) + y, strict=True):
        need(one == other or 1 in (one, other), f"{list(x)} and {list(y)} don't broadcast: {one} meets {other}")
        sizes.append(max(one, other))
    return tuple(sizes)


def _binary(operands: Operands, results: Results, *dtypes: DType) -> tuple[Tensor, Tensor, Tensor]:
    """x, y and their result of one type and the broadcast shape."""
    x, y = take(operands, 2)
    z = single(results)
    need_max_rank(x, y)
    need_shape(z, broadcast(x.shape, y.shape))
    need_one_type(x, y, z)
    need_type(z, *dtypes)
    need_quantized(x, y, z)
    return x, y, z


@rule(Add)
def add(op: Add, operands: Operands, results: Results) -> None:
    x, y, z = _binary(operands, results, INT8, INT16, INT32, FLOAT32)
    if z.dtype is INT32:
        for tensor in (x, y):
            need(tensor.quantization is None, f"{tensor.name} is int32 with a scale; TFLM takes plain int32")
    if z.dtype in (INT8, INT16):
        largest, headroom = max(x.scale, y.scale), 19 if z.dtype is INT8 else 14
        need(
            largest / (2**headroom * z.scale) < BELOW_ONE,
            f"{z.name} has the scale {z.scale:g}; with operands' {largest:g} it must be over {largest / 2**headroom:g}",
        )


def need_factor(x: Tensor, y: Tensor, factor: float) -> None:
    """A factor from x's integers to y's that a 32-bit multiplier and shift express."""
    need(factor < MAX_FACTOR, f"{x.name}'s integers times {factor:g} make {y.name}'s; the factor must be under 2^30")


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
    (x,) = take(operands, 1)
    y = single(results)
    need_max_rank(x)
    need_shape(y, x.shape)
    need_type(x, *QUANTIZABLE)
    need_type(y, *QUANTIZABLE[x.dtype])
    if x.dtype is not FLOAT32:
        need_scaled(x)
    need_scaled(y)
    if x.dtype is not FLOAT32:
        need_factor(x, y, x.scale / y.scale)


def need_scaled(tensor: Tensor) -> None:
    """Any integer type with one scale above 0."""
    need_quantized(tensor)
    need(tensor.quantization is not None, f"{tensor.name} is {tensor.dtype} without a scale and zero point")
    assert tensor.quantization is not None
    scales = tensor.quantization.scales
    need(len(scales) == 1 and scales[0] > 0, f"{tensor.name} has the scales {list(scales)}; it takes one above 0")


@rule(Dequantize)
def dequantize(op: Dequantize, operands: Operands, results: Results) -> None:
    (x,) = take(operands, 1)
    y = single(results)
    need_max_rank(x)
    need_shape(y, x.shape)
    need_type(x, INT8, UINT8, INT16)
    need_type(y, FLOAT32)
    need_quantized(x)
