# SPDX-License-Identifier: Apache-2.0
"""Means over windows, weighted and not, in ops that TFLM computes right in int8: no EXP, no DIV, four axes at most."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from sapmcu.ir.rules.movement import MAX_JOINED
from sapmcu.layers.cost import CENTRED_PIXELS
from sapmcu.layers.pooling import NO_WEIGHT
from sapmcu.layers.window import Window

INT8_NO_WEIGHT = -4.0
"""A logit for pixels outside of the image, below logits from 0 up: e^-4 is 2 %. A lower one costs int8 resolution."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A window on an image of a size. exact: prefer what is equal to the trained layer to what is best in int8."""

    window: Window
    size: tuple[int, int]
    exact: bool

    @property
    def outputs(self) -> tuple[int, int]:
        rows, columns = (length or 0 for length in self.window.output_size(self.size))
        return rows, columns

    @property
    def is_padded(self) -> bool:
        return self.window.pads(self.size) != ((0, 0), (0, 0))

    @property
    def no_weight(self) -> float:
        return NO_WEIGHT if self.exact else INT8_NO_WEIGHT

    def inside(self) -> np.ndarray[Any, Any]:
        """[H',W',k], row by row: 1 for each pixel of a window that lies in the image, else 0."""
        axes = []
        for axis in (0, 1):
            starts = np.arange(self.outputs[axis]) * self.window.strides[axis] - self.window.pads(self.size)[axis][0]
            pixels = starts[:, None] + np.arange(self.window.size[axis])
            axes.append((pixels >= 0) & (pixels < self.size[axis]))
        inside = axes[0][:, None, :, None] & axes[1][None, :, None, :]
        return inside.reshape(*self.outputs, self.window.pixels).astype(np.float32)


def window_mean(x: Any, placed: Placed, factor: float = 1.0) -> Any:
    """factor · mean over each window; padding doesn't count.

    A depthwise convolution with equal taps, as its result has a range of its own; an average pool's has that of its
    input, and the mean of a large window needs little of it.
    """
    window = placed.window
    if window.strides[0] != window.strides[1]:  # TensorFlow has no depthwise convolution with two strides
        return factor * tf.nn.avg_pool2d(x, window.size, window.strides, window.padding.upper())
    taps = np.full((*window.size, x.shape[3], 1), factor / window.pixels, np.float32)
    mean = tf.nn.depthwise_conv2d(x, taps, (1, *window.strides, 1), window.padding.upper())
    return mean * (1 / placed.inside().mean(axis=-1))[None, :, :, None] if placed.is_padded else mean


def window_columns(x: Any, placed: Placed, fill: float = 0.0) -> Any:
    """[N,H,W,C] -> [N,H'·W',C,k]: the k pixels of each window, `fill` where it sticks out of the image."""
    (rows, columns), shape = placed.outputs, (placed.window.pixels, x.shape[3])
    return tf.transpose(tf.reshape(_spread(x, placed, fill), (-1, rows * columns, *shape)), (0, 1, 3, 2))


def window_vectors(x: Any, placed: Placed, fill: float = 0.0) -> Any:
    """[N,H,W,C] -> [N·H'·W',C,1,k], matrices of one row: `window_columns` as a product of matrices takes them."""
    spread = tf.reshape(_spread(x, placed, fill), (-1, placed.window.pixels, 1, x.shape[3]))
    return tf.transpose(spread, (0, 3, 2, 1))


def _spread(x: Any, placed: Placed, fill: float) -> Any:
    """[N,H',W',k·C]: the windows' pixels side by side."""
    window, (rows, columns) = placed.window, placed.outputs
    tall, wide = window.size
    if placed.is_padded:
        x = tf.pad(x, ((0, 0), *window.pads(placed.size), (0, 0)), constant_values=fill)
    if window.strides != window.size or tall != wide:
        return _gathered(x, placed)
    covered = (rows * tall, columns * wide)
    x = x if covered == tuple(x.shape[1:3]) else x[:, : covered[0], : covered[1]]
    return x if tall == 1 else tf.nn.space_to_depth(x, tall)


def _gathered(x: Any, placed: Placed) -> Any:
    """[N,H',W',k·C] by a slice for each pixel of the window, side by side, or those of each of its rows first."""
    (tall, wide), (down, right), (rows, columns) = placed.window.size, placed.window.strides, placed.outputs
    parts = [
        x[:, row : row + (rows - 1) * down + 1 : down, column : column + (columns - 1) * right + 1 : right]
        for row in range(tall)
        for column in range(wide)
    ]
    if len(parts) > MAX_JOINED:
        parts = [tf.concat(parts[row * wide : (row + 1) * wide], axis=3) for row in range(tall)]
    return tf.concat(parts, axis=3)


def from_columns(y: Any, placed: Placed, channels: int) -> Any:
    """Whatever lies as [N,H'·W',C] -> [N,H',W',C]."""
    return tf.reshape(y, (-1, *placed.outputs, channels))


def softmax_mean(x: Any, logits: Any, placed: Placed) -> Any:
    """Σ w·x over each window, w the softmax of the logits over the window.

    Weights have int8 steps of 1/256, and in large windows rounding them all alters their sum. There it is
    mean + Σ w·(x − mean), the same since Σ w = 1: an error of the weights meets only what deviates from the mean.
    """
    is_centred, channels = placed.window.pixels >= CENTRED_PIXELS, x.shape[3]
    mean = tf.reshape(window_mean(x, placed), (-1, channels, 1, 1)) if is_centred else None
    pixels = window_vectors(x, placed)
    is_shared = logits is x and not placed.is_padded
    weights = tf.nn.softmax(pixels if is_shared else window_vectors(logits, placed, placed.no_weight))
    found = dot_products(weights, pixels) if mean is None else mean + dot_products(weights, pixels - mean)
    return from_columns(found, placed, channels)


def dot_products(weights: Any, pixels: Any) -> Any:
    """Σ w·x of [N·H'·W',C,1,k]: one matrix product sums in int32 what a MUL would round before a SUM."""
    return tf.matmul(weights, pixels, transpose_b=True)


def exponential_gate(gain: float) -> tuple[float, float, float]:
    """(factor, slope, shift) with 1 + factor · σ(slope · z + shift) nearest to exp(gain · σ(z)).

    Factor and shift make both ends and the middle exact; the slope has the least relative error: 0.06 % for a gain
    of 1, 0.4 % for 2.
    """
    factor, shift = math.expm1(gain), -gain / 2
    z = np.linspace(-16, 16, 2001)
    wanted = np.exp(gain / (1 + np.exp(-z)))
    slopes = np.linspace(0.9, 1.1, 401) * gain / 4 / math.tanh(gain / 4)
    errors = [abs((1 + factor / (1 + np.exp(-slope * z - shift))) / wanted - 1).max() for slope in slopes]
    return factor, float(slopes[int(np.argmin(errors))]), shift


def gated_mean(x: Any, gate: Any, factor: float, placed: Placed, *, normalize: bool) -> Any:
    """Mean of x · w over each window, w = 1 + factor · gate; divided by the mean of w where normalize.

    Normalised it is mean(x) + factor · (mean(gate·x) − mean(gate)·mean(x)) / mean(w): what is rounded most is small,
    as it is a deviation from the plain mean. 1/t is rsqrt(t)², for want of an int8 division.
    """
    mean, product = window_mean(x, placed), window_mean(x * gate, placed, factor)
    if not normalize:
        return mean + product
    share = window_mean(gate, placed, factor)
    root = tf.math.rsqrt(share + 1.0)
    return mean + (product - share * mean) * root * root
