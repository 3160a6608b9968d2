# SPDX-License-Identifier: Apache-2.0
"""Bilinear resizing in whole numbers: the same bytes on every machine, with the speed of a matrix product."""

from __future__ import annotations

from functools import cache

import numpy as np

from sapmcu.ir.graph import Array

WEIGHT_BITS = 6
"""Of an interpolation weight: products of 255 and two weights stay below 2^24, exact in float32 in any order."""


def resized(pictures: Array, height: int, width: int) -> Array:
    """uint16 [...,height,width] of values 0..255 in [...,h,w]."""
    rows, columns = interpolation(pictures.shape[-2], height), interpolation(pictures.shape[-1], width)
    product = rows @ pictures.astype(np.float32) @ columns.T
    return np.asarray((product.astype(np.uint32) >> np.uint32(2 * WEIGHT_BITS)).astype(np.uint16))


def resized_images(images: Array, size: int) -> Array:
    """uint8 [n,H,W,C] -> [n,size,size,C]."""
    if images.shape[1:3] == (size, size):
        return images
    result = np.empty((len(images), size, size, images.shape[3]), np.uint8)
    for start in range(0, len(images), 256):
        block = np.moveaxis(images[start : start + 256], 3, 1)
        result[start : start + 256] = np.moveaxis(resized(block, size, size), 1, 3)
    return result


@cache
def interpolation(source: int, result: int) -> Array:
    """float32 [result,source] of whole weights that sum to 2^WEIGHT_BITS: half-pixel centres, the edge repeated."""
    one = 1 << WEIGHT_BITS
    places = ((2 * np.arange(result) + 1) * source * one // (2 * result) - one // 2).clip(0, (source - 1) * one)
    matrix = np.zeros((result, source), np.float32)
    first, weight = places // one, places % one
    matrix[np.arange(result), first] = one - weight
    matrix[np.arange(result), np.minimum(first + 1, source - 1)] += weight
    return matrix
