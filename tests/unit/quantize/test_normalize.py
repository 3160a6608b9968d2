# SPDX-License-Identifier: Apache-2.0
"""--normalize: what pixels become."""

from __future__ import annotations

import numpy as np
import pytest

from sapmcu.errors import UserError
from sapmcu.quantize.normalize import parse_normalization

PIXELS = np.array([[0, 128, 255]], np.uint8)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0..1", [0, 128 / 255, 1]),
        ("-1..1", [-1, 2 * 128 / 255 - 1, 1]),
        ("0..255", [0, 128, 255]),
        ("127.5,127.5", [-1, 0.5 / 127.5, 1]),
        ("0,128,255,1,2,3", [0, 0, 0]),
        ("10,20,30,1,2,3", [-10, 54, 75]),
        ("-.5 .. .5", [-0.5, 128 / 255 - 0.5, 0.5]),
    ],
)
def test_pixels_become_inputs(text: str, expected: list[float]) -> None:
    got = parse_normalization(text).apply(PIXELS)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got[0], expected, atol=1e-6)


@pytest.mark.parametrize(
    "text", ["", "0..", "1..0", "0..0", "a,b", "1", "1,2,3", "1,0", "1,-2", "0..1..2", "nan..1", "1e999,1", "0..1e999"]
)
def test_nonsense_is_named(text: str) -> None:
    with pytest.raises(UserError, match="--normalize") as caught:
        parse_normalization(text)
    assert "MEAN,STD" in str(caught.value.hint)


def test_channels_must_match() -> None:
    with pytest.raises(UserError, match="is for 3 channels; the samples have 1"):
        parse_normalization("1,2,3,4,5,6").apply(PIXELS[..., None])
