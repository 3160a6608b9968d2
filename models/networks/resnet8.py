# SPDX-License-Identifier: Apache-2.0
"""The ResNet-8 of MLPerf Tiny's image classification: three blocks, convolutions with bias, projections not normalized.

Source: Banbury et al., "MLPerf Tiny Benchmark" (arXiv 2106.07597); mlcommons/tiny, image classification.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .stages import Request, classified, normalized, relu, scaled

STEM_CHANNELS = 16
STEM_STRIDE = 1
STAGES = (16, 32, 64)
"""Channels of one residual block each."""


def build(
    input_shape: Sequence[int],
    num_classes: int,
    *,
    width: float = 1.0,
    pooling: str = "strided_conv",
    strides: str = "122",
    placement: str = "after_first_block",
    stem_stride: int | None = None,
    pooling_options: Mapping[str, Any] | None = None,
) -> Any:
    """The untrained Keras model: `image`, pixels / 255 -> `classes`. Raises: UserError."""
    from keras import Input, Model

    down = Request(
        *("resnet8", len(STAGES), STEM_STRIDE, input_shape, num_classes, width),
        *(pooling, strides, placement, stem_stride, pooling_options),
    ).downsampling()
    image = Input(tuple(input_shape), name="image")
    x = _conv(image, scaled(STEM_CHANNELS, width), 3, down.conv_stride(0), "stem")
    x = down.after_stem(relu(normalized(x, "stem"), "stem"))
    for number, base in enumerate(STAGES, 1):
        x, channels = down.before_stage(x, number), scaled(base, width)
        # Also where a pooling has taken the stride: the pooling is all that differs.
        is_projected = down.strides[number] > 1 or x.shape[-1] != channels
        x = _residual(x, channels, down.conv_stride(number), is_projected, f"stage{number}")
        x = down.after_first_block(x, number)
    return Model(image, classified(x, num_classes), name="resnet8")


def _conv(x: Any, channels: int, kernel_size: int, stride: int, name: str) -> Any:
    from keras import layers

    return layers.Conv2D(channels, kernel_size, stride, padding="same", kernel_initializer="he_normal", name=name)(x)


def _residual(x: Any, channels: int, stride: int, is_projected: bool, name: str) -> Any:
    from keras import layers

    shortcut = x
    x = relu(normalized(_conv(x, channels, 3, stride, f"{name}_conv1"), f"{name}_conv1"), f"{name}_conv1")
    x = normalized(_conv(x, channels, 3, 1, f"{name}_conv2"), f"{name}_conv2")
    if is_projected:
        shortcut = _conv(shortcut, channels, 1, stride, f"{name}_shortcut")
    return relu(layers.Add(name=f"{name}_add")([shortcut, x]), name)
