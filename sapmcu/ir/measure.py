# SPDX-License-Identifier: Apache-2.0
"""What tells how good a network is: a figure from 0 to 1, by the key under which files have it."""

from __future__ import annotations

from collections.abc import Mapping

ACCURACY = "accuracy"
"""Share of the pictures that are put in the right class."""
MAP = "map"
"""Of a detector: mean average precision, where a box is right that overlaps an object of its class by half."""

MEASURE_TITLES: Mapping[str, str] = {ACCURACY: "accuracy", MAP: "mAP@0.5"}
"""For readers."""
