# SPDX-License-Identifier: Apache-2.0
"""Self-attentive pooling in plain numpy, from the steps of the paper, pixel by pixel; float64.

It is given the weights by name and shares no code with the layer: patches are cut out by index, heads run one by one,
enlargement is done for each pixel before the 1×1 convolution, as the paper has it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from pooling_reference import window_pixels

Array = np.ndarray[Any, Any]
Weights = Mapping[str, Array]
EPSILON = 1e-3
"""Keras's, in a batch norm."""


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def norm(x: Array, weights: Weights, name: str) -> Array:
    gamma, beta, mean, variance = (
        weights[f"{name}/{part}"] for part in ("gamma", "beta", "moving_mean", "moving_variance")
    )
    return gamma * (x - mean) / np.sqrt(variance + EPSILON) + beta


def before(length: int, patch: int) -> int:
    """Pixels by which the first patch sticks out."""
    return (-(-length // patch) * patch - length) // 2


def patches(x: Array, patch: int) -> Array:
    """[H,W,C] -> [rows,columns,p,p,C], zeros outside."""
    height, width, channels = x.shape
    rows, columns = -(-height // patch), -(-width // patch)
    top, left = before(height, patch), before(width, patch)
    large = np.zeros((rows * patch, columns * patch, channels))
    large[top : top + height, left : left + width] = x
    return large.reshape(rows, patch, columns, patch, channels).transpose(0, 2, 1, 3, 4)


def attention(tokens: Array, weights: Weights, heads: int) -> Array:
    """[N,d] -> [N,d]."""
    width = tokens.shape[1]
    queries, keys, values = np.split(
        tokens @ weights["queries_keys_values/kernel"] + weights["queries_keys_values/bias"], 3, axis=1
    )
    found = np.zeros_like(tokens)
    for head in range(heads):
        part = slice(head * width // heads, (head + 1) * width // heads)
        for query in range(len(tokens)):
            scores = keys[:, part] @ queries[query, part] / np.sqrt(width / heads)
            shares = np.exp(scores - scores.max())
            found[query, part] = shares / shares.sum() @ values[:, part]
    return found @ weights["projection/kernel"] + weights["projection/bias"]


def enlarge(tokens: Array, size: tuple[int, int], patch: int, restoration: str) -> Array:
    """[rows,columns,d] -> [H,W,d]."""
    result = np.zeros((*size, tokens.shape[2]))
    for i, j in np.ndindex(*size):
        row, column = i + before(size[0], patch), j + before(size[1], patch)
        if restoration == "nearest":
            result[i, j] = tokens[row // patch, column // patch]
        else:
            result[i, j] = between(tokens, (row + 0.5) / patch - 0.5, (column + 0.5) / patch - 0.5)
    return result


def between(tokens: Array, row: float, column: float) -> Array:
    """Bilinear interpolation at a place, the edge's value beyond the edge."""
    row, column = np.clip(row, 0, tokens.shape[0] - 1), np.clip(column, 0, tokens.shape[1] - 1)
    i, j = int(row), int(column)
    below, right = min(i + 1, tokens.shape[0] - 1), min(j + 1, tokens.shape[1] - 1)
    down, over = row - i, column - j
    upper = (1 - over) * tokens[i, j] + over * tokens[i, right]
    lower = (1 - over) * tokens[below, j] + over * tokens[below, right]
    mixed: Array = (1 - down) * upper + down * lower
    return mixed


def attended(x: Array, weights: Weights, patch: int, heads: int) -> Array:
    """What attention finds in one image [H,W,C], [rows,columns,d]."""
    tokens = np.einsum("ijpqc,pqcd->ijd", patches(x, patch), weights["embedding/kernel"]) + weights["embedding/bias"]
    tokens = np.maximum(norm(tokens, weights, "embedding_norm"), 0)
    half = tokens.shape[2] // 2
    if "row_position" in weights:
        tokens[..., :half] += weights["row_position"][:, None]
        tokens[..., half:] += weights["column_position"][None]
    if "hidden/kernel" in weights:  # the control
        hidden = np.maximum(tokens @ weights["hidden/kernel"] + weights["hidden/bias"], 0)
        found = np.asarray(hidden @ weights["projection/kernel"] + weights["projection/bias"])
    else:
        found = attention(tokens.reshape(-1, tokens.shape[2]), weights, heads).reshape(tokens.shape)
    return tokens + found if "residual" in weights else found


def restored(found: Array, weights: Weights) -> Array:
    """[...,d] -> [...,C]."""
    return norm(found @ weights["restoring/kernel"] + weights["restoring/bias"], weights, "restoring_norm")


def logits(x: Array, weights: Weights, patch: int, heads: int, restoration: str) -> Array:
    """z [H,W,C] of one image [H,W,C]."""
    large = enlarge(attended(x, weights, patch, heads), x.shape[:2], patch, restoration)
    z = restored(large, weights)
    return z + local_logits(x, weights) if "local/kernel" in weights else z


def local_logits(x: Array, weights: Weights) -> Array:
    return norm(local(x, weights["local/kernel"]), weights, "local_norm")


def gates(x: Array, weights: Weights, patch: int, heads: int, restoration: str, centres: Array) -> Array:
    """2σ of what attention finds at places [H',W',2] of one image, in pixels from its upper left corner."""
    found = attended(x, weights, patch, heads)
    shift = [before(length, patch) for length in x.shape[:2]]
    result = np.zeros((*centres.shape[:2], found.shape[2]))
    for place in np.ndindex(*centres.shape[:2]):
        row, column = (centres[place] + shift) / patch
        if restoration == "nearest":
            last = found.shape[0] - 1, found.shape[1] - 1
            result[place] = found[min(int(row), last[0]), min(int(column), last[1])]
        else:
            result[place] = between(found, row - 0.5, column - 0.5)
    return 2 * sigmoid(restored(result, weights))


def local(x: Array, kernel: Array) -> Array:
    """A 1×1 convolution [1,1,C,C], one of 3×3 [3,3,C,C], or a depthwise one of 3×3 [3,3,C,1]."""
    if kernel.shape[0] == 1:
        return x @ kernel[0, 0]
    padded = np.pad(x, ((1, 1), (1, 1), (0, 0)))
    height, width = x.shape[:2]
    shifted = ((kernel[i, j], padded[i : i + height, j : j + width]) for i, j in np.ndindex(3, 3))
    is_depthwise = kernel.shape[3] == 1
    return np.asarray(sum(part * taps[:, 0] if is_depthwise else part @ taps for taps, part in shifted))


def pool(x: Array, z: Array, pool_size: Any, strides: Any, padding: str, gain: float, *, normalize: bool) -> Array:
    """[N,H,W,C]; z likewise."""
    weights = np.exp(gain * sigmoid(z))
    if normalize:
        return window_pixels(x, pool_size, strides, padding, lambda p, w: (p * w).sum(0) / w.sum(0), weights)
    return window_pixels(x, pool_size, strides, padding, lambda p, w: (p * w).mean(0), weights)
