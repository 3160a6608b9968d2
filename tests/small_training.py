# SPDX-License-Identifier: Apache-2.0
"""A network, data and recipes that train in a second."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from sapmcu.train.data import Part, Split, Splits
from sapmcu.train.recipe import Recipe, load_recipe

NETWORK = """\
def build(input_shape, num_classes, *, width=4, pooling="max", strides="2", placement="after", pooling_options=None):
    import keras

    x = inputs = keras.Input(input_shape, name="image")
    x = keras.layers.Conv2D(int(width), 3, padding="same", name="stem")(x)
    x = keras.layers.BatchNormalization(momentum=0.8, name="norm")(x)
    x = keras.layers.ReLU(name="relu")(x)
    kind = {"max": keras.layers.MaxPooling2D, "average": keras.layers.AveragePooling2D}[pooling]
    x = kind(int(strides), **(pooling_options or {}))(x)
    x = keras.layers.Flatten()(keras.layers.Dropout(0.1, name="drop")(x))
    return keras.Model(inputs, keras.layers.Dense(num_classes, activation="softmax", name="classes")(x))
"""
RECIPE = """\
[data]
name = "digits"
[network]
name = "net.py"
[training]
epochs = 4
batch = 10
learning_rate = 0.01
[augmentation]
shift = 1
flip = true
"""


DETECTOR = """\
from sapmcu.train.detection.anchors import AnchorShape, anchor_table

SHAPES = (AnchorShape(0.4), AnchorShape(0.45, 1.6), AnchorShape(0.45, 0.6))

def build(input_shape, num_classes, *, width=8, pooling="max", strides="2", placement="after", pooling_options=None):
    import keras

    layers = keras.layers
    x = image = keras.Input(input_shape, name="image")
    for number, size in enumerate((5, 5, 3)):
        x = layers.Conv2D(int(width) << number, size, padding="same", use_bias=False, name=f"conv{number}")(x)
        x = layers.ReLU()(layers.BatchNormalization(momentum=0.8, name=f"norm{number}")(x))
        kind = {"max": layers.MaxPooling2D, "average": layers.AveragePooling2D}[pooling]
        x = kind(int(strides), **(pooling_options or {}))(x) if number < 2 else x
    prior = keras.initializers.Constant(-3.0)
    codes = layers.Conv2D(len(SHAPES) * 4, 3, padding="same", name="code_map")(x)
    scores = layers.Conv2D(len(SHAPES) * num_classes, 3, padding="same", bias_initializer=prior, name="score_map")(x)
    codes = layers.Reshape((-1, 4), name="codes")(codes)
    scores = layers.Reshape((-1, num_classes), name="scores")(scores)
    return keras.Model(image, [codes, scores])

def anchors(model):
    return anchor_table([model.get_layer("code_map").output.shape[1:3]], [SHAPES])
"""
DETECTOR_RECIPE = """\
[data]
name = "digits"
[network]
name = "net.py"
[training]
epochs = 8
batch = 16
learning_rate = 0.01
[augmentation]
shift = 2
flip = true
"""


def write_recipe(directory: Path, text: str = RECIPE, name: str = "small", network: str = NETWORK) -> Path:
    """A recipe beside its network."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "net.py").write_text(network)
    path = directory / f"{name}.toml"
    path.write_text(text)
    return path


def small_recipe(directory: Path, *changes: tuple[str, str]) -> Recipe:
    """RECIPE with some of its text replaced."""
    text = RECIPE
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return load_recipe(write_recipe(directory, text))


def blobs(*, classes: int = 3, asked: Callable[[Part], object] = lambda part: None) -> Splits:
    """Pictures 8×8×1 with a bright row for each class, in noise. asked: told of each part that is loaded.

    Moved by a pixel, the rows of two classes still differ.
    """

    def load(part: Part) -> Split:
        asked(part)
        rng = np.random.default_rng(list(Part).index(part))
        labels = np.arange(100) % classes
        images = rng.integers(0, 120, (100, 8, 8, 1), np.uint8)
        images[np.arange(100), 1 + 3 * labels] += np.uint8(120)
        return Split(images, labels.astype(np.int64))

    return Splits("blobs", "blobs, 8×8", tuple(map(str, range(classes))), load)


def rectangles(*, asked: Callable[[Part], object] = lambda part: None) -> Splits:
    """Pictures 24×24×1 of grey noise with one rectangle, class 0 black and class 1 white, and its box."""

    def load(part: Part) -> Split:
        asked(part)
        rng = np.random.default_rng(list(Part).index(part))
        count = 256 if part is Part.TRAIN else 64
        images, boxes = rng.integers(80, 176, (count, 24, 24, 1), np.uint8), np.zeros((count, 4), np.float32)
        labels = rng.integers(0, 2, count)
        for image, box, label in zip(images, boxes, labels, strict=True):
            size = rng.integers(7, 14, 2)
            corner = rng.integers(0, 25 - size)
            box[:] = [*corner, *(corner + size)]
            image[corner[0] : corner[0] + size[0], corner[1] : corner[1] + size[1]] = 255 * label
        return Split(images, labels, boxes)

    return Splits("rectangles", "rectangles, 24×24", ("black", "white"), load)
