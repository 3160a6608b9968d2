# SPDX-License-Identifier: Apache-2.0
"""`fashion-scenes`: one whole Fashion-MNIST item among pieces of others, in colour, on 96×96 to 224×224 pixels.

The target is the only whole item of its scene: upright (perhaps mirrored), inside the picture, on top of all else. Its
class is the scene's label. The distractors are halves and square pieces cut from other items of any class, at the same
scale and in the same colours, some of them cut again by the border. So neither size, colour, contrast nor place tells
the target from the rest; its outline and what lies inside do, and at 28 pixels a side both are as fine as the pixels.

Unless a style says otherwise, an item's side is 28 pixels (Fashion-MNIST's own) to max(40, 0.45 · size), small ones
more often; height and width differ by up to 1/8. There are size²/2300 to size²/1150 distractors: 4..8 at 96×96, 21..43
at 224×224. A larger scene is a wider view with more in it, not the same picture magnified.

Scene i of a part is a function of (seed, part, i, size): whole numbers only, the same bytes on every machine.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sapmcu.ir.graph import Array
from sapmcu.train.data.counter_random import random_words, stream_key
from sapmcu.train.data.interpolation import resized
from sapmcu.train.data.splits import Split

MIN_SIZE, MAX_SIZE = 96, 224
ITEM = 28
"""Side of a Fashion-MNIST picture."""
GRID = 5
"""The background is a grid of GRID×GRID random colours, interpolated."""
OPAQUE = 43
"""Grey value from which an item covers what is behind it; below, it lets it through in proportion."""
BLOCK = 64
"""Scenes whose parameters are drawn at once."""
FIELDS = 16
"""Random words that an item takes."""
LANES = 1 << 20
"""Random words kept for each scene: items, then from LANES/4 the background, from LANES/2 the noise."""


@dataclass(frozen=True)
class Style:
    """smallest, largest: side of an item, in pixels; largest 0: by the scene. distractors: percent of the usual."""

    smallest: int = ITEM
    largest: int = 0
    distractors: int = 100


USUAL = Style()


@dataclass(frozen=True)
class Layout:
    """What a block of scenes shows: arrays [scenes, items], the target last. Lengths in pixels.

    window: [scenes, items, 4], the part of the 28×28 picture that is shown, (top, left, bottom, right).
    place: [scenes, items, 4], (top, left, height, width) that it takes in the scene, or outside.
    tint: uint16 [scenes, items, 3], the colour of a white pixel. is_present: the scene has this item.
    """

    picture: Array
    window: Array
    place: Array
    tint: Array
    is_mirrored: Array
    is_present: Array


def make_scenes(
    pictures: Array, labels: Array, count: int, size: int, *, seed: int, part: int, style: Style = USUAL
) -> Split:
    """Scenes 0..count-1.

    pictures: uint8 [n,28,28], labels: [n], the items to show. part: number of the part, so that parts differ.
    Returns images uint8 [count,size,size,3], labels and the target's box.
    """
    key = stream_key((seed, part, size))
    extents = picture_boxes(pictures)
    images = np.empty((count, size, size, 3), np.uint8)
    chosen, boxes = np.empty(count, np.int64), np.empty((count, 4), np.float32)
    for start in range(0, count, BLOCK):
        scenes = np.arange(start, min(start + BLOCK, count), dtype=np.uint64)
        layout = draw_layout(key, scenes, extents, size, style)
        canvases = backgrounds(key, scenes, size)
        for index, canvas in enumerate(canvases):
            boxes[start + index] = draw_items(canvas, layout, index, pictures)
            add_noise(canvas, key, start + index)
        images[start : start + len(scenes)] = np.moveaxis(canvases, 1, -1)
        chosen[start : start + len(scenes)] = labels[layout.picture[:, -1]]
    return Split(images, chosen, boxes)


def picture_boxes(pictures: Array) -> Array:
    """[n,4], (top, left, bottom, right) around the pixels of each picture that cover at least half."""
    is_seen = pictures >= OPAQUE // 2
    sides = [is_seen.any(axis=2), is_seen.any(axis=1)]  # rows, columns
    firsts = [side.argmax(axis=1) for side in sides]
    ends = [ITEM - side[:, ::-1].argmax(axis=1) for side in sides]
    return np.stack([*firsts, *ends], axis=-1)


def draw_layout(key: int, scenes: Array, extents: Array, size: int, style: Style = USUAL) -> Layout:
    """The parameters of scenes, from their random words. extents: the pictures' boxes."""
    most = size * size // 1150
    lanes = np.arange((most + 1) * FIELDS, dtype=np.uint64).reshape(most + 1, FIELDS)
    words = random_words(key, scenes[:, None, None] * np.uint64(LANES) + lanes) >> np.uint64(11)

    def below(field: int, bound: Array | int) -> Array:
        """Whole numbers 0..bound-1 from a field of each item."""
        return np.asarray(words[..., field] % np.asarray(bound, np.uint64), np.int64)

    picture = below(0, len(extents))
    sides = largest_item(style, size) - style.smallest + 1
    width = style.smallest + np.minimum(below(1, sides), below(2, sides))
    scale = np.stack([width * (112 + below(3, 33)) // 128, width], axis=-1)
    window = np.where(
        below(4, 2)[..., None] == 0,
        half_windows(extents[picture], below(5, 4), below(6, 4)),
        square_windows(9 + 2 * below(6, 4), np.stack([below(7, 14), below(8, 14)], axis=-1)),
    )
    window[:, -1] = (0, 0, ITEM, ITEM)
    shown = np.maximum((window[..., 2:] - window[..., :2]) * scale // ITEM, 1)
    first = np.stack([below(9, size), below(10, size)], axis=-1) - shown // 2
    first[:, -1] = np.stack([below(9, size + 1 - shown[..., 0]), below(10, size + 1 - shown[..., 1])], axis=-1)[:, -1]
    tint = np.stack([96 + below(field, 160) for field in (11, 12, 13)], axis=-1).astype(np.uint16)
    distractors = most // 2 + below(14, most - most // 2 + 1)[:, :1]
    is_present = np.arange(most + 1) < distractors * style.distractors // 100
    is_present[:, -1] = True
    return Layout(picture, window, np.concatenate([first, shown], axis=-1), tint, below(15, 2) == 1, is_present)


def largest_item(style: Style, size: int) -> int:
    """Side in pixels."""
    return style.largest or max(40, 45 * size // 100)


def half_windows(extent: Array, side: Array, more: Array) -> Array:
    """13/32 to 16/32 of each item, by its own height or width, from one of four sides: windows [...,4]."""
    windows = extent.copy()
    for number, axis in enumerate((0, 1, 0, 1)):
        depth = np.maximum((extent[..., axis + 2] - extent[..., axis]) * (13 + more) // 32, 1)
        end, value = (axis + 2, extent[..., axis] + depth) if number < 2 else (axis, extent[..., axis + 2] - depth)
        windows[..., end] = np.where(side == number, value, windows[..., end])
    return windows


def square_windows(side: Array, centre: Array) -> Array:
    """Squares around `centre` + 7, 0..13 on both axes, as far as they lie in the picture: windows [...,4]."""
    first = 7 + centre - side[..., None] // 2
    return np.asarray(np.clip(np.concatenate([first, first + side[..., None]], axis=-1), 0, ITEM))


def backgrounds(key: int, scenes: Array, size: int) -> Array:
    """uint16 [scenes,3,size,size]: smooth colour, 16..175."""
    lanes = np.arange(3 * GRID * GRID, dtype=np.uint64) + np.uint64(LANES // 4)
    words = random_words(key, scenes[:, None] * np.uint64(LANES) + lanes)
    corners: Array = np.uint64(16) + (words >> np.uint64(40)) % np.uint64(160)
    return resized(corners.reshape(-1, 3, GRID, GRID), size, size)


def draw_items(canvas: Array, layout: Layout, scene: int, pictures: Array) -> Array:
    """Draw a scene's items over its background [3,H,W]; returns the box of the last, the target."""
    windows, places = layout.window[scene].tolist(), layout.place[scene].tolist()
    grey = np.empty(0)
    for item in np.flatnonzero(layout.is_present[scene]).tolist():
        (y, x, bottom, right), (top, left, height, width) = windows[item], places[item]
        grey = resized(pictures[layout.picture[scene, item], y:bottom, x:right], height, width)
        if layout.is_mirrored[scene, item]:
            grey = grey[:, ::-1]
        blend(canvas, grey, top, left, layout.tint[scene, item])
    return box_of(grey) + np.array(places[-1][:2] * 2, np.float32)


def blend(canvas: Array, grey: Array, top: int, left: int, tint: Array) -> None:
    """Draw one item, uint16 [h,w] of 0..255, in its tint [3]; what lies outside the canvas is lost.

    All in uint16: 255 · 256 is the most that occurs.
    """
    height, width = canvas.shape[1:]
    rows, columns = slice(max(0, top), top + len(grey)), slice(max(0, left), left + grey.shape[1])
    grey = grey[rows.start - top : height - top, columns.start - left : width - left]
    region = canvas[:, rows, columns]
    cover = np.minimum(grey * np.uint16(256 // OPAQUE + 1), np.uint16(256))
    colour = tint[:, None, None] * grey
    np.right_shift(colour, np.uint16(8), out=colour)
    colour *= cover
    region *= np.uint16(256) - cover
    region += colour
    np.right_shift(region, np.uint16(8), out=region)


def box_of(grey: Array) -> Array:
    """(top, left, bottom, right) around the pixels that cover at least half."""
    is_seen = grey >= OPAQUE // 2
    rows, columns = np.flatnonzero(is_seen.any(axis=1)), np.flatnonzero(is_seen.any(axis=0))
    if not len(rows):  # an item that is all but black
        return np.array([0, 0, *grey.shape], np.float32)
    return np.array([rows[0], columns[0], rows[-1] + 1, columns[-1] + 1], np.float32)


def add_noise(canvas: Array, key: int, scene: int) -> None:
    """Add to each pixel, in place, grey noise of ±4, ±8 or ±16, as the scene has it; clip to 0..255."""
    size = canvas.shape[1] * canvas.shape[2]
    words = random_words(key, np.arange(size // 8 + 1, dtype=np.uint64) + np.uint64(scene * LANES + LANES // 2))
    shift = 3 + int(words[-1]) % 3
    noise = words[:-1].astype("<u8").view(np.uint8).reshape(canvas.shape[1:]) >> np.uint8(shift)
    canvas += noise
    np.maximum(canvas, np.uint16(128 >> shift), out=canvas)
    canvas -= np.uint16(128 >> shift)
    np.minimum(canvas, np.uint16(255), out=canvas)
