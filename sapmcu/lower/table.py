# SPDX-License-Identifier: Apache-2.0
"""The table of lowerings, one row an op, and what rows share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np

from sapmcu.ir.graph import Array, DType, Op, Tensor
from sapmcu.ir.native import Constant, Lowered, TensorRef

Operands = tuple[Tensor | None, ...]
Results = tuple[Tensor, ...]
Lower = Callable[[Op, Operands, Results], Lowered]

LOWER: dict[type[Op], Lower] = {}

UINT16_MAX = 2**16 - 1

T = TypeVar("T", bound=Op)


class LoweringError(ValueError):
    """The native engine can't run an op; the text is the sentence for the user."""


def lowering(
    *kinds: type[T],
) -> Callable[[Callable[[T, Operands, Results], Lowered]], Callable[[T, Operands, Results], Lowered]]:
    """Enter a function into LOWER for these ops."""

    def enter(function: Callable[[T, Operands, Results], Lowered]) -> Callable[[T, Operands, Results], Lowered]:
        for kind in kinds:
            LOWER[kind] = function  # type: ignore[assignment]  # a row only ever sees ops of its own type
        return function

    return enter


def operand(operands: Operands, index: int = 0) -> Tensor:
    """A required operand."""
    one = operands[index]
    assert one is not None
    return one


def optional_operand(operands: Operands, index: int) -> Tensor | None:
    """Operand `index`, None where it is absent."""
    return operands[index] if index < len(operands) else None


def need_int8(*tensors: Tensor) -> None:
    for tensor in tensors:
        if tensor.dtype is not DType.INT8:
            raise LoweringError(f"{tensor.name} is {tensor.dtype}; the native engine computes this op in int8")


def need_uint16(value: int, what: str) -> int:
    """A number that the parameter structs keep in 16 bits."""
    if value > UINT16_MAX:
        raise LoweringError(f"{what} is {value:,}; the native engine counts to {UINT16_MAX:,}")
    return value


WORDS = {1: "uint8_t", 2: "uint16_t", 4: "uint32_t", 8: "uint64_t"}
SIGNED = {DType.INT8: "int8_t", DType.INT16: "int16_t", DType.INT32: "int32_t"}


def array_constant(value: Array, role: str, c_type: str | None = None) -> Constant:
    """A C array of value's numbers: int8 to int32 as such unless c_type says otherwise, all else by its bits."""
    flat = np.ascontiguousarray(value).ravel()
    dtype = DType(flat.dtype.name)
    if c_type is None and dtype not in SIGNED:
        flat = flat.view(f"<u{dtype.size_bytes}")
    return Constant(c_type or SIGNED.get(dtype) or WORDS[dtype.size_bytes], tuple(flat.tolist()), role)


def address(tensor: Tensor, role: str = "data") -> TensorRef | Constant:
    """Where a kernel finds a tensor: in the arena, or as a constant in flash."""
    return array_constant(tensor.value, role) if tensor.is_constant else TensorRef(tensor.name, tensor.dtype)


def numbers(operands: Operands, index: int) -> list[int]:
    """The flat values of a constant operand."""
    return [int(number) for number in operand(operands, index).value.ravel()]


def in_place(y: Tensor, *xs: Tensor) -> tuple[tuple[str, str], ...]:
    """y may lie where one of xs lies, each an activation of as many bytes or more."""
    return tuple((y.name, x.name) for x in xs if not x.is_constant and y.size_bytes <= x.size_bytes)
