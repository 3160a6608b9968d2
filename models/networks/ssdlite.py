# SPDX-License-Identifier: Apache-2.0
"""SSDLite: a detector of few parameters on MobileNetV2, with any pooling at any place.

Source: Sandler et al., "MobileNetV2" (arXiv 1801.04381), section 6.2: SSD with separable convolutions in its heads.
Here the heads read two stages and score each class by itself, by a sigmoid that isn't part of the network; neither is
the decoding of boxes: sapmcu.train.detection does it, on a board firmware/apps/detector.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sapmcu.ir.graph import Array
from sapmcu.train.detection.anchors import AnchorShape, anchor_table

from .mobilenet_v2 import STAGES, STEM_STRIDE, depthwise_norm_relu6, features
from .stages import Request


@dataclass(frozen=True)
class Scale:
    """The heads behind a stage, and the anchors at each pixel of its map."""

    stage: int
    anchors: tuple[AnchorShape, ...]


def _shapes(size: float, next_size: float) -> tuple[AnchorShape, ...]:
    """A square, a larger square on the way to the next scale, a tall and a wide one."""
    between = math.sqrt(size * next_size)
    return AnchorShape(size), AnchorShape(between), AnchorShape(size, 2.0), AnchorShape(size, 0.5)


SCALES = (Scale(5, _shapes(0.2, 0.45)), Scale(7, _shapes(0.45, 1.0)))
PRIOR = 0.01
"""Of a class at an anchor before training. Source: Lin et al., "Focal Loss" (arXiv 1708.02002), section 4.1."""


def build(
    input_shape: Sequence[int],
    num_classes: int,
    *,
    width: float = 0.35,
    pooling: str = "strided_conv",
    strides: str = "1222121",
    placement: str = "after_first_block",
    stem_stride: int | None = None,
    pooling_options: Mapping[str, Any] | None = None,
) -> Any:
    """The untrained Keras model: `image`, pixels / 255 -> `codes` [anchors,4] and `scores` [anchors,num_classes].

    Scores are logits. The outputs are in alphabetical order, which is that of a converted model. Raises: UserError.
    """
    from keras import Input, Model, layers

    down = Request(
        *("ssdlite", len(STAGES), STEM_STRIDE, input_shape, num_classes, width),
        *(pooling, strides, placement, stem_stride, pooling_options),
    ).downsampling()
    image = Input(tuple(input_shape), name="image")
    maps = features(image, width, down)
    prior = -math.log((1 - PRIOR) / PRIOR)
    codes = [_head(maps[one.stage], one, 4, 0.0, "codes") for one in SCALES]
    scores = [_head(maps[one.stage], one, num_classes, prior, "scores") for one in SCALES]
    outputs = [layers.Concatenate(1, name="codes")(codes), layers.Concatenate(1, name="scores")(scores)]
    return Model(image, outputs, name="ssdlite")


def anchors(model: Any) -> Array:
    """float32 [anchors,4] of a model that `build` made, also where it has been saved and loaded."""
    maps = [model.get_layer(_name(one, "scores")).output.shape[1:3] for one in SCALES]
    return anchor_table(maps, [one.anchors for one in SCALES])


def _head(x: Any, scale: Scale, each: int, bias: float, what: str) -> Any:
    """`each` numbers for each anchor of a map: [anchors,each]."""
    from keras import initializers, layers

    name, shapes = _name(scale, what), len(scale.anchors)
    x = depthwise_norm_relu6(x, 1, f"{name}_depthwise")
    x = layers.Conv2D(
        shapes * each,
        1,
        kernel_initializer=initializers.RandomNormal(stddev=0.01),
        bias_initializer=initializers.Constant(bias),
        name=name,
    )(x)
    return layers.Reshape((x.shape[1] * x.shape[2] * shapes, each), name=f"{name}_rows")(x)


def _name(scale: Scale, what: str) -> str:
    return f"stage{scale.stage}_{what}"
