# SPDX-License-Identifier: Apache-2.0
"""Matrix products. Sums in float64 are exact below 2^53: see convolution.py.

Source: tensorflow/lite/kernels/internal/reference/integer_ops/fully_connected.h and reference/batch_matmul.h.
"""

from __future__ import annotations

import numpy as np

from sapmcu.ir.activation import type_range
from sapmcu.ir.ops import BatchMatMul, FullyConnected
from sapmcu.reference.convolution import channel_factors
from sapmcu.reference.fixed_point import requantize
from sapmcu.reference.kernel import Operands, Outputs, Results, kernel, need_int8, operand, optional_operand


@kernel(FullyConnected)
def fully_connected(op: FullyConnected, operands: Operands, results: Results) -> Outputs:
    x, filters, (y,) = operand(operands, 0), operand(operands, 1), results
    need_int8(x.tensor, filters.tensor, y)
    rows = x.value.astype(np.float64).reshape(-1, filters.tensor.shape[1]) - x.tensor.zero_point
    sums = rows @ filters.value.astype(np.float64).T
    if (bias := optional_operand(operands, 2)) is not None:
        sums += bias.value.ravel()
    factors = channel_factors(x.tensor, filters.tensor, y)
    return (requantize(sums.astype(np.int64), factors, y, op.activation).reshape(y.shape),)


@kernel(BatchMatMul)
def batch_mat_mul(op: BatchMatMul, operands: Operands, results: Results) -> Outputs:
    x, y, (z,) = operand(operands, 0), operand(operands, 1), results
    need_int8(x.tensor, y.tensor, z)
    left = x.value.astype(np.float64) - x.tensor.zero_point
    right = y.value.astype(np.float64) - y.tensor.zero_point
    sums = (left.swapaxes(-1, -2) if op.adjoint_x else left) @ (right.swapaxes(-1, -2) if op.adjoint_y else right)
    return (requantize(sums.astype(np.int64), channel_factors(x.tensor, y.tensor, z), z, type_range(z)),)
