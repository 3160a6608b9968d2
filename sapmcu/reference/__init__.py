# SPDX-License-Identifier: Apache-2.0
"""What every op computes, once, in numpy: all else is compared to it."""

from sapmcu.reference import (
    activation,
    convolution,
    elementwise,
    matmul,
    movement,
    pooling,
    quantization,
    reduction,
    resize,
    softmax,
)
from sapmcu.reference.evaluate import run_graph
from sapmcu.reference.kernel import EVALUATE

__all__ = [
    "EVALUATE",
    "activation",
    "convolution",
    "elementwise",
    "matmul",
    "movement",
    "pooling",
    "quantization",
    "reduction",
    "resize",
    "run_graph",
    "softmax",
]
