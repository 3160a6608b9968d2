# SPDX-License-Identifier: Apache-2.0
"""Arithmetic of two tensors, with broadcasting.

Source: tflite-micro 90b983c2, tensorflow/lite/micro/kernels/{add,sub,mul,div}*.cc for the factors and
tensorflow/lite/kernels/internal/reference for the arithmetic.
"""

from __future__ import annotations

import numpy as np

from sapmcu.ir.graph import Array, Tensor
from sapmcu.ir.ops import Add, Range
from sapmcu.reference.fixed_point import I64, multiply_by_quantized_multiplier, quantize_multiplier, wrap_int32
from sapmcu.reference.kernel import Operand, Operands, Outputs, Results, kernel, need_int8, operand

SUM_SHIFT = 20
"""Bits by which both operands of a sum are raised, so that rescaling them loses nothing."""


@kernel(Add)
def add(op: Add, operands: Operands, results: Results) -> Outputs:
    x, y = operand(operands, 0), operand(operands, 1)
    need_int8(x.tensor, y.tensor)
    twice_max_scale = 2 * max(x.tensor.scale, y.tensor.scale)
    total = wrap_int32(_raised(x, twice_max_scale) + _raised(y, twice_max_scale))
    factor = twice_max_scale / ((1 << SUM_SHIFT) * results[0].scale)
    return (_to_int8(total, factor, results[0], op.activation),)


def _raised(x: Operand, unit: float) -> Array:
    """x's real values in units of unit / 2^20."""
    centred = x.value.astype(I64) - x.tensor.zero_point
    return multiply_by_quantized_multiplier(centred << SUM_SHIFT, *quantize_multiplier(x.tensor.scale / unit))


def _to_int8(accumulator: Array, factor: float, result: Tensor, activation: Range) -> Array:
    """accumulator · factor in the result's quantization."""
    raw = multiply_by_quantized_multiplier(accumulator, *quantize_multiplier(factor)) + result.zero_point
    return np.clip(raw, int(activation.low), int(activation.high)).astype(np.int8)
