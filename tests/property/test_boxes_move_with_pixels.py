# SPDX-License-Identifier: Apache-2.0
"""A box that is moved and mirrored is the box around the pixels that were moved and mirrored."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sapmcu.train.batches import MIN_VISIBLE, Moves, move_boxes, move_images


@st.composite
def spans(draw: st.DrawFn, size: int) -> tuple[int, int]:
    """First and end, exclusive, on an axis of `size` pixels."""
    first = draw(st.integers(0, size - 1))
    return first, draw(st.integers(first + 1, size))


@given(st.data(), st.integers(1, 9), st.integers(1, 9), st.integers(-10, 10), st.integers(-10, 10), st.booleans())
def test_moved_box_is_the_box_of_moved_pixels(
    data: st.DataObject, height: int, width: int, down: int, right: int, is_mirrored: bool
) -> None:
    """Or none, where less of it than MIN_VISIBLE has stayed in the picture, repeated edges not counted."""
    (top, bottom), (left, end) = data.draw(spans(height)), data.draw(spans(width))
    image = np.zeros((1, height, width, 1), np.uint8)
    image[:, top:bottom, left:end] = 1
    moves = Moves(np.array([down]), np.array([right]), np.array([is_mirrored]))
    box = move_boxes(np.array([[top, left, bottom, end]], np.float32), moves, (height, width))[0].tolist()
    stays = sum(0 <= y + down < height and 0 <= x + right < width for y in range(top, bottom) for x in range(left, end))
    if stays < MIN_VISIBLE * (bottom - top) * (end - left):
        assert box == [0, 0, 0, 0]
        return
    seen = move_images(image, moves)[0, :, :, 0] > 0
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    assert box == [rows[0], columns[0], rows[-1] + 1, columns[-1] + 1]
