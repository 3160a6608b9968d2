# SPDX-License-Identifier: Apache-2.0
"""Tensor names back to layers."""

from __future__ import annotations

import pytest

from sapmcu.quantize.layers import layer_name

LAYERS = ("stem", "block1_norm", "block1", "conv_2", "flat")


@pytest.mark.parametrize(
    ("tensor", "expected"),
    [
        ("tiny/stem/Relu;tiny/block1_norm/add", "stem"),
        ("tiny_1/stem_1/Relu;tiny_1/stem_1/convolution", "stem"),  # Keras 3 numbers its scopes
        ("tiny/conv_2/BiasAdd", "conv_2"),
        ("tiny/conv_2_1/BiasAdd", "conv_2"),
        ("tiny/block1/block1_norm/add", "block1_norm"),  # the innermost
        ("tiny/unknown/add;tiny/flat/Reshape", "flat"),
        ("tiny/unknown/add", "unknown"),
        ("StatefulPartitionedCall:0", "StatefulPartitionedCall:0"),
        ("StatefulPartitionedCall/tiny/unknown/add", "unknown"),
        ("", ""),
    ],
)
def test_layer_of_a_tensor(tensor: str, expected: str) -> None:
    assert layer_name(tensor, LAYERS) == expected
