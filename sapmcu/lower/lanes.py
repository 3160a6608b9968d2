# SPDX-License-Identifier: Apache-2.0
"""Convolutions for cores whose only product is one of 32 bits: filters in blocks whose sums fit in 16 bits.

Two pixels share a word, so that a product with a number of the filter has those of both, as long as a sum of such
products has 16 bits for each: |x| is 128 at the most, so the magnitudes of a block may add up to 255. What is beyond is
taken off a block and listed; of trained filters that is every tenth to thirtieth number.

What lowering gives any core is rewritten where the bounds below hold; the rest keeps its generic kernels.
Source: sapmcu/lanes_conv2d.h, which the kernels read.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sapmcu.ir.cascade import RowForm
from sapmcu.ir.graph import Array
from sapmcu.ir.native import Call, Constant, FunctionRef, Lowered, Params, Value

HEADER = "sapmcu/lanes_conv2d.h"
KERNEL = FunctionRef("sapmcu_lanes_conv2d_row_s8", HEADER)
GENERIC = "sapmcu_conv2d_row_s8"
TAPS, CHANNELS, END = 40, 16, 0xFF
"""SAPMCU_LANES_TAPS, SAPMCU_LANES_CHANNELS and SAPMCU_LANES_END of the header."""
BLOCK = 4
MAX_MAGNITUDES = 255
MAX_SUM = 2**30 - 1
"""Of a sum and its bias, which the requantization of the kernels for ARMv6-M takes."""


def with_lanes(lowered: Lowered) -> Lowered:
    """The same op, its convolutions by lanes."""
    return replace(
        lowered,
        calls=tuple(_call_with_lanes(call) for call in lowered.calls),
        forms=tuple(_form_with_lanes(form) for form in lowered.forms),
    )


def _call_with_lanes(call: Call) -> Call:
    kernels = [one for one in call.arguments if isinstance(one, FunctionRef) and one.name == GENERIC]
    if call.function != "sapmcu_run_rows" or not kernels:
        return call
    geometry, _, params, *rest = call.arguments
    assert isinstance(params, Params)
    lanes = _params_with_lanes(params)
    return call if lanes is None else replace(call, arguments=(geometry, KERNEL, lanes, *rest))


def _form_with_lanes(form: RowForm) -> RowForm:
    if form.kernel is None or form.kernel.name != GENERIC or form.params is None:
        return form
    lanes = _params_with_lanes(form.params)
    return form if lanes is None else replace(form, kernel=KERNEL, params=lanes)


def _params_with_lanes(params: Params) -> Params | None:
    """From those of the generic kernel; None where a bound doesn't hold."""
    fields = dict(params.fields)
    channels = fields["out_channels"]
    assert isinstance(channels, int)
    filters, bias = _values(fields["filter"]).reshape(channels, -1), _values(fields["bias"])
    sums = 128 * np.abs(filters).sum(axis=1) + np.abs(bias)
    if fields["groups"] != 1 or sums.max() > MAX_SUM:
        return None
    kept, rest = blocks_and_rest(filters)
    words, listed = streams(kept, rest)
    own: dict[str, Value] = {
        "filter": Constant("uint32_t", tuple(words.tolist()), "filter"),
        "rest": Constant("uint8_t", tuple(listed), "rest"),
    }
    others = ((name, value) for name, value in params.fields if name not in ("filter", "groups"))
    return Params("sapmcu_lanes_conv2d_s8_params", (*own.items(), *others), params.role)


def _values(value: Value) -> Array:
    assert isinstance(value, Constant)
    return np.array(value.values, np.int64)


def blocks_and_rest(filters: Array) -> tuple[Array, Array]:
    """(filters whose blocks keep to the bound, what was taken off), int64 [channels, numbers].

    Both have zeros to whole blocks. The largest of a block gives first.
    """
    kept = np.pad(filters, ((0, 0), (0, -filters.shape[1] % BLOCK)))
    blocks = kept.reshape(-1, BLOCK)
    rest = np.zeros_like(blocks)
    while True:
        excess = np.abs(blocks).sum(axis=1) - MAX_MAGNITUDES
        over = np.flatnonzero(excess > 0)
        if not over.size:
            return kept, rest.reshape(kept.shape)
        largest = np.abs(blocks[over]).argmax(axis=1)
        value = blocks[over, largest]
        taken = np.sign(value) * np.minimum(np.abs(value), np.minimum(excess[over], 127))
        blocks[over, largest] -= taken
        rest[over, largest] += taken


def streams(kept: Array, rest: Array) -> tuple[Array, list[int]]:
    """(words of the filters, bytes of the rest), in the order in which the kernel reads them."""
    words: list[Array] = []
    listed: list[int] = []
    for channel in range(0, len(kept), CHANNELS):
        for tap in range(0, kept.shape[1], TAPS):
            part = slice(channel, channel + CHANNELS), slice(tap, tap + TAPS)
            words.append(np.ascontiguousarray(kept[part].astype(np.int8)).view("<u4").ravel())
            for of, at in zip(*np.nonzero(rest[part]), strict=True):
                listed += _listed(int(of), int(at), int(rest[part][of, at]))
            listed.append(END)
    return np.concatenate(words), listed


def _listed(channel: int, tap: int, value: int) -> list[int]:
    """Entries of a number; -128 has a place in one, 128 and more have not."""
    entries: list[int] = []
    while value:
        one = max(min(value, 127), -128)
        entries += [channel, tap, one & 0xFF]
        value -= one
    return entries
