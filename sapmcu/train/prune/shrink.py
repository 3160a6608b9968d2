# SPDX-License-Identifier: Apache-2.0
"""The smaller form of a layer: its configuration and weights when only some channels remain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sapmcu.ir.graph import Array

Shrunk = tuple[dict[str, Any], list[Array]]
"""Configuration, and the weights in the order of get_weights()."""


@dataclass(frozen=True, slots=True)
class Cut:
    """Numbers of the channels that stay: of the first input, and of the first output."""

    inputs: Array
    outputs: Array


def shrink_nothing(layer: Any, cut: Cut) -> Shrunk:
    """The layer as it is: it has no weights, or all its channels stay."""
    return layer.get_config(), layer.get_weights()


def shrink_convolution(layer: Any, cut: Cut) -> Shrunk:
    """kernel [..., inputs, outputs]; bias [outputs]."""
    return _with_filters(layer, cut, "filters", layer.get_weights())


def shrink_dense(layer: Any, cut: Cut) -> Shrunk:
    """kernel [inputs, outputs]; bias [outputs]."""
    return _with_filters(layer, cut, "units", layer.get_weights())


def _with_filters(layer: Any, cut: Cut, option: str, weights: Sequence[Array]) -> Shrunk:
    kernel, *biases = weights
    kernel = kernel[..., cut.inputs, :][..., cut.outputs]
    return {**layer.get_config(), option: len(cut.outputs)}, [kernel, *(bias[cut.outputs] for bias in biases)]


def shrink_transposed(layer: Any, cut: Cut) -> Shrunk:
    """kernel [..., outputs, inputs]; bias [outputs]."""
    kernel, *biases = layer.get_weights()
    kernel = kernel[..., cut.outputs, :][..., cut.inputs]
    return {**layer.get_config(), "filters": len(cut.outputs)}, [kernel, *(bias[cut.outputs] for bias in biases)]


def shrink_depthwise(layer: Any, cut: Cut) -> Shrunk:
    """kernel [..., inputs, depth multiplier]; bias [inputs · depth multiplier]."""
    kernel, *biases = layer.get_weights()
    return layer.get_config(), [kernel[..., cut.inputs, :], *(bias[cut.outputs] for bias in biases)]


def shrink_separable(layer: Any, cut: Cut) -> Shrunk:
    """depthwise [..., inputs, m]; pointwise [..., inputs · m, outputs]; bias [outputs]."""
    depthwise, *rest = layer.get_weights()
    multiplier = layer.depth_multiplier
    between = (cut.inputs[:, None] * multiplier + np.arange(multiplier)).reshape(-1)
    config, weights = _with_filters(layer, Cut(between, cut.outputs), "filters", rest)
    return config, [depthwise[..., cut.inputs, :], *weights]


def shrink_vectors(layer: Any, cut: Cut) -> Shrunk:
    """A number for each channel on the last axis of every weight, or one for all: batch norm, PReLU."""
    weights = [one[..., cut.inputs] if one.shape[-1] > 1 else one for one in layer.get_weights()]
    return layer.get_config(), weights


def shrink_shape(layer: Any, cut: Cut) -> Shrunk:
    """Reshape: its last axis holds the channels."""
    config = layer.get_config()
    return {**config, "target_shape": (*config["target_shape"][:-1], len(cut.outputs))}, []


def shrink_own(layer: Any, cut: Cut) -> Shrunk:
    """A layer of sapmcu.layers says itself."""
    config, weights = layer.pruned(cut.inputs.tolist())
    return config, weights
