# SPDX-License-Identifier: Apache-2.0
"""MobileNetV2. Source: Sandler et al., arXiv 1801.04381, table 2; usual widths here: 0.35, 0.5, 1.0."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .stages import Downsampling, Request, classified, normalized, relu, scaled


@dataclass(frozen=True)
class Stage:
    """blocks inverted residuals; expansion: channels inside a block for each that goes in."""

    expansion: int
    channels: int
    blocks: int


STEM_CHANNELS = 32
STEM_STRIDE = 2
STAGES = (
    Stage(1, 16, 1),
    Stage(6, 24, 2),
    Stage(6, 32, 3),
    Stage(6, 64, 4),
    Stage(6, 96, 3),
    Stage(6, 160, 3),
    Stage(6, 320, 1),
)
LAST_CHANNELS = 1280
"""Of the 1×1 convolution before the mean; narrow networks have as many."""


def build(
    input_shape: Sequence[int],
    num_classes: int,
    *,
    width: float = 1.0,
    pooling: str = "strided_conv",
    strides: str = "1222121",
    placement: str = "after_first_block",
    stem_stride: int | None = None,
    pooling_options: Mapping[str, Any] | None = None,
) -> Any:
    """The untrained Keras model: `image`, pixels / 255 -> `classes`. Raises: UserError."""
    from keras import Input, Model

    down = Request(
        *("mobilenet_v2", len(STAGES), STEM_STRIDE, input_shape, num_classes, width),
        *(pooling, strides, placement, stem_stride, pooling_options),
    ).downsampling()
    image = Input(tuple(input_shape), name="image")
    x = features(image, width, down)[-1]
    x = conv_norm_relu6(x, scaled(LAST_CHANNELS, max(width, 1.0)), 1, 1, "last")
    return Model(image, classified(x, num_classes), name="mobilenet_v2")


def features(image: Any, width: float, down: Downsampling) -> list[Any]:
    """What leaves the stem, then each stage."""
    x = conv_norm_relu6(image, scaled(STEM_CHANNELS, width), 3, down.conv_stride(0), "stem")
    results = [down.after_stem(x)]
    for number, stage in enumerate(STAGES, 1):
        x = down.before_stage(results[-1], number)
        for block in range(1, stage.blocks + 1):
            is_first = block == 1
            stride = down.conv_stride(number) if is_first else 1
            # Not where the stage down-samples, whatever does it: the pooling is all that differs.
            is_residual = not is_first or down.strides[number] == 1
            name = f"stage{number}_block{block}"
            x = _inverted_residual(x, stage, scaled(stage.channels, width), stride, is_residual, name)
            if is_first:
                x = down.after_first_block(x, number)
        results.append(x)
    return results


def conv_norm_relu6(x: Any, channels: int, kernel_size: int, stride: int, name: str) -> Any:
    from keras import layers

    x = layers.Conv2D(channels, kernel_size, stride, padding="same", use_bias=False, name=name)(x)
    return relu(normalized(x, name), name, 6.0)


def depthwise_norm_relu6(x: Any, stride: int, name: str) -> Any:
    """3×3."""
    from keras import layers

    x = layers.DepthwiseConv2D(3, stride, padding="same", use_bias=False, name=name)(x)
    return relu(normalized(x, name), name, 6.0)


def _inverted_residual(x: Any, stage: Stage, channels: int, stride: int, is_residual: bool, name: str) -> Any:
    """Expand 1×1, depthwise 3×3, project 1×1 without activation; x is added where it may and has the channels."""
    from keras import layers

    shortcut = x
    if stage.expansion > 1:
        x = conv_norm_relu6(x, stage.expansion * x.shape[-1], 1, 1, f"{name}_expand")
    x = depthwise_norm_relu6(x, stride, f"{name}_depthwise")
    x = layers.Conv2D(channels, 1, use_bias=False, name=f"{name}_project")(x)
    x = normalized(x, f"{name}_project")
    return layers.Add(name=f"{name}_add")([shortcut, x]) if is_residual and shortcut.shape[-1] == channels else x
