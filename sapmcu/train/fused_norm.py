# SPDX-License-Identifier: Apache-2.0
"""Batch normalization by TensorFlow's one op for it, in training.

Keras writes it as a dozen ops, which take a third of a step on a processor (docs/training.md, Speed).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from sapmcu.train.backend import Backend


def fuse_normalizations(backend: Backend, model: Any) -> None:
    """Let each batch normalization of maps [N,H,W,C] in `model`, in float32, train by the fused op.

    Nothing else of the layers changes: weights, what is saved, inference. Running means and variances follow Keras:
    the variance over n values, not n - 1.
    """
    for layer in _normalizations(backend, model):
        layer.call = _fused(backend.tf, layer, layer.call)


def _normalizations(backend: Backend, model: Any) -> Iterator[Any]:
    for layer in model._flatten_layers():
        if isinstance(layer, backend.keras.layers.BatchNormalization) and _is_fusible(layer):
            yield layer


def _is_fusible(layer: Any) -> bool:
    return bool(layer.axis in (-1, 3) and layer.center and layer.scale and layer.compute_dtype == "float32")


def _fused(tf: Any, layer: Any, call: Callable[..., Any]) -> Callable[..., Any]:
    def fused(inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        if not training or not layer.trainable or mask is not None or len(inputs.shape) != 4:
            return call(inputs, training=training, mask=mask)
        y, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            inputs, layer.gamma, layer.beta, epsilon=layer.epsilon, is_training=True
        )[:3]
        count = tf.cast(tf.size(inputs) // inputs.shape[-1], tf.float32)
        variance = variance * ((count - 1) / count)
        for running, found in ((layer.moving_mean, mean), (layer.moving_variance, variance)):
            running.assign(running * layer.momentum + found * (1 - layer.momentum))
        return y

    return fused
