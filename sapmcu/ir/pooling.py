# SPDX-License-Identifier: Apache-2.0
"""Where a network pools, and what replacing a pooling made of it."""

from __future__ import annotations

from dataclasses import dataclass

POOLING_KINDS = ("max", "average", "strided_conv", "lip", "gaussian", "soft", "blur", "sap")
"""The keys of sapmcu.layers.POOLINGS, for those who can't import Keras."""
Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PoolingSite:
    """A layer that down-samples.

    name: with the models around it, as in backbone/pool. kind: of sapmcu.layers.POOLINGS, or "strided conv", which is
    put at stride 1 with a pool after it. input_shape: [H,W,C] that the pool reads, for a convolution what it gives at
    stride 1. saves_bytes: what the largest maps of the network shrink by if the stride here is doubled; None where the
    network then doesn't fit together.
    """

    name: str
    kind: str
    pool_size: tuple[int, int]
    strides: tuple[int, int]
    input_shape: Shape
    output_shape: Shape
    saves_bytes: int | None


@dataclass(frozen=True, slots=True)
class PoolingSites:
    """peak_bytes: the largest sum of the int8 maps that one layer reads and writes; activations aren't layers here."""

    model: str
    peak_bytes: int
    peak_layer: str
    sites: tuple[PoolingSite, ...]


@dataclass(frozen=True, slots=True)
class Replaced:
    """What `sapmcu pool` did. names: the replaced layers. parameters: before and after."""

    model: str
    kind: str
    names: tuple[str, ...]
    parameters: tuple[int, int]
    out: str
