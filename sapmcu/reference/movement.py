# SPDX-License-Identifier: Apache-2.0
"""Ops that move data."""

from __future__ import annotations

from sapmcu.ir.ops import Reshape
from sapmcu.reference.kernel import Operands, Outputs, Results, kernel, operand


@kernel(Reshape)
def reshape(op: Reshape, operands: Operands, results: Results) -> Outputs:
    return (operand(operands, 0).value.reshape(results[0].shape),)
