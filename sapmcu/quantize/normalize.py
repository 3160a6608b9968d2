# SPDX-License-Identifier: Apache-2.0
"""How pixels become inputs: the --normalize option."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np

from sapmcu.errors import UserError
from sapmcu.ir.graph import Array

NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
HINT = "0..1, -1..1 and 0..255 say where 0 and 255 go; MEAN,STD says (pixel - MEAN) / STD, or one of each per channel"


@dataclass(frozen=True, slots=True)
class Normalization:
    """input = pixel · gain + shift; pixels are 0..255. One number, or one per channel."""

    text: str
    gain: tuple[float, ...]
    shift: tuple[float, ...]

    def apply(self, pixels: Array) -> Array:
        """pixels: [..., C]. Returns float32."""
        if len(self.gain) not in (1, pixels.shape[-1]):
            raise UserError(
                f"--normalize {self.text} is for {len(self.gain)} channels; the samples have {pixels.shape[-1]}",
                hint=HINT,
            )
        scaled: Array = pixels.astype(np.float64) * np.array(self.gain) + np.array(self.shift)
        return scaled.astype(np.float32)


PIXELS_TO_UNIT = "0..1"


def parse_normalization(text: str) -> Normalization:
    """LOW..HIGH maps 0..255 to that range; MEAN,STD or M1,M2,M3,S1,S2,S3 subtract and divide in units of pixels.

    Raises: UserError for anything else.
    """
    if match := re.fullmatch(rf"\s*({NUMBER})\s*\.\.\s*({NUMBER})\s*", text):
        low, high = float(match[1]), float(match[2])
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            raise UserError(f"--normalize {text}: {match[1]} is not below {match[2]}", hint=HINT)
        return Normalization(text.strip(), ((high - low) / 255,), (low,))
    parts = [part.strip() for part in text.split(",")]
    if len(parts) < 2 or len(parts) % 2 or not all(re.fullmatch(NUMBER, part) for part in parts):
        raise UserError(f"--normalize {text!r} is neither LOW..HIGH nor MEAN,STD", hint=HINT)
    numbers = [float(part) for part in parts]
    means, deviations = numbers[: len(parts) // 2], numbers[len(parts) // 2 :]
    if not all(math.isfinite(number) for number in numbers) or min(deviations) <= 0:
        raise UserError(f"--normalize {text}: a standard deviation must be above 0", hint=HINT)
    gain = tuple(1 / deviation for deviation in deviations)
    return Normalization(text, gain, tuple(-mean * factor for mean, factor in zip(means, gain, strict=True)))
