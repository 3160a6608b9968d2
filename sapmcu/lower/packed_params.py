# SPDX-License-Identifier: Apache-2.0
"""What packing reads of the parameters that lowering gives any core."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

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


def with_plain_constants(fields: Mapping[str, Value], filters: Array, zero_point: int) -> Mapping[str, Value]:
    """Channels whose filters are all 0 always give one number, whatever their scale is: so from a bias and a factor
    that keep no op from packed kernels. filters: int64 [channels, ...]. fields: with bias, multiplier and shift.
    """
    is_constant = ~filters.reshape(len(filters), -1).any(1)
    if not is_constant.any():
        return fields
    bias = values_of(fields["bias"])
    multiplier, shift = (np.broadcast_to(values_of(fields[name]), bias.shape) for name in ("multiplier", "shift"))
    result = Channels(multiplier, shift, zero_point, bias, bias).results(bias[:, None])[:, 0]
    plain = (  # bias · 2^30 / 2^31 / 2^7
        ("bias", np.where(is_constant, (result - zero_point) << 8, bias)),
        ("multiplier", np.where(is_constant, 1 << 30, multiplier)),
        ("shift", np.where(is_constant, -7, shift)),
    )
    changed: dict[str, Value] = dict(fields)
    for name, values in plain:
        constant = fields[name]
        assert isinstance(constant, Constant)
        changed[name] = replace(constant, values=tuple(values.tolist()))
    return changed
