# SPDX-License-Identifier: Apache-2.0
"""What packing reads of the parameters that lowering gives any core."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from sapmcu.ir.graph import Array
from sapmcu.ir.native import Constant, Params, Value
from sapmcu.lower.requantization import Channels


def numbers_of(params: Params) -> Mapping[str, int]:
    """The fields that are numbers."""
    return {name: value for name, value in params.fields if isinstance(value, int)}


def values_of(value: Value) -> Array:
    """int64, of an array."""
    assert isinstance(value, Constant)
    return np.array(value.values, np.int64)


def filter_stream(words: Array) -> Constant:
    """What a kernel reads front to back."""
    return Constant("int32_t", tuple(words.tolist()), "filter")


def sum_ranges(filters: Array, bias: Array) -> tuple[Array, Array]:
    """(least, largest) sum of each channel over all int8 inputs. filters: int64 [channels, ...]."""
    flat = filters.reshape(len(filters), -1)
    ends = np.array([-128 * flat, 127 * flat])
    return bias + ends.min(0).sum(1), bias + ends.max(0).sum(1)


def channels_of(fields: Mapping[str, Value], filters: Array, zero_point: int) -> Channels:
    """filters: int64 [channels, ...]. fields: with bias, multiplier and shift."""
    bias = values_of(fields["bias"])
    multiplier, shift = (np.broadcast_to(values_of(fields[name]), bias.shape) for name in ("multiplier", "shift"))
    first, last = sum_ranges(filters, bias)
    return Channels(multiplier, shift, zero_point, first, last)
