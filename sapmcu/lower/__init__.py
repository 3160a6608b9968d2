# SPDX-License-Identifier: Apache-2.0
"""Graph -> native program: what each op becomes for the native engine."""

from sapmcu.lower import binary, convolution, data, lut, matmul, normalisation, pooling, reduction, resize
from sapmcu.lower.graph import lower_graph, lower_ops, order_graph
from sapmcu.lower.table import LOWER

__all__ = [
    "LOWER",
    "binary",
    "convolution",
    "data",
    "lower_graph",
    "lower_ops",
    "lut",
    "matmul",
    "normalisation",
    "order_graph",
    "pooling",
    "reduction",
    "resize",
]
