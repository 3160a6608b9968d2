# SPDX-License-Identifier: Apache-2.0
"""Which pixels of the input a pixel of a resized image comes from, along one axis.

Source: tflite-micro 90b983c2, tensorflow/lite/kernels/internal/reference/{resize_bilinear,resize_nearest_neighbor}.h.
"""

from __future__ import annotations

import numpy as np

from sapmcu.ir.graph import Array

FRACTION_BITS = 10
"""A bilinear position is in 1/1024 pixels."""


def bilinear_step(size: int, result_size: int, align_corners: bool) -> int:
    """Distance of two neighbours in the input, in 1/1024 pixels, rounded."""
    if align_corners and result_size > 1:
        size, result_size = size - 1, result_size - 1
    return ((size << FRACTION_BITS) + result_size // 2) // result_size


def bilinear_positions(size: int, result_size: int, align_corners: bool, half_pixel_centers: bool) -> Array:
    """Where each pixel of the result lies in the input, in 1/1024 pixels; ascending, from −512 on."""
    step = bilinear_step(size, result_size, align_corners)
    positions = np.arange(result_size, dtype=np.int64) * step
    return positions + step // 2 - (1 << (FRACTION_BITS - 1)) if half_pixel_centers else positions


def nearest_pixels(size: int, result_size: int, align_corners: bool, half_pixel_centers: bool) -> Array:
    """The input pixel that each pixel of the result copies; computed in float32."""
    is_aligned = align_corners and result_size > 1
    scale = (
        np.float32(size - 1) / np.float32(result_size - 1) if is_aligned else np.float32(size) / np.float32(result_size)
    )
    positions = (np.arange(result_size, dtype=np.float32) + np.float32(0.5 if half_pixel_centers else 0)) * scale
    pixels = np.floor(positions.astype(np.float64) + 0.5 if align_corners else positions)
    clipped: Array = np.clip(pixels.astype(np.int64), 0, size - 1)
    return clipped
