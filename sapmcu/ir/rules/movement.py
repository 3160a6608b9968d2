# SPDX-License-Identifier: Apache-2.0
"""Rules of ops that only move data."""

from __future__ import annotations

from sapmcu.ir.graph import DType
from sapmcu.ir.ops import Reshape
from sapmcu.ir.rules.rule import Operands, Results, need, need_one_type, need_type, optional, rule, single, take


@rule(Reshape)
def reshape(op: Reshape, operands: Operands, results: Results) -> None:
    """y's shape decides. TFLM reads no value of the second operand, and converters leave stale or computed ones."""
    (x,) = take(operands, 1, optional=1)
    y, shape = single(results), optional(operands, 1)
    if shape is not None:
        need_type(shape, DType.INT32)
    need_one_type(x, y)
    need(
        x.elements == y.elements,
        f"{x.name} {list(x.shape)} has {x.elements:,} numbers, {y.name} {list(y.shape)} {y.elements:,}",
    )
