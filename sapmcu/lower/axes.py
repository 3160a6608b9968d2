# SPDX-License-Identifier: Apache-2.0
"""Nested loops over the axes of tensors that go together."""

from __future__ import annotations

from collections.abc import Sequence

Loop = tuple[int, ...]
"""(count, stride of the first tensor, stride of the second, ...)."""


def merged_loops(shape: Sequence[int], *strides: Sequence[int]) -> list[Loop]:
    """The loops from the outermost on: axes of length 1 go, neighbours that continue each other in all are one."""
    loops: list[Loop] = []
    for count, *steps in reversed(list(zip(shape, *strides, strict=True))):  # from the innermost
        if count == 1:
            continue
        if loops and all(step == loops[-1][0] * inner for step, inner in zip(steps, loops[-1][1:], strict=True)):
            loops[-1] = (count * loops[-1][0], *loops[-1][1:])
        else:
            loops.append((count, *steps))
    return loops[::-1]


def broadcast_strides(shape: Sequence[int], result: Sequence[int]) -> tuple[int, ...]:
    """Of a tensor without gaps, in elements, along the axes of the result: 0 where it is repeated."""
    strides: list[int] = []
    step = 1
    for size in reversed(shape):
        strides.insert(0, 0 if size == 1 else step)
        step *= size
    return (0,) * (len(result) - len(shape)) + tuple(strides)
