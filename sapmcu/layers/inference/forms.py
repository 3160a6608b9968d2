# SPDX-License-Identifier: Apache-2.0
"""The inference form of each pooling that has one: a function of the input, with constants for its weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import tensorflow as tf

from sapmcu.layers.gaussian import SOFTPLUS_KNOTS, GaussianPooling2D
from sapmcu.layers.inference.attention import (
    Function,
    arrays,
    conv,
    folded_gate,
    folded_local,
    folded_logits,
    norm_scale_shift,
)
from sapmcu.layers.inference.windows import (
    Placed,
    exponential_gate,
    from_columns,
    gated_mean,
    softmax_mean,
    window_columns,
)
from sapmcu.layers.lip import LIPPooling2D
from sapmcu.layers.pooling import Pooling2D
from sapmcu.layers.sap_checks import MAX_UNNORMALISED_GAIN
from sapmcu.layers.self_attentive import SelfAttentivePooling2D
from sapmcu.layers.soft import SoftPooling2D


def inference_form(layer: Pooling2D, size: tuple[int, int], *, exact: bool) -> Function:
    """x [N,H,W,C] -> y, for images of this size."""
    with tf.init_scope():  # out of any graph: variables are read as numbers
        return FORMS[type(layer)](layer, Placed(layer.window, size, exact))


def self_attentive(layer: SelfAttentivePooling2D, placed: Placed) -> Function:
    if layer.attention == "weights":
        return weighted_windows(layer, placed, partial(folded_logits, layer))
    pool, gate = weighted_windows(layer, placed, partial(folded_local, layer)), folded_gate(layer)
    return lambda x: pool(x) * gate(x)


def weighted_windows(
    layer: SelfAttentivePooling2D, placed: Placed, logits: Callable[[float, float], Function]
) -> Function:
    """Exact where a softmax over windows can be it; else by a gate, whose weights are 0.06 % off for a gain of 1.

    logits: (slope, shift) -> the function x -> slope · z + shift.
    """
    is_softmax = layer.normalize and (placed.exact or layer.gain > MAX_UNNORMALISED_GAIN)
    if is_softmax:
        z = logits(1.0, 0.0)
        return lambda x: softmax_mean(x, scaled(layer.gain, tf.sigmoid(z(x))), placed)
    factor, slope, shift = exponential_gate(layer.gain)
    gate = logits(slope, shift)
    return lambda x: gated_mean(x, tf.sigmoid(gate(x)), factor, placed, normalize=layer.normalize)


def scaled(factor: float, x: Any) -> Any:
    return x if factor == 1 else factor * x


def local_importance(layer: LIPPooling2D, placed: Placed) -> Function:
    (kernel,) = arrays(layer.conv.kernel)
    scale, offset = norm_scale_shift(layer.norm)
    return lambda x: softmax_mean(x, scaled(layer.gain, tf.sigmoid(conv(x, kernel * scale, offset))), placed)


def soft(layer: SoftPooling2D, placed: Placed) -> Function:
    return lambda x: softmax_mean(x, x, placed)


def gaussian(layer: GaussianPooling2D, placed: Placed) -> Function:
    """The deviation of a window is Σ d · d/‖d‖ / √k with d = x − mean: no square root of an int8 variance."""
    kernel, bias = arrays(layer.hidden.kernel, layer.hidden.bias)
    scale, offset = norm_scale_shift(layer.hidden_norm)
    kernel, bias = kernel * scale, bias * scale + offset
    out, out_bias = arrays(layer.mean.kernel, layer.mean.bias)
    scale, offset = norm_scale_shift(layer.mean_norm)
    out, out_bias = out * scale, out_bias * scale + offset

    softplus = tf.math.softplus if placed.exact else straight_softplus

    def pool(x: Any) -> Any:
        hidden = tf.nn.relu(conv(tf.reduce_mean(x, axis=(1, 2), keepdims=True), kernel, bias))
        share = softplus(conv(hidden, out, out_bias))
        mean, deviation = moments(x, placed)
        return mean + share * deviation

    return pool


def moments(x: Any, placed: Placed) -> tuple[Any, Any]:
    """Mean and standard deviation of each window."""
    pixels, channels = placed.window.pixels, x.shape[3]
    columns = window_columns(x, placed)
    if placed.is_padded:
        inside = placed.inside().reshape(1, -1, 1, pixels)
        counts = inside.sum(axis=-1)
        mean = tf.reduce_sum(columns, axis=-1) * (1 / counts)
        centred = (columns - mean[..., None]) * inside
        root = 1 / np.sqrt(counts)
    else:
        centring = (np.eye(pixels) - 1 / pixels).astype(np.float32)
        centred = tf.reshape(tf.matmul(tf.reshape(columns, (-1, pixels)), centring), (-1, *columns.shape[1:]))
        mean, root = tf.reduce_mean(columns, axis=-1), 1 / math.sqrt(pixels)
    direction = tf.math.l2_normalize(centred, axis=-1)
    deviation = tf.reduce_sum(centred * direction, axis=-1) * root
    return from_columns(mean, placed, channels), from_columns(deviation, placed, channels)


def straight_softplus(x: Any) -> Any:
    """log(1 + e^x) of x [N,1,1,C] by straight pieces, a sum of ReLUs; the largest error is 0.02, at the ends."""
    knots = np.linspace(-4, 4, SOFTPLUS_KNOTS)
    values = np.log1p(np.exp(knots))
    slopes = np.concatenate([[0], np.diff(values) / np.diff(knots), [1]])
    steps = np.diff(slopes).astype(np.float32)
    channels = x.shape[3]
    shifted = tf.nn.relu(tf.reshape(x, (-1, 1, channels, 1)) - knots.astype(np.float32))
    return tf.reshape(conv(shifted, steps[:, None], values[:1]), (-1, 1, 1, channels))


FORMS: Mapping[type[Any], Callable[[Any, Placed], Function]] = {
    SelfAttentivePooling2D: self_attentive,
    LIPPooling2D: local_importance,
    SoftPooling2D: soft,
    GaussianPooling2D: gaussian,
}
