# SPDX-License-Identifier: Apache-2.0
"""Poolings in plain numpy, pixel by pixel: what the papers' equations say, for tests of the layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def window_pixels(
    x: Array, pool: Any, strides: Any, padding: str, reduce: Callable[..., Array], *others: Array
) -> Array:
    """Reduce the pixels of each window that lie in the image; `reduce` gets [k, C], of x and of each other map."""
    (tall, wide), (down, right) = np.broadcast_to(pool, 2), np.broadcast_to(strides, 2)
    rows, columns = starts(x.shape[1], tall, down, padding), starts(x.shape[2], wide, right, padding)
    y = np.zeros((len(x), len(rows), len(columns), x.shape[3]), np.float32)
    for n, i, j in np.ndindex(*y.shape[:3]):
        place = (n, slice(max(rows[i], 0), rows[i] + tall), slice(max(columns[j], 0), columns[j] + wide))
        y[n, i, j] = reduce(*(one[place].reshape(-1, x.shape[3]).astype(np.float64) for one in (x, *others)))
    return y


def starts(length: int, size: int, stride: int, padding: str) -> list[int]:
    """The first pixel of each window, below 0 where it sticks out. Source: TensorFlow, tf.nn.convolution's notes."""
    if padding == "valid":
        return list(range(0, length - size + 1, stride))
    count = -(-length // stride)
    before = max((count - 1) * stride + size - length, 0) // 2
    return [index * stride - before for index in range(count)]
