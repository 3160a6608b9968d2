# SPDX-License-Identifier: Apache-2.0
"""ResNet-18. Source: He et al., arXiv 1512.03385, table 1, with projections where a block changes shape (option B)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .stages import Downsampling, Request, classified, normalized, relu, scaled


@dataclass(frozen=True)
class Stage:
    """blocks residual blocks of two 3×3 convolutions."""

    channels: int
    blocks: int


STEM_CHANNELS = 64
STEM_STRIDE = 4
"""Half of it the 7×7 convolution's, half max pooling's."""
STAGES = (Stage(64, 2), Stage(128, 2), Stage(256, 2), Stage(512, 2))


def build(
    input_shape: Sequence[int],
    num_classes: int,
    *,
    width: float = 1.0,
    pooling: str = "strided_conv",
    strides: str = "1222",
    placement: str = "after_first_block",
    stem_stride: int | None = None,
    pooling_options: Mapping[str, Any] | None = None,
) -> Any:
    """The untrained Keras model: `image`, pixels / 255 -> `classes`. Raises: UserError."""
    from keras import Input, Model

    down = Request(
        *("resnet18", len(STAGES), STEM_STRIDE, input_shape, num_classes, width),
        *(pooling, strides, placement, stem_stride, pooling_options),
    ).downsampling()
    image = Input(tuple(input_shape), name="image")
    x = _stem(image, scaled(STEM_CHANNELS, width), down)
    for number, stage in enumerate(STAGES, 1):
        x = down.before_stage(x, number)
        for block in range(1, stage.blocks + 1):
            is_first = block == 1
            stride = down.conv_stride(number) if is_first else 1
            # Also where a pooling has taken the stride: the pooling is all that differs.
            is_projected = is_first and (down.strides[number] > 1 or x.shape[-1] != scaled(stage.channels, width))
            x = _residual(x, scaled(stage.channels, width), stride, is_projected, f"stage{number}_block{block}")
            if is_first:
                x = down.after_first_block(x, number)
    return Model(image, classified(x, num_classes), name="resnet18")


def _stem(image: Any, channels: int, down: Downsampling) -> Any:
    """7×7, then 3×3 max pooling by 2 from a stride of 4 on, unless the pooling takes it all."""
    from keras import layers

    stride = down.conv_stride(0)
    is_max_pooled = stride >= 4
    x = _conv_norm(image, channels, 7, stride // 2 if is_max_pooled else stride, "stem")
    x = relu(x, "stem")
    if is_max_pooled:
        x = layers.MaxPooling2D(3, 2, padding="same", name="stem_max_pool")(x)
    return down.after_stem(x)


def _conv_norm(x: Any, channels: int, kernel_size: int, stride: int, name: str) -> Any:
    from keras import layers

    x = layers.Conv2D(
        channels,
        kernel_size,
        stride,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        name=name,
    )(x)
    return normalized(x, name)


def _residual(x: Any, channels: int, stride: int, is_projected: bool, name: str) -> Any:
    from keras import layers

    shortcut = _conv_norm(x, channels, 1, stride, f"{name}_shortcut") if is_projected else x
    x = relu(_conv_norm(x, channels, 3, stride, f"{name}_conv1"), f"{name}_conv1")
    x = _conv_norm(x, channels, 3, 1, f"{name}_conv2")
    return relu(layers.Add(name=f"{name}_add")([shortcut, x]), name)
