# SPDX-License-Identifier: Apache-2.0
"""The table of rules and the checks that rules share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np

from sapmcu.ir.graph import DType, Op, Tensor
from sapmcu.ir.ops import Opaque

Operands = tuple[Tensor | None, ...]
Results = tuple[Tensor, ...]
Shape = tuple[int, ...]
Rule = Callable[[Op, Operands, Results], None]

RULES: dict[type[Op], Rule] = {}

MAX_RANK = 6
"""Axes of a shape in TFLM, which doesn't check. Source: kernels/internal/runtime_shape.h, kMaxSmallSize."""

T = TypeVar("T", bound=Op)


class RuleError(ValueError):
    """An op can't be what its operands say; the text is the sentence for the user."""


def rule(*kinds: type[T]) -> Callable[[Callable[[T, Operands, Results], None]], Callable[[T, Operands, Results], None]]:
    """Enter a function into RULES for these ops."""

    def enter(function: Callable[[T, Operands, Results], None]) -> Callable[[T, Operands, Results], None]:
        for kind in kinds:
            RULES[kind] = function  # type: ignore[assignment]  # a row only ever sees ops of its own type
        return function

    return enter


def take(operands: Operands, required: int, optional: int = 0) -> tuple[Tensor, ...]:
    """The required operands, all present. Raises where there are fewer, or more than required + optional."""
    present = operands[:required]
    if len(operands) < required or len(operands) > required + optional or any(one is None for one in present):
        count = f"{required}" if not optional else f"{required} to {required + optional}"
        raise RuleError(f"it takes {count} operands and has {sum(one is not None for one in operands)}")
    return tuple(one for one in present if one is not None)


def optional(operands: Operands, index: int) -> Tensor | None:
    """Operand `index`, None where it is absent."""
    return operands[index] if index < len(operands) else None


def need(condition: bool, sentence: str) -> None:
    if not condition:
        raise RuleError(sentence)


def single(results: Results) -> Tensor:
    """The only result."""
    need(len(results) == 1, f"it gives 1 result, not {len(results)}")
    return results[0]


def need_type(tensor: Tensor, *dtypes: DType) -> None:
    """One of these element types."""
    need(tensor.dtype in dtypes, f"{tensor.name} is {tensor.dtype}; TFLM takes {', '.join(dtypes)}")


def need_max_rank(*tensors: Tensor, rank: int = MAX_RANK) -> None:
    for tensor in tensors:
        need(len(tensor.shape) <= rank, f"{tensor.name} {list(tensor.shape)} has {len(tensor.shape)} axes, over {rank}")


def need_rank(tensor: Tensor, rank: int) -> None:
    need(len(tensor.shape) == rank, f"{tensor.name} {list(tensor.shape)} must have {rank} axes")


def need_shape(tensor: Tensor, shape: Shape) -> None:
    need(tensor.shape == shape, f"{tensor.name} is {list(tensor.shape)}; its operands make it {list(shape)}")


def need_one_type(*tensors: Tensor) -> None:
    """All of one element type."""
    types = sorted({tensor.dtype.value for tensor in tensors})
    need(len(types) == 1, f"{', '.join(tensor.name for tensor in tensors)} mix the types {' and '.join(types)}")


def need_quantized(*tensors: Tensor) -> None:
    """Integer data of 8 or 16 bits carries one scale above 0 and a zero point that its type holds."""
    for tensor in tensors:
        if tensor.dtype not in (DType.INT8, DType.UINT8, DType.INT16):
            continue
        need(tensor.quantization is not None, f"{tensor.name} is {tensor.dtype} without a scale and zero point")
        quantization = tensor.quantization
        assert quantization is not None
        need(len(quantization.scales) == 1, f"{tensor.name} has {len(quantization.scales)} scales where one belongs")
        need(quantization.scales[0] > 0, f"{tensor.name} has the scale {quantization.scales[0]:g}")
        limits = np.iinfo(tensor.dtype.value)
        need(
            limits.min <= quantization.zero_point <= limits.max,
            f"{tensor.name} has the zero point {quantization.zero_point}, which {tensor.dtype} doesn't hold",
        )


def constant(tensor: Tensor, *dtypes: DType) -> tuple[int, ...]:
    """The flat values of an operand that must be a constant integer."""
    need(tensor.is_constant, f"{tensor.name} must be a constant; sapmcu needs fixed shapes")
    need(
        tensor.dtype in (dtypes or (DType.INT32, DType.INT64)),
        f"{tensor.name} is {tensor.dtype}, not {' or '.join(dtypes or (DType.INT32, DType.INT64))}",
    )
    return tuple(int(number) for number in tensor.value.ravel())


@rule(Opaque)
def opaque(op: Opaque, operands: Operands, results: Results) -> None:
    """Nothing is known, so nothing is refused."""


def axis(index: int, rank: int) -> int:
    """An axis counted from the front."""
    need(-rank <= index < rank, f"axis {index} is outside {rank} axes")
    return index % rank
