# SPDX-License-Identifier: Apache-2.0
"""The logits of self-attentive pooling with everything constant folded: what is left are convolutions, two matrix
products and a softmax for each head, an enlargement and a sum."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from sapmcu.layers.self_attentive import SelfAttentivePooling2D
from sapmcu.layers.tokens import TokenGrid

Array = np.ndarray[Any, Any]
Function = Callable[[Any], Any]


def arrays(*variables: Any) -> list[Array]:
    """The values of variables, float64: products of them are rounded once."""
    return [np.asarray(one, np.float64) for one in variables]


def norm_scale_shift(norm: Any) -> tuple[Array, Array]:
    """A batch norm as x · scale + shift."""
    gamma, beta, mean, variance = arrays(norm.gamma, norm.beta, norm.moving_mean, norm.moving_variance)
    scale = gamma / np.sqrt(variance + norm.epsilon)
    return scale, beta - mean * scale


def conv(x: Any, filters: Array, bias: Array | None = None, strides: int | tuple[int, int] = 1) -> Any:
    """A convolution with padding "same"; a matrix [C,O] is one of 1×1."""
    filters = filters[None, None] if filters.ndim == 2 else filters
    y = tf.nn.conv2d(x, filters.astype(np.float32), strides, "SAME")
    return y if bias is None else y + bias.astype(np.float32)


def folded_logits(layer: SelfAttentivePooling2D, slope: float = 1.0, shift: float = 0.0) -> Function:
    """x -> slope · z + shift."""
    tokens, attended = folded_tokens(layer), folded_attention(layer, slope, shift)
    local = None if layer.local_norm is None else folded_local(layer, slope)

    def logits(x: Any) -> Any:
        z = enlarged(attended(tokens(x)), layer.grid, layer.restoration)
        return z if local is None else z + local(x)

    return logits


def folded_tokens(layer: SelfAttentivePooling2D) -> Function:
    """x -> tokens [N,rows,columns,d]: the batch norm goes into the convolution, the position is a constant."""
    kernel, bias = arrays(layer.embedding.kernel, layer.embedding.bias)
    scale, offset = norm_scale_shift(layer.embedding_norm)
    position = None if layer.position == "none" else np.asarray(layer.position_table(), np.float32)[None]

    def tokens(x: Any) -> Any:
        with tf.name_scope("tokens"):
            found = tf.nn.relu(conv(x, kernel * scale, bias * scale + offset, layer.grid.patch))
            return found if position is None else found + position

    return tokens


def folded_attention(layer: SelfAttentivePooling2D, slope: float, shift: float) -> Function:
    """Tokens -> their part of slope · z + shift, [N,rows,columns,C].

    1/√(d/h) goes into the queries; output projection, restoration and its batch norm are one matrix.
    """
    if layer.mixing == "pointwise":
        return _folded_pointwise(layer, slope, shift)
    width, heads, count = layer.embed_dim or 0, layer.num_heads, layer.grid.tokens
    each = width // heads
    matrix, bias = arrays(layer.queries_keys_values.kernel, layer.queries_keys_values.bias)
    into = np.concatenate([matrix, bias[None]]).reshape(width + 1, 3, heads, each)
    into[:, 0] /= math.sqrt(each)
    back, back_bias = _restoring(layer)

    def part(tokens: Any, which: int, head: int) -> Any:
        made = conv(tokens, into[:-1, which, head], into[-1, which, head])
        return tf.reshape(made, (-1, count, each))

    def attend(tokens: Any) -> Any:
        found = []
        for head in range(heads):
            with tf.name_scope(f"head_{head}"):
                queries, keys, values = (part(tokens, which, head) for which in range(3))
                attention = tf.nn.softmax(tf.matmul(queries, keys, transpose_b=True))
                found.append(tf.reshape(tf.matmul(attention, values), (-1, *layer.grid.shape, each)))
        with tf.name_scope("restoring"):
            return conv(_joined(layer, found, tokens), slope * back, slope * back_bias + shift)

    return attend


def _folded_pointwise(layer: SelfAttentivePooling2D, slope: float, shift: float) -> Function:
    """`folded_attention` of the control."""
    matrix, bias = arrays(layer.hidden.kernel, layer.hidden.bias)
    back, back_bias = _restoring(layer)

    def find(tokens: Any) -> Any:
        hidden = tf.nn.relu(conv(tokens, matrix, bias))
        return conv(_joined(layer, [hidden], tokens), slope * back, slope * back_bias + shift)

    return find


def _joined(layer: SelfAttentivePooling2D, found: Sequence[Any], tokens: Any) -> Any:
    """What `_restoring` takes, side by side."""
    parts = [*found, tokens] if layer.residual else found
    return parts[0] if len(parts) == 1 else tf.concat(parts, axis=3)


def _restoring(layer: SelfAttentivePooling2D) -> tuple[Array, Array]:
    """Output projection, channel restoration and batch norm as one matrix and bias; tokens skip the projection."""
    projection, projection_bias = arrays(layer.projection.kernel, layer.projection.bias)
    matrix, bias = arrays(layer.restoring.kernel, layer.restoring.bias)
    scale, offset = norm_scale_shift(layer.restoring_norm)
    back = projection @ matrix
    back = np.concatenate([back, matrix]) if layer.residual else back
    return back * scale, (projection_bias @ matrix + bias) * scale + offset


def enlarged(tokens: Any, grid: TokenGrid, restoration: str) -> Any:
    """[N,rows,columns,C] -> [N,H,W,C]."""
    (rows, columns), (tall, wide), (height, width), (top, left) = grid.shape, grid.patch, grid.size, grid.before
    with tf.name_scope("enlarged"):
        large = tf.image.resize(tokens, (rows * tall, columns * wide), restoration)
        fits = (rows * tall, columns * wide) == grid.size
        return large if fits else large[:, top : top + height, left : left + width]


def folded_gate(layer: SelfAttentivePooling2D) -> Function:
    """x -> 2σ(a) [N,H',W',C]."""
    tokens, attended = folded_tokens(layer), folded_attention(layer, 1.0, 0.0)
    return lambda x: 2.0 * tf.sigmoid(at_windows(attended(tokens(x)), layer))


def at_windows(tokens: Any, layer: SelfAttentivePooling2D) -> Any:
    """[N,rows,columns,C] -> [N,H',W',C]: as it is, enlarged by whole factors, or by a matrix."""
    shares = layer.grid.shares_at(layer.window, layer.restoration)
    outputs, channels = (len(shares[0]), len(shares[1])), tokens.shape[3]
    if layer.grid.is_resized(shares, layer.restoration):
        return tokens if outputs == layer.grid.shape else tf.image.resize(tokens, outputs, layer.restoration)
    by_channel = tf.transpose(tf.reshape(tokens, (-1, layer.grid.tokens, channels)), (0, 2, 1))
    found = tf.matmul(by_channel, np.kron(*shares).T.astype(np.float32))
    return tf.reshape(tf.transpose(found, (0, 2, 1)), (-1, *outputs, channels))


def folded_local(layer: SelfAttentivePooling2D, slope: float = 1.0, shift: float = 0.0) -> Function:
    """x -> slope · (local part of z) + shift; its batch norm goes into the convolution."""
    (kernel,) = arrays(layer.local_conv.kernel)
    scale, offset = norm_scale_shift(layer.local_norm)
    is_depthwise = layer.local == "depthwise"
    filters = (kernel * (slope * scale)[:, None] if is_depthwise else kernel * (slope * scale)).astype(np.float32)
    bias = (slope * offset + shift).astype(np.float32)

    def local(x: Any) -> Any:
        with tf.name_scope("local"):
            if is_depthwise:
                return tf.nn.depthwise_conv2d(x, filters, (1, 1, 1, 1), "SAME") + bias
            return tf.nn.conv2d(x, filters, 1, "SAME") + bias

    return local
