# SPDX-License-Identifier: Apache-2.0
"""SAME and VALID of the TFLite schema, made explicit and back."""

from __future__ import annotations

from sapmcu.ir.ops import Padding, Pair


def window_extent(window: int, dilation: int) -> int:
    """Pixels from the first to the last tap of a dilated window."""
    return (window - 1) * dilation + 1


def same_padding_1d(size: int, window: int, stride: int, dilation: int = 1) -> Pair:
    """(before, after) so that ceil(size / stride) windows fit; the odd pixel goes behind. Source: TFLite padding.h."""
    outputs = -(-size // stride)
    total = max((outputs - 1) * stride + window_extent(window, dilation) - size, 0)
    return total // 2, total - total // 2


def output_size(size: int, window: int, stride: int, padding: Pair, dilation: int = 1) -> int:
    """Windows that fit; 0 or less where none does."""
    return (size + sum(padding) - window_extent(window, dilation)) // stride + 1


def same_padding(size: Pair, window: Pair, stride: Pair, dilation: Pair = (1, 1)) -> Padding:
    """Padding of SAME for an input of `size` (height, width)."""
    top_bottom, left_right = (same_padding_1d(*one) for one in zip(size, window, stride, dilation, strict=True))
    return top_bottom, left_right


VALID: Padding = ((0, 0), (0, 0))
