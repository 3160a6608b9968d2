# SPDX-License-Identifier: Apache-2.0
"""What a STRIDED_SLICE takes, as Python indices."""

from __future__ import annotations

from collections.abc import Sequence

from sapmcu.ir.ops import StridedSlice


def strided_slices(
    op: StridedSlice, begin: Sequence[int], end: Sequence[int], strides: Sequence[int]
) -> tuple[slice | int, ...]:
    """One index for each axis; an axis that goes has a number. Python clamps and counts as TFLM does."""
    indices: list[slice | int] = []
    for axis, (first, last, stride) in enumerate(zip(begin, end, strides, strict=True)):
        is_from_border, is_to_border = bool(op.begin_mask >> axis & 1), bool(op.end_mask >> axis & 1)
        if op.shrink_axis_mask >> axis & 1:
            indices.append(0 if is_from_border else first)
        else:
            indices.append(slice(None if is_from_border else first, None if is_to_border else last, stride))
    return tuple(indices)
