# SPDX-License-Identifier: Apache-2.0
"""A detector of a few layers, trained in seconds on black and white rectangles on grey noise."""

from __future__ import annotations

from typing import Any

import numpy as np
from quiet_keras import keras

from sapmcu.ir.graph import Array
from sapmcu.train.detection.anchors import AnchorShape, anchor_table, targets
from sapmcu.train.detection.training import detector_losses

SIZE = 48
SHAPES = (AnchorShape(0.35), AnchorShape(0.45, 2.0), AnchorShape(0.45, 0.5))
ANCHORS = anchor_table([(6, 6)], [SHAPES])
CLASSES = 2


def rectangles(count: int, seed: int) -> tuple[Array, Array]:
    """Images in 0..1 and truths [count,1,5]; class 0 is black, 1 white."""
    rng = np.random.default_rng(seed)
    images = rng.uniform(0.35, 0.65, (count, SIZE, SIZE, 3)).astype(np.float32)
    truths = np.zeros((count, 1, 5), np.float32)
    for image, truth in zip(images, truths, strict=True):
        size = rng.integers(12, 30, 2)
        (y, x), kind = rng.integers(0, SIZE + 1 - size), rng.integers(CLASSES)
        image[y : y + size[0], x : x + size[1]] = kind
        truth[0] = [y / SIZE, x / SIZE, (y + size[0]) / SIZE, (x + size[1]) / SIZE, kind]
    return images, truths


def trained_detector() -> Any:
    """Codes and scores in ssdlite's form."""
    layers = keras.layers
    keras.utils.set_random_seed(0)
    x = image = keras.Input((SIZE, SIZE, 3), name="image")
    for number, channels in enumerate((16, 32, 64, 64)):
        stride = 2 if number < 3 else 1
        x = layers.Conv2D(channels, 5, stride, padding="same", activation="relu", name=f"conv{number}")(x)
    codes = layers.Conv2D(len(SHAPES) * 4, 3, padding="same", name="code_map")(x)
    scores = layers.Conv2D(len(SHAPES) * CLASSES, 3, padding="same", bias_initializer=_prior(), name="score_map")(x)
    codes = layers.Reshape((len(ANCHORS), 4), name="codes")(codes)
    scores = layers.Reshape((len(ANCHORS), CLASSES), name="scores")(scores)
    model = keras.Model(image, [codes, scores], name="ssdlite")
    images, truths = rectangles(256, seed=0)
    model.compile(keras.optimizers.Adam(2e-3), loss=detector_losses())
    model.fit(images, list(targets(ANCHORS, truths, CLASSES)), batch_size=16, epochs=12, verbose=0)
    return model


def _prior() -> Any:
    return keras.initializers.Constant(-4.6)
