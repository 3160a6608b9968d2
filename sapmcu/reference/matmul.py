# SPDX-License-Identifier: Apache-2.0
"""Matrix products. Sums in float64 are exact below 2^53: see convolution.py.

Source: tensorflow/lite/kernels/internal/reference/integer_ops/fully_connected.h.
"""

from __future__ import annotations

import numpy as np

from sapmcu.ir.graph import Array, Tensor
from sapmcu.ir.ops import FullyConnected
from sapmcu.reference.convolution import channel_factors
from sapmcu.reference.fixed_point import quantize_multipliers, requantize
from sapmcu.reference.kernel import Operands, Outputs, Results, kernel, need_int8, operand


@kernel(FullyConnected)
def fully_connected(op: FullyConnected, operands: Operands, results: Results) -> Outputs:
    x, filters, (y,) = operand(operands, 0), operand(operands, 1), results
    need_int8(x.tensor, filters.tensor, y)
    rows = x.value.astype(np.float64).reshape(-1, filters.tensor.shape[1]) - x.tensor.zero_point
    sums = rows @ filters.value.astype(np.float64).T
    bias = operands[2] if len(operands) > 2 else None
    if bias is not None:
        sums += bias.value.ravel()
    factors = _factors(x.tensor, filters.tensor, y)
    return (requantize(sums.astype(np.int64), factors, y, op.activation).reshape(y.shape),)


def _factors(x: Tensor, filters: Tensor, y: Tensor) -> tuple[Array, Array]:
    """As of a convolution, but with one scale TFLM multiplies in float32, LiteRT in float64.

    Source: kernel_util.cc, GetQuantizedConvolutionMultipler; this is why they differ in the last bit.
    """
    assert filters.quantization is not None
    if filters.quantization.is_per_channel:
        return channel_factors(x, filters, y)
    return quantize_multipliers([float(np.float32(x.scale) * np.float32(filters.scale)) / y.scale])
