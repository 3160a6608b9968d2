# SPDX-License-Identifier: Apache-2.0
"""Keras 3 layers: the poolings. Importing this package registers them with Keras. Needs TensorFlow."""

from __future__ import annotations

from sapmcu.layers.blur import BlurPooling2D
from sapmcu.layers.cost import PoolingCost, pooling_cost
from sapmcu.layers.gaussian import GaussianPooling2D
from sapmcu.layers.inference import fold_poolings
from sapmcu.layers.lip import LIPPooling2D
from sapmcu.layers.replace import replace_pooling
from sapmcu.layers.self_attentive import SelfAttentivePooling2D
from sapmcu.layers.sites import find_sites
from sapmcu.layers.soft import SoftPooling2D
from sapmcu.layers.strided_conv import StridedConvPooling2D
from sapmcu.layers.table import POOLINGS, make_pooling, pooling_options

__all__ = [
    "POOLINGS",
    "BlurPooling2D",
    "GaussianPooling2D",
    "LIPPooling2D",
    "PoolingCost",
    "SelfAttentivePooling2D",
    "SoftPooling2D",
    "StridedConvPooling2D",
    "find_sites",
    "fold_poolings",
    "make_pooling",
    "pooling_cost",
    "pooling_options",
    "replace_pooling",
]
