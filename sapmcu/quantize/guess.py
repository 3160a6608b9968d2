# SPDX-License-Identifier: Apache-2.0
"""Samples that are made up from the input's shape, where the user has none."""

from __future__ import annotations

import numpy as np

from sapmcu.ir.graph import Array, Graph
from sapmcu.ir.ops import Mul
from sapmcu.ir.source import ModelInput, Samples, Source

GUESSED_SAMPLES = 64
PIXEL_GAINS = (1 / 255, 1 / 127.5)
"""What a model multiplies its input by where that is a pixel of 0..255 (Keras's Rescaling)."""


def guess_samples(source: Source, limit: int) -> Samples:
    """Half smooth, half noise, over the range that the input seems to have."""
    rng = np.random.default_rng(0)
    count = min(GUESSED_SAMPLES, limit)
    arrays, ranges = [], []
    for name, one in zip(source.graph.inputs, source.inputs, strict=True):
        low, high = guess_range(source.graph, name, one)
        ranges.append(f"{one.name} in {low:g}..{high:g}")
        values = np.concatenate([_smooth(rng, count - count // 2, one), rng.random((count // 2, *one.sample_shape))])
        arrays.append((low + values * (high - low)).astype(np.float32))
    return Samples(tuple(arrays), None, f"{count} made up: {', '.join(ranges)}", is_guessed=True)


def guess_range(graph: Graph, name: str, one: ModelInput) -> tuple[float, float]:
    """0..255 where the model rescales pixels itself, 0..1 for other pictures, −1..1 for the rest."""
    for index in graph.readers.get(name, ()):
        op = graph.ops[index]
        factors = [operand for operand in graph.operands(op) if operand is not None and operand.is_constant]
        if isinstance(op, Mul) and len(factors) == 1:
            gains = factors[0].value
            if any(np.allclose(gains, gain, rtol=0.01) for gain in PIXEL_GAINS):
                return 0.0, 255.0
    is_picture = len(one.shape) == 4 and one.shape[-1] in (1, 3)
    return (0.0, 1.0) if is_picture else (-1.0, 1.0)


def _smooth(rng: np.random.Generator, count: int, one: ModelInput) -> Array:
    """Waves of random length and phase along each axis, 0..1: neighbours are alike, as in pictures and spectra."""
    shape = one.sample_shape
    values = np.zeros((count, *shape))
    for axis, size in enumerate(shape):
        steps = np.arange(size) / max(size, 1)
        waves = np.sin(2 * np.pi * (rng.uniform(0.2, 2, (count, 1)) * steps + rng.random((count, 1))))
        values += waves.reshape(count, *(size if other == axis else 1 for other in range(len(shape))))
    low = values.reshape(count, -1).min(axis=1).reshape(count, *(1,) * len(shape))
    spread = np.ptp(values.reshape(count, -1), axis=1).reshape(low.shape)
    smooth: Array = (values - low) / np.maximum(spread, 1e-9)
    return smooth
