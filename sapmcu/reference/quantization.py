# SPDX-License-Identifier: Apache-2.0
"""Changes of type and quantization.

Source: tflite-micro 90b983c2, tensorflow/lite/kernels/internal/reference/{quantize,requantize,dequantize}.h.
"""

from __future__ import annotations

import numpy as np

from sapmcu.ir.factors import ratio_factor
from sapmcu.ir.graph import Array, Tensor
from sapmcu.ir.ops import Dequantize, Quantize
from sapmcu.reference.fixed_point import I64, multiply_by_quantized_multiplier, quantize_multiplier, wrap_int32
from sapmcu.reference.kernel import Operands, Outputs, Results, UnsupportedError, kernel, operand


@kernel(Quantize)
def quantize(op: Quantize, operands: Operands, results: Results) -> Outputs:
    x, y = operand(operands, 0), results[0]
    if x.tensor.dtype.is_float:
        return (quantize_floats(x.value, y),)
    factor = quantize_multiplier(ratio_factor(x.tensor, y))
    centred = wrap_int32(x.value.astype(I64) - x.tensor.zero_point)
    raw = wrap_int32(multiply_by_quantized_multiplier(centred, *factor) + y.zero_point)
    return (saturate(raw, y),)


def quantize_floats(values: Array, tensor: Tensor) -> Array:
    """float32 numbers in the tensor's type and quantization: divided in float32, rounded half away from zero.

    Raises: UnsupportedError for numbers that no 32-bit integer holds after the division, where C defines no result.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        quotients = (values.astype(np.float32) / np.float32(tensor.scale)).astype(np.float64)
    if not (np.abs(quotients) < 2**30).all():
        raise UnsupportedError(
            f"a value to quantize is not a number or beyond {tensor.scale * 2**30:g}, 2^30 times the scale of "
            f"{tensor.name}"
        )
    rounded = np.copysign(np.floor(np.abs(quotients) + 0.5), quotients).astype(I64)
    return saturate(rounded + tensor.zero_point, tensor)


def saturate(values: Array, tensor: Tensor) -> Array:
    """Integers in the tensor's type, those outside it at its ends."""
    limits = np.iinfo(tensor.dtype.value)
    return np.clip(values, limits.min, limits.max).astype(tensor.dtype.numpy)


@kernel(Dequantize)
def dequantize(op: Dequantize, operands: Operands, results: Results) -> Outputs:
    x = operand(operands, 0)
    real = x.tensor.scale * (x.value.astype(np.float64) - x.tensor.zero_point)
    with np.errstate(over="ignore"):
        return (real.astype(np.float32),)
