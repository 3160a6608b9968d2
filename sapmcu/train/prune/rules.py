# SPDX-License-Identifier: Apache-2.0
"""What pruning knows of each kind of layer: one table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras

from sapmcu.ir.graph import Array
from sapmcu.train.prune import routes, shrink
from sapmcu.train.prune.calls import Call
from sapmcu.train.prune.slots import Slots


@dataclass(frozen=True, slots=True)
class Rule:
    """route: slots through the layer. shrink: its smaller form.

    is_in_place: in int8 its result overwrites an operand, or it is folded into the op before; so it takes no memory.
    """

    route: Callable[[Slots, Call, Sequence[Array]], list[Array]]
    shrink: Callable[[Any, shrink.Cut], shrink.Shrunk] = shrink.shrink_nothing
    is_in_place: bool = False


CONVOLUTION = Rule(routes.route_producer, shrink.shrink_convolution)
TRANSPOSED = Rule(routes.route_producer, shrink.shrink_transposed)
DEPTHWISE = Rule(routes.route_repeated, shrink.shrink_depthwise)
SEPARABLE = Rule(routes.route_producer, shrink.shrink_separable)
ELEMENTWISE = Rule(routes.route_merge, is_in_place=True)
PER_CHANNEL = Rule(routes.route_same)
NO_OP = Rule(routes.route_same, is_in_place=True)
REDUCTION = Rule(routes.route_reduction)
WHOLE = Rule(routes.route_whole)
OWN = Rule(routes.route_own, shrink.shrink_own)

DIMENSIONS = ("1D", "2D", "3D")
LAYERS: Mapping[str, Rule] = {
    **{f"Conv{d}": CONVOLUTION for d in DIMENSIONS},
    **{f"Conv{d}Transpose": TRANSPOSED for d in DIMENSIONS},
    **{f"DepthwiseConv{d}": DEPTHWISE for d in DIMENSIONS},
    **{f"SeparableConv{d}": SEPARABLE for d in DIMENSIONS},
    "Dense": Rule(routes.route_producer, shrink.shrink_dense),
    "BatchNormalization": Rule(routes.route_normalization, shrink.shrink_vectors, is_in_place=True),
    "PReLU": Rule(routes.route_same, shrink.shrink_vectors, is_in_place=True),
    "Activation": Rule(routes.route_activation, is_in_place=True),
    **dict.fromkeys(("ReLU", "LeakyReLU", "ELU"), NO_OP),
    **dict.fromkeys(("Dropout", "GaussianDropout", "GaussianNoise", "AlphaDropout", "ActivityRegularization"), NO_OP),
    **{f"SpatialDropout{d}": NO_OP for d in DIMENSIONS},
    "Identity": NO_OP,
    "Rescaling": Rule(routes.route_scaled, is_in_place=True),
    **dict.fromkeys(("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum"), ELEMENTWISE),
    "Concatenate": Rule(routes.route_concatenation),
    "Flatten": Rule(routes.route_flat, is_in_place=True),
    "Reshape": Rule(routes.route_reshape, shrink.shrink_shape, is_in_place=True),
    "Permute": Rule(routes.route_permuted),
    "RepeatVector": PER_CHANNEL,
    **{
        f"{kind}{d}": PER_CHANNEL
        for kind in ("MaxPooling", "AveragePooling", "GlobalMaxPooling", "GlobalAveragePooling")
        for d in DIMENSIONS
    },
    **{f"{kind}{d}": PER_CHANNEL for kind in ("UpSampling", "ZeroPadding", "Cropping") for d in DIMENSIONS},
    "Resizing": PER_CHANNEL,
}
"""By the class's name in keras.layers; any other is WHOLE."""

OPERATIONS: Mapping[str, Rule] = {
    **dict.fromkeys(("Add", "Subtract", "Multiply", "Divide", "TrueDivide", "Maximum", "Minimum"), ELEMENTWISE),
    **dict.fromkeys(
        ("Absolute", "Clip", "Exp", "Negative", "Relu", "Relu6", "Sigmoid", "Silu", "Sqrt", "Square", "Tanh"),
        ELEMENTWISE,
    ),
    **dict.fromkeys(("HardSigmoid", "HardSilu", "LeakyRelu", "Elu", "Gelu", "Softplus"), ELEMENTWISE),
    **dict.fromkeys(("Mean", "Max", "Min", "Sum"), REDUCTION),
}
"""Bare operations of keras.ops in a functional model (x + y), by their class's name."""


def rule_of(layer: Any) -> Rule:
    """A subclass of a Keras layer may do anything in its call, so only Keras's own classes count."""
    if callable(getattr(layer, "pruned", None)):
        return OWN
    kind = type(layer)
    is_keras = kind.__module__.split(".")[0] == "keras"
    table = LAYERS if isinstance(layer, keras.Layer) else OPERATIONS
    return table.get(kind.__name__, WHOLE) if is_keras else WHOLE
