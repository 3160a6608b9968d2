# SPDX-License-Identifier: Apache-2.0
"""What the networks share: where they down-sample and by which pooling, rounded widths, normalized convolutions.

A stride string has one digit a stage, as in the code of Chen et al., "Self-Attentive Pooling for Efficient Deep
Learning" (WACV 2023, arXiv 2209.07659): `1222121` is the usual MobileNetV2, `2222121` and `4222121` down-sample
earlier. At a stage of stride 1 nothing is pooled. Elsewhere the pooling stands, with window = stride, in one of three
placements:

- after_first_block: behind the stage's first block, which then runs at stride 1
- before_stage: in front of the stage, whose first block then runs at stride 1
- prepool: behind the stem, whose convolution then runs at stride 1; the stages keep their strided convolutions

The pooling `strided_conv` leaves the stride where the ordinary network has it, in a convolution of the block or stem.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sapmcu.errors import UserError

STRIDED_CONV = "strided_conv"
PREPOOL = "prepool"
PLACEMENTS = ("after_first_block", "before_stage", PREPOOL)
MAX_STRIDE = 8
NORM_MOMENTUM = 0.9
"""Of the running mean and variance, as in the authors' framework. Keras's 0.99 lags behind in few steps."""


@dataclass(frozen=True)
class Downsampling:
    """Strides and pooling of one network. Stage 0 is the stem; strides[stage] is what a stage divides the map by.

    options: arguments of the pooling; a list with one value a stage (the stem left out) gives each stage its own, and
    the stem the first.
    """

    pooling: str
    placement: str
    strides: tuple[int, ...]
    options: Mapping[str, Any] = field(default_factory=dict)

    def is_pooled(self, stage: int) -> bool:
        """Whether the pooling, rather than a convolution, down-samples here."""
        is_place = (stage == 0) == (self.placement == PREPOOL)
        return is_place and self.pooling != STRIDED_CONV and self.strides[stage] > 1

    def conv_stride(self, stage: int) -> int:
        """Of the stem's convolution, or of the one in a stage's first block."""
        return 1 if self.is_pooled(stage) else self.strides[stage]

    def after_stem(self, x: Any) -> Any:
        return self._pooled(x, 0) if self.is_pooled(0) else x

    def before_stage(self, x: Any, stage: int) -> Any:
        return self._pooled(x, stage) if self.is_pooled(stage) and self.placement == "before_stage" else x

    def after_first_block(self, x: Any, stage: int) -> Any:
        return self._pooled(x, stage) if self.is_pooled(stage) and self.placement == "after_first_block" else x

    def _pooled(self, x: Any, stage: int) -> Any:
        from sapmcu.layers import make_pooling

        stride = self.strides[stage]
        name = f"stage{stage}_pool" if stage else "stem_pool"
        return make_pooling(self.pooling, stride, stride, "same", name=name, **self._options_of(stage))(x)

    def _options_of(self, stage: int) -> dict[str, Any]:
        stages = len(self.strides) - 1

        def choose(value: Any) -> Any:
            is_by_stage = isinstance(value, list | tuple) and len(value) == stages
            return value[max(stage - 1, 0)] if is_by_stage else value

        return {key: choose(value) for key, value in self.options.items()}


@dataclass(frozen=True)
class Request:
    """The arguments of a `build`, as a user gave them, and what its network has: stages and its stem's usual stride."""

    network: str
    stages: int
    usual_stem_stride: int
    input_shape: Sequence[int]
    num_classes: int
    width: float
    pooling: str
    strides: str
    placement: str
    stem_stride: int | None
    pooling_options: Mapping[str, Any] | None

    def downsampling(self) -> Downsampling:
        """Raises: UserError with all that is wrong."""
        stem = self.usual_stem_stride if self.stem_stride is None else self.stem_stride
        problems = [*self._scalar_problems(stem), *self._choice_problems()]
        if not problems:
            strides = (stem, *map(int, self.strides))
            result = Downsampling(self.pooling, self.placement, strides, dict(self.pooling_options or {}))
            problems += [*self._place_problems(result), *self._size_problems(strides)]
        if problems:
            (message, hint), *rest = problems
            raise UserError(f"{self.network}: {message}", hint=hint, details=[text for text, _ in rest])
        return result

    def _scalar_problems(self, stem: int) -> list[tuple[str, str]]:
        """(sentence, hint) each."""
        shape, found = self.input_shape, []
        if len(shape) != 3 or not all(isinstance(size, int) and size > 0 for size in shape):
            found.append((f"the input shape {tuple(shape)} is no image", "give (height, width, channels)"))
        if self.num_classes < 2:
            found.append((f"{self.num_classes} classes can't be told apart", "give the number of classes, 2 or more"))
        if not 0 < self.width <= 4:
            found.append((f"the width {self.width} is not between 0 and 4", "1.0 is the published network"))
        if not 1 <= stem <= MAX_STRIDE:
            found.append(
                (f"the stem's stride {stem} is not between 1 and {MAX_STRIDE}", "leave stem_stride out for the usual")
            )
        return found

    def _choice_problems(self) -> list[tuple[str, str]]:
        from sapmcu.layers import POOLINGS

        found = []
        digits = "".join(map(str, range(1, MAX_STRIDE + 1)))
        if len(self.strides) != self.stages or not set(self.strides) <= set(digits):
            found.append(
                (
                    f"the strides '{self.strides}' are not one digit from 1 to {MAX_STRIDE} for each of its "
                    f"{self.stages} stages",
                    f"for instance {'1' + '2' * (self.stages - 1)}",
                )
            )
        if self.pooling not in POOLINGS:
            found.append((f"the pooling '{self.pooling}' is unknown", f"there are {', '.join(POOLINGS)}"))
        if self.placement not in PLACEMENTS:
            found.append((f"the placement '{self.placement}' is unknown", f"there are {', '.join(PLACEMENTS)}"))
        return found

    def _place_problems(self, result: Downsampling) -> list[tuple[str, str]]:
        if self.pooling == STRIDED_CONV:
            if not self.pooling_options:
                return []
            given = ", ".join(self.pooling_options)
            return [(f"the pooling strided_conv has no options, but was given {given}", "leave pooling_options out")]
        if any(result.is_pooled(stage) for stage in range(self.stages + 1)):
            return []
        where = "the stem's stride is 1" if self.placement == PREPOOL else f"all strides of '{self.strides}' are 1"
        hint = "give stem_stride 2 or more" if self.placement == PREPOOL else "give a stage a stride of 2 or more"
        return [(f"the pooling '{self.pooling}' has no place: {where}", hint)]

    def _size_problems(self, strides: Sequence[int]) -> list[tuple[str, str]]:
        """The first place whose stride is larger than the map it divides."""
        height, width, _ = self.input_shape
        for stage, stride in enumerate(strides):
            if min(height, width) < stride:
                given = "×".join(map(str, self.input_shape[:2]))
                place = f"stage {stage}" if stage else "the stem"
                message = f"an input of {given} leaves {height}×{width} before {place}, whose stride is {stride}"
                return [(message, "give a larger input or smaller strides")]
            height, width = -(-height // stride), -(-width // stride)
        return []


def scaled(channels: int, width: float) -> int:
    """channels · width as a multiple of 8: the nearest, but at least 8 and 90 % of the product.

    Source: Sandler et al., "MobileNetV2" (arXiv 1801.04381), the code that came with it.
    """
    exact = channels * width
    rounded = max(8, int(exact + 4) // 8 * 8)
    return rounded if rounded >= 0.9 * exact else rounded + 8


def normalized(x: Any, name: str) -> Any:
    from keras import layers

    return layers.BatchNormalization(momentum=NORM_MOMENTUM, name=f"{name}_norm")(x)


def relu(x: Any, name: str, max_value: float | None = None) -> Any:
    from keras import layers

    return layers.ReLU(max_value, name=f"{name}_relu")(x)


def classified(x: Any, num_classes: int) -> Any:
    """Mean over the map, then one fully connected layer: `classes`, their probabilities."""
    from keras import layers

    x = layers.GlobalAveragePooling2D(name="mean")(x)
    return layers.Dense(num_classes, activation="softmax", name="classes")(x)
