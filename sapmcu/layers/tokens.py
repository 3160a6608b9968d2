# SPDX-License-Identifier: Apache-2.0
"""The token grid of self-attentive pooling: how patches lie on the image, how token values come back to its pixels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sapmcu.layers.window import Window

Array = np.ndarray[Any, Any]
RESTORATIONS = ("nearest", "bilinear")
FEW_TOKENS = 64
"""Above it, near-uniform attention rounds to 0 or 1 of int8 softmax's 1/256; the default patch size stays below."""


@dataclass(frozen=True, slots=True)
class TokenGrid:
    """size: height and width of the image, patch: of a patch, in pixels. Patches stick out evenly, as with "same"."""

    size: tuple[int, int]
    patch: tuple[int, int]

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of tokens."""
        rows, columns = (-(-length // patch) for length, patch in zip(self.size, self.patch, strict=True))
        return rows, columns

    @property
    def tokens(self) -> int:
        return self.shape[0] * self.shape[1]

    @property
    def before(self) -> tuple[int, int]:
        """How far the first patch sticks out at the top and at the left, in pixels. Source: TensorFlow's "same"."""
        top, left = (
            (tokens * patch - length) // 2
            for tokens, patch, length in zip(self.shape, self.patch, self.size, strict=True)
        )
        return top, left

    def restoring(self, axis: int, restoration: str, window: Window | None = None) -> Array:
        """[pixels, tokens]: the share of each token in each row (axis 0) or column (axis 1) of the image.

        With a window, [outputs, tokens]: in the centre of each of its places.
        Source: half-pixel centres, as TensorFlow's tf.image.resize has them.
        """
        tokens = self.shape[axis]
        centres = np.arange(self.size[axis]) + 0.5
        if window is not None:
            starts = np.arange(window.output_size(self.size)[axis] or 0) * window.strides[axis]
            centres = starts - window.pads(self.size)[axis][0] + window.size[axis] / 2
        place = (centres + self.before[axis]) / self.patch[axis]
        if restoration == "nearest":
            nearest: Array = np.eye(tokens)[np.clip(place.astype(int), 0, tokens - 1)]
            return nearest
        place = np.clip(place - 0.5, 0, tokens - 1)
        shares: Array = np.maximum(0, 1 - abs(place[:, None] - np.arange(tokens)))
        return shares

    def shares_at(self, window: Window, restoration: str) -> tuple[Array, Array]:
        """`restoring` of both axes in the centres of the windows."""
        return self.restoring(0, restoration, window), self.restoring(1, restoration, window)

    def is_resized(self, shares: tuple[Array, Array], restoration: str) -> bool:
        """Whether tf.image.resize by whole factors, 1 too, gives these shares."""
        outputs = (len(shares[0]), len(shares[1]))
        factors = (max(1, outputs[0] // self.shape[0]), max(1, outputs[1] // self.shape[1]))
        plain = TokenGrid(outputs, factors)
        return plain.shape == self.shape and all(
            np.allclose(plain.restoring(axis, restoration), shares[axis]) for axis in (0, 1)
        )

    def is_flat_in(self, window: Window, restoration: str) -> bool:
        """Whether each window sees one value of the restored tokens, so that normalised weights are 1/k each."""
        return all(self._is_flat_along(axis, window, restoration) for axis in (0, 1))

    def _is_flat_along(self, axis: int, window: Window, restoration: str) -> bool:
        shares = self.restoring(axis, restoration)
        outputs = window.output_size(self.size)[axis]
        start = -window.pads(self.size)[axis][0]
        for first in range(start, start + (outputs or 0) * window.strides[axis], window.strides[axis]):
            seen = shares[max(first, 0) : first + window.size[axis]]
            if not np.array_equal(seen, np.broadcast_to(seen[0], seen.shape)):
                return False
        return True


def choose_patch(size: tuple[int, int], window: Window, restoration: str, is_flat_harmless: bool) -> tuple[int, int]:
    """The smallest square patch with at most FEW_TOKENS tokens; where flatness matters, the next that isn't flat."""
    few = _patches_of_few_tokens(size, 1)
    for one in few:
        if is_flat_harmless or not TokenGrid(size, (one, one)).is_flat_in(window, restoration):
            return (one, one)
    return (few[0], few[0])


def choose_patch_of_windows(size: tuple[int, int], window: Window) -> tuple[int, int]:
    """The smallest square patch of whole strides with at most FEW_TOKENS tokens: windows lie within patches."""
    (smallest, *_) = _patches_of_few_tokens(size, math.lcm(*window.strides))
    return (smallest, smallest)


def _patches_of_few_tokens(size: tuple[int, int], step: int) -> Sequence[int]:
    """Sides, multiples of step."""
    sides = range(step, max(size) + step, step)
    return [one for one in sides if TokenGrid(size, (one, one)).tokens <= FEW_TOKENS]
