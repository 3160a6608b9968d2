# SPDX-License-Identifier: Apache-2.0
"""How channels pass through a layer: the slots of its outputs, from those of its inputs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from sapmcu.errors import UserError
from sapmcu.ir.graph import Array
from sapmcu.train.prune.calls import Call, Ref
from sapmcu.train.prune.slots import Slots

MIXING_ACTIVATIONS = frozenset({"softmax", "log_softmax", "sparsemax", "glu"})
"""Activations whose channels depend on each other."""
LAYOUT_HINT = "build the model with data_format='channels_last', as TFLite takes it"


def route_producer(slots: Slots, call: Call, inputs: Sequence[Array]) -> list[Array]:
    """A layer with filters: it reads all input channels, its output channels are its own."""
    layer = call.layer
    if getattr(layer, "groups", 1) != 1:
        raise UserError(
            f"layer {call.name} is a {type(layer).__name__} with {layer.groups} groups, whose channels can't be "
            "removed one by one",
            hint=f"--keep {call.name} leaves the channels before and behind it as they are",
        )
    slots.tie_calls(layer, list(inputs))
    if call.name not in slots.produced:
        slots.produced[call.name] = slots.fresh(_channels(call))
    made = slots.produced[call.name]
    if _mixes(layer):
        slots.lock(made, call.name, f"its {layer.activation.__name__} is over all channels")
    return [made]


def route_repeated(slots: Slots, call: Call, inputs: Sequence[Array]) -> list[Array]:
    """A depthwise convolution: output c·m + i comes from input c alone."""
    slots.tie_calls(call.layer, list(inputs))
    made = np.repeat(inputs[0], call.layer.depth_multiplier)
    if _mixes(call.layer):
        slots.lock(made, call.name, "its activation is over all channels")
    return [made]


def route_same(slots: Slots, call: Call, inputs: Sequence[Array]) -> list[Array]:
    """Each output channel depends on the input channel of its number, and on no other."""
    if getattr(call.layer, "weights", ()):
        slots.tie_calls(call.layer, list(inputs))
    return [inputs[0]]


def route_own(slots: Slots, call: Call, inputs: Sequence[Array]) -> list[Array]:
    """A layer that says itself how it is pruned: pruned(kept); its output channels are its input channels."""
    slots.tie_calls(call.layer, list(inputs))
    if len(call.outputs) != 1 or call.outputs[0].shape[-1] != len(inputs[0]):
        return route_whole(slots, call, inputs)
    return [inputs[0]]


def route_merge(slots: Slots, call: Call, inputs: Sequence[Array]) -> list[Array]:
    """Elementwise over one or more operands: equal numbers are tied; one channel is broadcast over all."""
    widest = max(inputs, key=len)
    for one in inputs:
        if len(one) == len(widest):
            slots.tie(one, widest)
        else:
            slots.lock(one)
    if _has_constant_channels(call):
        slots.lock(widest, call.name, "it has a constant for each channel")
    return [widest]


def route_concatenation(slots: Slots, call: Call, inputs: Sequence[Array]) -> list[Array]:
    """Along the channels: one behind the other. Along another axis: tied."""
    rank = len(call.outputs[0].shape)
    if call.layer.axis % rank == rank - 1:
        return [np.concatenate(inputs)]
    return route_merge(slots, call, inputs)


def route_flat(slots: Slots, call: Call, inputs: Sequence[Array]) -> list[Array]:
    """Flatten: the channels of each pixel, one behind the other."""
    (ref,) = call.inputs
    pixels = math.prod(size or 0 for size in ref.shape[1:-1])
    return [np.tile(inputs[0], pixels)] if pixels else route_whole(slots, call, inputs)


def route_reshape(slots: Slots, call: Call, inputs: Sequence[Array]) -> list[Array]:
    """Whole pixels side by side on the last axis, or a channel axis that is split: its rows are tied."""
    width, made = len(inputs[0]), _channels(call)
    slots.tie_calls(call.layer, list(inputs))
    if made % width == 0:
        return [np.tile(inputs[0], made // width)]
    if width % made == 0:
        rows = inputs[0].reshape(-1, made)
        for row in rows[1:]:
            slots.tie(rows[0], row)
        return [rows[0]]
    return route_whole(slots, call, inputs)


def route_permuted(slots: Slots, call: Call, inputs: Sequence[Array]) -> list[Array]:
    is_last_kept = call.layer.dims[-1] == len(call.layer.dims)
    return [inputs[0]] if is_last_kept else route_whole(slots, call, inputs)


def route_normalization(slots: Slots, call: Call, inputs: Sequence[Array]) -> list[Array]:
    """A batch norm works on each channel alone where its axis is the last."""
    rank = len(call.inputs[0].shape)
    axis = call.layer.axis
    axes = axis if isinstance(axis, list | tuple) else (axis,)
    return (
        route_same(slots, call, inputs) if [a % rank for a in axes] == [rank - 1] else route_whole(slots, call, inputs)
    )


def route_activation(slots: Slots, call: Call, inputs: Sequence[Array]) -> list[Array]:
    return route_whole(slots, call, inputs) if _mixes(call.layer) else [inputs[0]]


def route_scaled(slots: Slots, call: Call, inputs: Sequence[Array]) -> list[Array]:
    """Rescaling: with one number for all channels."""
    is_number = all(np.ndim(value) == 0 for value in (call.layer.scale, call.layer.offset))
    return [inputs[0]] if is_number else route_whole(slots, call, inputs)


def route_reduction(slots: Slots, call: Call, inputs: Sequence[Array]) -> list[Array]:
    """keras.ops.mean and its like: not over the channels."""
    rank, axis = len(call.inputs[0].shape), call.layer.axis
    axes = range(rank) if axis is None else (axis,) if isinstance(axis, int) else axis
    if any(one % rank == rank - 1 for one in axes):
        return route_whole(slots, call, inputs)
    return [inputs[0]]


def route_whole(slots: Slots, call: Call, inputs: Sequence[Array]) -> list[Array]:
    """A layer that mixes channels, or that sapmcu doesn't know: all before it and all that it makes are kept."""
    reason = f"{type(call.layer).__name__} needs all its channels"
    for one in inputs:
        slots.lock(one, call.name, reason)
    made = [slots.fresh(ref.shape[-1] or 0 if ref.shape else 0) for ref in call.outputs]
    for one in made:
        slots.lock(one)
    return made


def check_layout(call: Call) -> None:
    """Raises: UserError where the channels are not on the last axis."""
    if getattr(call.layer, "data_format", None) == "channels_first":
        raise UserError(f"layer {call.name} has its channels first", hint=LAYOUT_HINT)


def _channels(call: Call) -> int:
    count = call.outputs[0].shape[-1]
    assert count is not None, call.name
    return count


def _mixes(layer: Any) -> bool:
    return getattr(getattr(layer, "activation", None), "__name__", "") in MIXING_ACTIVATIONS


def _has_constant_channels(call: Call) -> bool:
    """Whether an operand is an array of numbers; lists of Ref are operands of the model."""
    given = [one for one in (*call.args, *call.kwargs.values()) if not isinstance(one, Ref | str | None)]
    constants = [one for one in given if not (isinstance(one, list | tuple) and any(isinstance(i, Ref) for i in one))]
    return any(np.ndim(one) > 0 and np.shape(one)[-1] > 1 for one in constants)
