# SPDX-License-Identifier: Apache-2.0
"""The token grid of self-attentive pooling: how patches lie on the image, how token values come back to its pixels."""

from __future__ import annotations

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

    def restoring(self, axis: int, restoration: str) -> Array:
        """[pixels, tokens]: the share of each token in each row (axis 0) or column (axis 1) of the image.

        Source: half-pixel centres, as TensorFlow's tf.image.resize has them.
        """
        tokens = self.shape[axis]
        pixels = np.arange(self.size[axis]) + self.before[axis]
        if restoration == "nearest":
            nearest: Array = np.eye(tokens)[pixels // self.patch[axis]]
            return nearest
        place = np.clip((pixels + 0.5) / self.patch[axis] - 0.5, 0, tokens - 1)
        shares: Array = np.maximum(0, 1 - abs(place[:, None] - np.arange(tokens)))
        return shares

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
    patches: Sequence[int] = range(1, max(size) + 1)
    few = [one for one in patches if TokenGrid(size, (one, one)).tokens <= FEW_TOKENS]
    for one in few:
        if is_flat_harmless or not TokenGrid(size, (one, one)).is_flat_in(window, restoration):
            return (one, one)
    return (few[0], few[0])
