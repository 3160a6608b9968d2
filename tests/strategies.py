# SPDX-License-Identifier: Apache-2.0
"""Random data for tests: hypothesis strategies, and inputs of whole models."""

from __future__ import annotations

import numpy as np

from sapmcu.ir.graph import Array, Tensor


def uniform(tensor: Tensor, generator: np.random.Generator) -> Array:
    """Every value of the type is as likely, every element independent."""
    info = np.iinfo(tensor.dtype.value)
    return generator.integers(info.min, info.max, tensor.shape, tensor.dtype.numpy, endpoint=True)


def smooth(tensor: Tensor, generator: np.random.Generator) -> Array:
    """Waves along all axes, as in pictures: neighbours are alike, and some inputs stay within a small range."""
    info = np.iinfo(tensor.dtype.value)
    waves = np.zeros(tensor.shape)
    for _ in range(4):
        phase = np.full(tensor.shape, generator.uniform(0, 2 * np.pi))
        for axis, size in enumerate(tensor.shape):
            steps = np.linspace(0, generator.uniform(-6, 6), size)
            phase += np.expand_dims(steps, tuple(set(range(len(tensor.shape))) - {axis}))
        waves += np.cos(phase)
    middle, spread = generator.uniform(info.min, info.max), generator.uniform(1, (info.max - info.min) / 2)
    return np.clip(np.rint(middle + spread * waves), info.min, info.max).astype(tensor.dtype.numpy)
