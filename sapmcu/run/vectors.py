# SPDX-License-Identifier: Apache-2.0
"""Inputs to test a model with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sapmcu.ir.graph import Array, DType, Graph, Tensor

SEED = 20260901


def make_inputs(graph: Graph, samples: Sequence[Sequence[Array]], count: int) -> tuple[tuple[Array, ...], ...]:
    """`count` sets of inputs: half of them samples where there are any, the rest uniform and smooth by turns."""
    random = np.random.default_rng(SEED)
    taken = [tuple(one) for one in samples[: count // 2]]
    made = [
        tuple(_draw(random, graph.tensors[name], is_smooth=index % 2 == 1) for name in graph.inputs)
        for index in range(count - len(taken))
    ]
    return (*taken, *made)


def _draw(random: np.random.Generator, tensor: Tensor, *, is_smooth: bool) -> Array:
    """Values over the whole range of the type. Smooth: neighbours along the inner axes differ little."""
    if is_smooth:
        steps = random.normal(size=tensor.shape)
        for axis in range(1, len(tensor.shape)):
            steps = np.cumsum(steps, axis)
        unit = (steps - steps.min()) / max(np.ptp(steps), 1e-9)
    else:
        unit = random.random(tensor.shape)
    values: Array
    if tensor.dtype.is_float:
        values = 2 * unit - 1
    elif tensor.dtype.size_bytes > 2 or tensor.dtype is DType.BOOL:  # indices and flags: small values are safe ones
        values = unit >= 0.5
    else:
        limits = np.iinfo(tensor.dtype.value)
        values = np.clip(np.floor(limits.min + unit * (limits.max - limits.min + 1)), limits.min, limits.max)
    return values.astype(tensor.dtype.numpy)
