# SPDX-License-Identifier: Apache-2.0
"""The data sets that a package installs, cut in three, and the scenes made of one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sapmcu.errors import UserError
from sapmcu.quantize.datasets import FASHION_CLASSES, load_digits, load_fashion_mnist
from sapmcu.train.data.interpolation import resized_images
from sapmcu.train.data.scenes import ITEM, MAX_SIZE, MIN_SIZE, Style, largest_item, make_scenes
from sapmcu.train.data.splits import Part, Split, Splits
from sapmcu.train.options import whole

FASHION_VALIDATION = 5000
"""The last pictures of Fashion-MNIST's train set validate; its test set tests."""


@dataclass(frozen=True)
class FashionOptions:
    """size: side of the pictures; above 28 they are interpolated."""

    size: int = whole(ITEM, ITEM, 224)


@dataclass(frozen=True)
class DigitsOptions:
    """The digits have no options."""


@dataclass(frozen=True)
class SceneOptions:
    """size: side in pixels. train, validation, test: how many scenes. seed: another one gives other scenes.

    smallest, largest: side of an item in pixels, 0 for the usual largest. distractors: percent of the usual number.
    """

    size: int = whole(96, MIN_SIZE, MAX_SIZE)
    train: int = whole(12_000, 1, 10_000_000)
    validation: int = whole(2_000, 1, 1_000_000)
    test: int = whole(4_000, 1, 1_000_000)
    seed: int = whole(0, 0, 1_000_000)
    smallest: int = whole(ITEM, ITEM, 192)
    largest: int = whole(0, 0, 192)
    distractors: int = whole(100, 0, 100)


def fashion_part(part: Part) -> Split:
    """Pictures 0..54,999 of the train set, its last 5,000, or the test set."""
    data = load_fashion_mnist("test" if part is Part.TEST else "train")
    chosen = {
        Part.TRAIN: slice(None, -FASHION_VALIDATION),
        Part.VALIDATION: slice(-FASHION_VALIDATION, None),
        Part.TEST: slice(None),
    }[part]
    return Split(data.images[chosen], data.labels[chosen])


def load_fashion(options: FashionOptions) -> Splits:
    def load(part: Part) -> Split:
        split = fashion_part(part)
        return Split(resized_images(split.images, options.size), split.labels)

    return Splits("fashion-mnist", f"fashion-mnist, {options.size}×{options.size}", FASHION_CLASSES, load)


def load_digits_splits(_: DigitsOptions) -> Splits:
    """Each fifth of the 1,797 digits tests; of the others each tenth validates."""

    def load(part: Part) -> Split:
        data = load_digits("test" if part is Part.TEST else "train")
        is_validation = np.arange(len(data.labels)) % 10 == 9
        chosen = {Part.TRAIN: ~is_validation, Part.VALIDATION: is_validation, Part.TEST: slice(None)}[part]
        return Split(data.images[chosen], data.labels[chosen])

    return Splits("digits", "digits, 8×8", tuple("0123456789"), load)


def load_scenes(options: SceneOptions) -> Splits:
    """Scenes of a part show pictures of the same part of Fashion-MNIST only.

    Raises: UserError where the largest item is below the smallest, or doesn't fit into a scene.
    """
    style = Style(options.smallest, options.largest, options.distractors)
    check_style(style, options.size)
    counts = {Part.TRAIN: options.train, Part.VALIDATION: options.validation, Part.TEST: options.test}

    def load(part: Part) -> Split:
        items = fashion_part(part)
        number = list(Part).index(part)
        return make_scenes(
            items.images[..., 0], items.labels, counts[part], options.size, seed=options.seed, part=number, style=style
        )

    origin = f"fashion-scenes, {options.size}×{options.size}, seed {options.seed}"
    return Splits("fashion-scenes", origin, FASHION_CLASSES, load)


def check_style(style: Style, size: int) -> None:
    """An item is up to 9/8 as high as it is wide."""
    largest = largest_item(style, size)
    if largest < style.smallest:
        raise UserError(
            f"fashion-scenes has a smallest item of {style.smallest} pixels and a largest of {largest}",
            hint="give largest as well, in the recipe's [data]",
        )
    if largest * 9 // 8 > size:
        raise UserError(
            f"an item of {largest} pixels, up to {largest * 9 // 8} high, doesn't fit into fashion-scenes of {size}",
            hint=f"largest is {size * 8 // 9} at the most",
        )
