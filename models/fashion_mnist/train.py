# SPDX-License-Identifier: Apache-2.0
"""Train a network of this directory on Fashion-MNIST: python -m models.fashion_mnist.train dscnn

Writes NAME.h5 (the weights of the epoch that is best on the validation part) and NAME.samples.npz. The test set is
not read here. Then `python -m models.zoo fashion_mnist/dscnn` writes the .tflite and the facts.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sapmcu.ir.graph import Array
from sapmcu.quantize.datasets import load_fashion_mnist

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Recipe:
    """What decides the weights, with the split: the first images train, the last `validation_images` validate."""

    seed: int = 1
    epochs: int = 12
    batch_size: int = 128
    learning_rate: float = 8e-3
    weight_decay: float = 1e-4
    label_smoothing: float = 0.05
    shift_pixels: int = 2
    validation_images: int = 5000
    calibration_images: int = 200


def augmented(images: Array, rng: np.random.Generator, shift_pixels: int) -> Array:
    """Each picture mirrored with probability ½ and moved by up to `shift_pixels` on both axes."""
    count, height, width, _ = images.shape
    span = 2 * shift_pixels + 1
    padded = np.pad(images, ((0, 0), (shift_pixels,) * 2, (shift_pixels,) * 2, (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (height, width), axis=(1, 2))
    moved = windows[np.arange(count), rng.integers(span, size=count), rng.integers(span, size=count)]
    moved = np.moveaxis(moved, 1, -1)
    is_mirrored = rng.random(count) < 0.5
    return np.where(is_mirrored[:, None, None, None], moved[:, :, ::-1], moved)


def train(name: str, recipe: Recipe) -> None:
    """Train, keep the best epoch on the validation part, write the .h5 and the samples."""
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(recipe.seed)
    tf.config.experimental.enable_op_determinism()
    data = load_fashion_mnist("train")
    images, labels = data.images.astype(np.float32) / 255, data.labels
    kept = len(images) - recipe.validation_images
    model = importlib.import_module(f"models.fashion_mnist.{name}").build()
    steps = -(-kept // recipe.batch_size)
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, recipe.epochs * steps, warmup_target=recipe.learning_rate, warmup_steps=steps
    )
    model.compile(
        keras.optimizers.AdamW(schedule, weight_decay=recipe.weight_decay),
        keras.losses.CategoricalCrossentropy(label_smoothing=recipe.label_smoothing),
        metrics=["accuracy"],
    )
    targets = np.eye(10, dtype=np.float32)[labels]
    rng = np.random.default_rng(recipe.seed)
    best = 0.0
    for epoch in range(recipe.epochs):
        model.fit(
            augmented(images[:kept], rng, recipe.shift_pixels), targets[:kept], batch_size=recipe.batch_size, verbose=0
        )
        _, accuracy = model.evaluate(images[kept:], targets[kept:], batch_size=500, verbose=0)
        print(f"epoch {epoch + 1}/{recipe.epochs}: validation accuracy {accuracy:.4f}", file=sys.stderr, flush=True)
        if accuracy > best:
            best = accuracy
            model.save(HERE / f"{name}.h5", include_optimizer=False)
    write_samples(name, data.images[kept:], labels[kept:], recipe)


def write_samples(name: str, images: Array, labels: Array, recipe: Recipe) -> None:
    """Calibration samples: uint8 pixels of the validation part, as many of each class; `normalize` scales them."""
    rng = np.random.default_rng(recipe.seed)
    per_class = recipe.calibration_images // 10
    chosen = np.sort(np.concatenate([rng.permutation(np.flatnonzero(labels == k))[:per_class] for k in range(10)]))
    np.savez_compressed(
        HERE / f"{name}.samples.npz", x=images[chosen], y=labels[chosen].astype(np.uint8), normalize=np.array("0..1")
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=["dscnn"])
    train(parser.parse_args().name, Recipe())
