# SPDX-License-Identifier: Apache-2.0
"""Requantization in few instructions, where it is proved to give TFLM's numbers.

TFLM rounds twice: sum · multiplier / 2^31 to nearest, then by 2^−shift to nearest, ties away from zero. Its result is a
staircase that only rises with the sum, so that a shorter sequence equals it over all sums from first to last if it does
at the ends and on both sides of each of the 255 steps at the most. The sequence, where sum · 2^8 is what a kernel has:

    (offset + (sum · 2^8 · factor >> 32)) >> fraction_bits, saturated to int8: SMMLA, SSAT

For a factor each step bounds the offset from below and from above; so the offsets that give TFLM's numbers are an
interval, which is found, not searched. Ties away from zero put the steps of negative sums elsewhere: where the interval
is empty, negative sums get an offset of their own (AND, ADD). Channels with neither take the generic kernel.

Source: the ARMv7-M Architecture Reference Manual, SMMLA and SSAT; gemmlowp's fixedpoint.h for TFLM's roundings.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from sapmcu.ir.graph import Array
from sapmcu.reference.fixed_point import INT32_MAX, INT32_MIN, multiply_by_quantized_multiplier

SUM_BITS = 8
"""Most kernels give sum · 2^SUM_BITS."""
FRACTION_BITS = 12
"""The shift that they have built in, SAPMCU_FRACTION_BITS of sapmcu/packed_conv2d.h: SSAT shifts by constants."""
OTHER_FRACTION_BITS = (12, 11, 13, 10, 14, 9, 15, 8, 16, 7, 17, 6)
"""With one instruction more."""
LOW, HIGH = -128, 127
_BEYOND = 1 << 40
MAX_DISTANCE = 8
"""How far from the ideal factor others are tried."""
MAX_SCALE_BITS = 16
"""The most bits by which a kernel scales a channel's sums by itself."""
KEPT = 1024
"""Sequences that are kept: those of some networks' ops."""


def max_sum(multiple: int = 1 << SUM_BITS) -> int:
    """With more, sum · multiple has no place in 32 bits."""
    return INT32_MAX // multiple


@dataclass(frozen=True, slots=True)
class Channels:
    """What TFLM computes. All arrays are int64 [channels]; first, last: the least and the largest sum."""

    multiplier: Array
    shift: Array
    zero_point: int
    first: Array
    last: Array

    def some(self, which: Array) -> Channels:
        """Of these channels."""
        arrays = (one[which] for one in (self.multiplier, self.shift, self.first, self.last))
        multiplier, shift, first, last = arrays
        return Channels(multiplier, shift, self.zero_point, first, last)

    def results(self, sums: Array) -> Array:
        """int8 numbers in int64, of sums [channels, n]."""
        scaled = multiply_by_quantized_multiplier(sums, self.multiplier[:, None], self.shift[:, None])
        return np.clip(scaled + self.zero_point, LOW, HIGH)


@dataclass(frozen=True, slots=True)
class Sequence:
    """int64 [channels] each. negative: what is added to the offset where the sum is negative; None: nothing.

    multiple: of a sum, that a kernel has.
    """

    fraction_bits: int
    factor: Array
    offset: Array
    negative: Array | None
    multiple: int = 1 << SUM_BITS

    def results(self, sums: Array) -> Array:
        """What the instructions give, of sums [channels, n]."""
        offsets = np.broadcast_to(self.offset[:, None], sums.shape)
        if self.negative is not None:
            offsets = offsets + np.where(sums < 0, self.negative[:, None], 0)
        return np.clip((offsets + _products(sums, self.factor, self.multiple)) >> self.fraction_bits, LOW, HIGH)


def _products(sums: Array, factor: Array, multiple: int) -> Array:
    """The high word of sum · multiple · factor."""
    products: Array = (sums * multiple * factor[:, None]) >> 32
    return products


def find_sequence(channels: Channels, multiple: int = 1 << SUM_BITS) -> Sequence | None:
    """The shortest sequence for all channels, proved; None where there is none.

    multiple: a kernel has sum · multiple. Sequences are kept: an op is lowered whole and by rows, for several plans,
    with the same channels.
    """
    arrays = (channels.multiplier, channels.shift, channels.first, channels.last)
    return _find_once(multiple, channels.zero_point, *(np.ascontiguousarray(one, np.int64).tobytes() for one in arrays))


@dataclass(frozen=True, slots=True)
class ScaledSequence:
    """Where a kernel has sum · 2^bits of each channel: factor and offset as in Sequence. int64 [channels] each."""

    bits: Array
    factor: Array
    offset: Array


def find_scaled_sequence(channels: Channels) -> ScaledSequence | None:
    """SMMLA and SSAT by FRACTION_BITS for each channel, proved; None where a channel has none.

    A factor of 31 bits is enough for scales below 2^(bits − 13). Kept as above.
    """
    arrays = (channels.multiplier, channels.shift, channels.first, channels.last)
    return _find_scaled_once(channels.zero_point, *(np.ascontiguousarray(one, np.int64).tobytes() for one in arrays))


@lru_cache(maxsize=KEPT)
def _find_scaled_once(
    zero_point: int, multiplier: bytes, shift: bytes, first: bytes, last: bytes
) -> ScaledSequence | None:
    channels = _channels(zero_point, multiplier, shift, first, last)
    if channels.shift.max() > 0:
        return None
    steps = _signed_steps(channels)
    bits, factors, offsets = np.zeros((3, len(channels.first)), np.int64)
    largest = np.maximum(np.abs(channels.first), np.abs(channels.last))
    for one in range(SUM_BITS, MAX_SCALE_BITS + 1):
        left = np.flatnonzero(bits == 0)
        if not left.size or largest[left].max() >= 1 << (31 - one):
            break
        some = steps[0].some(left), steps[1].some(left)
        found, factor, offset = _find_each(channels.some(left), some, FRACTION_BITS, 1 << one, is_one=True)
        new = left[found]
        bits[new], factors[new], offsets[new] = one, factor[found], offset[0][found]
    return ScaledSequence(bits, factors, offsets) if bits.all() else None


def _channels(zero_point: int, *arrays: bytes) -> Channels:
    multiplier, shift, first, last = (np.frombuffer(one, np.int64) for one in arrays)
    return Channels(multiplier, shift, zero_point, first, last)


def _signed_steps(channels: Channels) -> tuple[_Steps, _Steps]:
    """Of negative sums and of the others."""
    negative = _Steps.of(channels, channels.first, np.minimum(channels.last, -1))
    return negative, _Steps.of(channels, np.maximum(channels.first, 0), channels.last)


@lru_cache(maxsize=KEPT)
def _find_once(
    multiple: int, zero_point: int, multiplier: bytes, shift: bytes, first: bytes, last: bytes
) -> Sequence | None:
    channels = _channels(zero_point, multiplier, shift, first, last)
    largest = max(np.abs(channels.first).max(), np.abs(channels.last).max())
    if largest > max_sum(multiple) or channels.shift.max() > 0:
        return None
    steps = _signed_steps(channels)
    sequence = _find(channels, steps, FRACTION_BITS, multiple, is_one=True)
    for bits in OTHER_FRACTION_BITS:
        sequence = sequence or _find(channels, steps, bits, multiple, is_one=False)
    return sequence


def first_sums(channels: Channels) -> Array:
    """The least sum [channels, 255] that gives -127..127 or more, if sums had no ends.

    A quotient of sums of one sign is k or more from (k − 1/2) · 2^n on, and a tie below zero goes down; the high
    product is s or more where sum · multiplier >= s · 2^31 − 2^30.
    """
    quotients = np.arange(LOW + 1, HIGH + 1) - channels.zero_point
    right = -channels.shift[:, None]
    is_tie_down = (quotients <= 0) & (right > 0)
    high = (quotients << right) - ((np.int64(1) << right) >> 1) + is_tie_down
    numerators = (np.clip(high, INT32_MIN, INT32_MAX) << 31) - (1 << 30)
    sums: Array = -(-numerators // np.maximum(channels.multiplier, 1)[:, None])
    return sums


@dataclass(frozen=True, slots=True)
class _Steps:
    """Sums of one sign and what must come of them: at_least [channels, n] gives from_ or more, at_most no more than
    up_to. Where nothing is asked for, these are beyond all numbers."""

    at_least: Array
    from_: Array
    at_most: Array
    up_to: Array

    @classmethod
    def of(cls, channels: Channels, first: Array, last: Array) -> _Steps:
        """Both sides of each step between first and last, and the ends; nothing where first > last."""
        numbers = np.arange(LOW + 1, HIGH + 1)
        low, high = first[:, None], last[:, None]
        steps = first_sums(channels)
        is_inside = (low < steps) & (steps <= high)
        steps = np.where(is_inside, steps, low)
        least, most = channels.results(low), channels.results(high)
        return cls(
            at_least=np.concatenate([low, steps], 1),
            from_=np.concatenate(
                [np.where((low <= high) & (least > LOW), least, -_BEYOND), np.where(is_inside, numbers, -_BEYOND)], 1
            ),
            at_most=np.concatenate([high, steps - is_inside], 1),
            up_to=np.concatenate(
                [np.where((low <= high) & (most < HIGH), most, _BEYOND), np.where(is_inside, numbers - 1, _BEYOND)], 1
            ),
        )

    def some(self, which: Array) -> _Steps:
        """Of these channels."""
        return _Steps(self.at_least[which], self.from_[which], self.at_most[which], self.up_to[which])

    def offsets(self, factor: Array, bits: int, multiple: int) -> tuple[Array, Array]:
        """(least, most) offset of each channel that gives all this; least > most where none does."""
        least = (self.from_ << bits) - _products(self.at_least, factor, multiple)
        most = ((self.up_to + 1) << bits) - 1 - _products(self.at_most, factor, multiple)
        return least.max(1), most.min(1)


def _factors(channels: Channels, bits: int, multiple: int) -> Iterator[Array]:
    """Factors of each channel, the ideal one first."""
    ideal = channels.multiplier * 2.0 ** (channels.shift + bits + 1) / multiple
    nearest = np.rint(np.minimum(ideal, 1 << 32)).astype(np.int64)
    for distance in sorted(range(-MAX_DISTANCE, MAX_DISTANCE + 1), key=abs):
        yield np.clip(nearest + distance, 0, None)


def _room(channels: Channels, factor: Array, multiple: int) -> tuple[Array, Array]:
    """(least, most) offset without overflow, at the ends and so everywhere; none for a factor beyond 31 bits."""
    low, high = (_products(one[:, None], factor, multiple)[:, 0] for one in (channels.first, channels.last))
    is_word = factor <= INT32_MAX
    least = np.where(is_word, INT32_MIN - np.minimum(low, 0), _BEYOND)
    return least, INT32_MAX - np.maximum(high, 0)


def _find(
    channels: Channels, steps: tuple[_Steps, _Steps], bits: int, multiple: int, *, is_one: bool
) -> Sequence | None:
    """is_one: the same offset for sums of both signs."""
    is_found, factors, offsets = _find_each(channels, steps, bits, multiple, is_one=is_one)
    difference = offsets[0] - offsets[1]
    if not is_found.all() or np.abs(difference).max() > INT32_MAX:
        return None
    return Sequence(bits, factors, offsets[1], None if is_one else difference, multiple)


def _find_each(
    channels: Channels, steps: tuple[_Steps, _Steps], bits: int, multiple: int, *, is_one: bool
) -> tuple[Array, Array, Array]:
    """(which channels have one, factor, offsets [2, channels] of negative sums and of the others).

    steps: of negative sums and of the others.
    """
    count = len(channels.first)
    is_found = np.zeros(count, bool)
    factors, offsets = np.zeros(count, np.int64), np.zeros((2, count), np.int64)
    left = np.arange(count)
    for every_factor in _factors(channels, bits, multiple):
        some, factor = channels.some(left), every_factor[left]
        room = _room(some, factor, multiple)
        bounds = np.array([one.offsets(factor, bits, multiple) for one in steps])
        least, most = np.maximum(bounds[:, 0], room[0]), np.minimum(bounds[:, 1], room[1])
        common = least.max(0), most.min(0)
        has_common = common[0] <= common[1]
        least, most = (np.where(has_common, one, each) for one, each in zip(common, (least, most), strict=True))
        fits = has_common if is_one else (least <= most).all(0)
        new = left[fits]
        factors[new], offsets[:, new] = factor[fits], ((least + most) >> 1)[:, fits]
        is_found[new] = True
        if fits.all():
            break
        if fits.any():
            left, steps = left[~fits], (steps[0].some(~fits), steps[1].some(~fits))
    return is_found, factors, offsets
