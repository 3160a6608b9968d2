# SPDX-License-Identifier: Apache-2.0
"""What training, evaluation and the emitter agree on about detectors.

A box is (top, left, bottom, right), an anchor (centre y, centre x, height, width), both relative to the image's height
and width. A box code, in the order of an anchor, is what the network gives for each anchor:

    (y - anchor y) / anchor height / 0.1,  the same in x,  ln(height / anchor height) / 0.2,  the same of the width

Source: Liu et al., "SSD" (arXiv 1512.02325), equation 2, and the variances of its code.
"""

from __future__ import annotations

from dataclasses import dataclass

CENTRE_VARIANCE = 0.1
SIZE_VARIANCE = 0.2


@dataclass(frozen=True, slots=True)
class DecoderOptions:
    """How boxes are chosen: those of min_score and more, the max_boxes best of them, less those that overlap a better
    one of their class with an intersection over union above max_iou."""

    min_score: float = 0.5
    max_iou: float = 0.45
    max_boxes: int = 50
