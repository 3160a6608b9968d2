# SPDX-License-Identifier: Apache-2.0
"""The table of rules and the checks that rules share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np

from sapmcu.ir.activation import type_range
from sapmcu.ir.graph import DType, Op, Quantization, Tensor
from sapmcu.ir.ops import Opaque, Padding, Pair, Range
from sapmcu.ir.padding import output_size, window_extent

Operands = tuple[Tensor | None, ...]
Results = tuple[Tensor, ...]
Shape = tuple[int, ...]
Rule = Callable[[Op, Operands, Results], None]

MAX_FACTOR = 2**30 - 1
"""Largest real factor that TFLM's multiplier and shift hold. Source: common.cc, MultiplyByQuantizedMultiplier."""

MAX_EXTENT = 2**31 - 1
"""Pixels that a window may span: TFLM counts them in 32 bits."""

RULES: dict[type[Op], Rule] = {}

MAX_RANK = 6
"""Axes of a shape in TFLM, which doesn't check. Source: kernels/internal/runtime_shape.h, kMaxSmallSize."""

QUANTIZED_TYPES = (DType.INT8, DType.UINT8, DType.INT16)

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


def need_clamp(clamp: Range, output: Tensor) -> None:
    """A fused activation leaves at least one value, and none outside the output's type."""
    full = type_range(output)
    need(
        full.low <= clamp.low <= clamp.high <= full.high,
        f"it clamps {output.name} to {clamp.low:g}..{clamp.high:g}, outside {output.dtype}",
    )


def need_factor(factor: float, formula: str) -> None:
    """A factor between scales has an integer form."""
    need(
        0 <= factor <= MAX_FACTOR,
        f"the scales make a factor of {formula} = {factor:g}, too large for the 2^30 of TFLM's integer form",
    )


def need_windows(x: Tensor, stride: Pair, padding: Padding, window: Pair, dilation: Pair = (1, 1)) -> Pair:
    """(height, width) of what windows over the middle axes of x give. Raises where none fits or a number is absurd."""
    need(min(*stride, *dilation, *window) >= 1, f"stride {stride}, dilation {dilation} and window {window} start at 1")
    need(min(padding[0] + padding[1]) >= 0, f"padding {padding} starts at 0")
    sizes = []
    for size, step, pads, taps, spread in zip(x.shape[1:3], stride, padding, window, dilation, strict=True):
        extent = window_extent(taps, spread)
        need(extent <= MAX_EXTENT, f"a window of {taps} taps with dilation {spread} is too large")
        need(
            extent <= size + sum(pads),
            f"a window of {extent} pixels doesn't fit the {size + sum(pads)} of {x.name} with its padding",
        )
        sizes.append(output_size(size, taps, step, pads, spread))
    return sizes[0], sizes[1]


def need_quantized(*tensors: Tensor) -> None:
    """Integer data of 8 or 16 bits carries one scale above 0 and a zero point that its type holds."""
    for tensor in tensors:
        if tensor.dtype not in QUANTIZED_TYPES:
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


def need_symmetric_int16(*tensors: Tensor) -> None:
    """TFLM's kernels on int16 leave out the zero point."""
    for tensor in tensors:
        if tensor.dtype is DType.INT16:
            need(
                tensor.zero_point == 0, f"{tensor.name} is int16 with the zero point {tensor.zero_point}; TFLM takes 0"
            )


def need_same_quantization(*tensors: Tensor) -> None:
    """Integer data of 8 or 16 bits that is moved or compared keeps its meaning; a tensor without scales has none."""
    known = [tensor for tensor in tensors if tensor.quantization is not None and tensor.dtype in QUANTIZED_TYPES]
    for tensor in known[1:]:
        first, other = known[0].quantization, tensor.quantization
        assert first is not None
        assert other is not None
        need(
            (first.scales, first.zero_points) == (other.scales, other.zero_points),
            f"{known[0].name} has {_numbers(first)}, {tensor.name} has {_numbers(other)}; they must be equal",
        )


def _numbers(quantization: Quantization) -> str:
    """Scale and zero point, or how many there are."""
    if quantization.is_per_channel:
        return f"{len(quantization.scales)} scales"
    return f"scale {quantization.scale:g} and zero point {quantization.zero_point}"


def constant(tensor: Tensor, *dtypes: DType) -> tuple[int, ...]:
    """The flat values of an operand that must be a constant integer."""
    need(tensor.is_constant, f"{tensor.name} must be a constant; sapmcu needs fixed shapes")
    need_max_rank(tensor)
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
