# SPDX-License-Identifier: Apache-2.0
"""A depthwise-separable network with two residual blocks for 28×28 grey pictures: about 20 k parameters, 1 M MACs."""

from __future__ import annotations

from typing import Any

INPUT_SHAPE = (28, 28, 1)
CLASSES = 10


def build(input_shape: tuple[int, int, int] = INPUT_SHAPE, classes: int = CLASSES) -> Any:
    """The untrained Keras model. Input: pixels / 255."""
    from keras import Input, Model, layers

    x = inputs = Input(input_shape, name="image")
    x = layers.Conv2D(16, 3, padding="same", use_bias=False, name="stem")(x)
    x = _normalized_relu(x, "stem")
    x = _separable(x, 32, 2, "block1")
    x = _separable(x, 32, 1, "block2")
    x = _separable(x, 64, 2, "block3")
    x = _separable(x, 64, 1, "block4")
    x = _separable(x, 96, 1, "block5")
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    outputs = layers.Dense(classes, activation="softmax", name="classes")(x)
    return Model(inputs, outputs, name="dscnn")


def _separable(x: Any, channels: int, stride: int, name: str) -> Any:
    """Depthwise 3×3, pointwise 1×1, and the input added where shapes allow."""
    from keras import layers

    shortcut = x
    x = layers.DepthwiseConv2D(3, stride, padding="same", use_bias=False, name=f"{name}_depthwise")(x)
    x = _normalized_relu(x, f"{name}_depthwise")
    x = layers.Conv2D(channels, 1, use_bias=False, name=f"{name}_pointwise")(x)
    x = _normalized_relu(x, f"{name}_pointwise")
    return layers.Add(name=f"{name}_add")([x, shortcut]) if x.shape == shortcut.shape else x


def _normalized_relu(x: Any, name: str) -> Any:
    from keras import layers

    return layers.ReLU(name=f"{name}_relu")(layers.BatchNormalization(name=f"{name}_norm")(x))
