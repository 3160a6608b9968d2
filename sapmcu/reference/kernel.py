# SPDX-License-Identifier: Apache-2.0
"""The table of reference kernels, and what they are given."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeVar

from sapmcu.ir.graph import Array, DType, Op, Tensor


class Operand(NamedTuple):
    """A tensor with its value."""

    tensor: Tensor
    value: Array


class UnsupportedError(ValueError):
    """The reference doesn't compute this op for these types; the text says which it does."""


Operands = tuple[Operand | None, ...]
Results = tuple[Tensor, ...]
Outputs = tuple[Array, ...]
Kernel = Callable[[Op, Operands, Results], Outputs]

EVALUATE: dict[type[Op], Kernel] = {}

T = TypeVar("T", bound=Op)


def kernel(
    *kinds: type[T],
) -> Callable[[Callable[[T, Operands, Results], Outputs]], Callable[[T, Operands, Results], Outputs]]:
    """Enter a function into EVALUATE for these ops."""

    def enter(function: Callable[[T, Operands, Results], Outputs]) -> Callable[[T, Operands, Results], Outputs]:
        for kind in kinds:
            EVALUATE[kind] = function  # type: ignore[assignment]  # a row only ever sees ops of its own type
        return function

    return enter


def operand(operands: Operands, index: int) -> Operand:
    """A required operand."""
    one = operands[index]
    assert one is not None
    return one


def optional_operand(operands: Operands, index: int) -> Operand | None:
    """Operand `index`, None where it is absent."""
    return operands[index] if index < len(operands) else None


def need_int8(*tensors: Tensor) -> None:
    """Raises: UnsupportedError unless all are int8."""
    for tensor in tensors:
        if tensor.dtype is not DType.INT8:
            raise UnsupportedError(f"{tensor.name} is {tensor.dtype}; sapmcu computes this op in int8")
