# SPDX-License-Identifier: Apache-2.0
"""MobileNet (V1). Source: Howard et al., arXiv 1704.04861, table 1; the usual width here is 0.25."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .mobilenet_v2 import conv_norm_relu6, depthwise_norm_relu6
from .stages import Request, classified, scaled


@dataclass(frozen=True)
class Stage:
    """blocks separable convolutions, all with as many channels."""

    channels: int
    blocks: int


STEM_CHANNELS = 32
STEM_STRIDE = 2
STAGES = (Stage(64, 1), Stage(128, 2), Stage(256, 2), Stage(512, 6), Stage(1024, 2))


def build(
    input_shape: Sequence[int],
    num_classes: int,
    *,
    width: float = 1.0,
    pooling: str = "strided_conv",
    strides: str = "12222",
    placement: str = "after_first_block",
    stem_stride: int | None = None,
    pooling_options: Mapping[str, Any] | None = None,
) -> Any:
    """The untrained Keras model: `image`, pixels / 255 -> `classes`. Raises: UserError."""
    from keras import Input, Model

    down = Request(
        *("mobilenet_v1", len(STAGES), STEM_STRIDE, input_shape, num_classes, width),
        *(pooling, strides, placement, stem_stride, pooling_options),
    ).downsampling()
    image = Input(tuple(input_shape), name="image")
    x = conv_norm_relu6(image, scaled(STEM_CHANNELS, width), 3, down.conv_stride(0), "stem")
    x = down.after_stem(x)
    for number, stage in enumerate(STAGES, 1):
        x = down.before_stage(x, number)
        for block in range(1, stage.blocks + 1):
            name = f"stage{number}_block{block}"
            x = depthwise_norm_relu6(x, down.conv_stride(number) if block == 1 else 1, f"{name}_depthwise")
            x = conv_norm_relu6(x, scaled(stage.channels, width), 1, 1, f"{name}_pointwise")
            if block == 1:
                x = down.after_first_block(x, number)
    return Model(image, classified(x, num_classes), name="mobilenet_v1")
