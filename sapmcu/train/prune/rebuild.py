# SPDX-License-Identifier: Apache-2.0
"""A smaller model: every layer made anew with the channels that stay, and the weights copied."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from sapmcu.ir.graph import Array
from sapmcu.train.prune.calls import Call, Ref, function_of
from sapmcu.train.prune.graph import ChannelGraph
from sapmcu.train.prune.rules import rule_of
from sapmcu.train.prune.shrink import Cut


def rebuild(graph: ChannelGraph, is_kept: Array) -> Any:
    """A new functional model; the old one stays as it is. is_kept: as graph.kept gives it."""
    network, function = graph.network, function_of(graph.network.model)
    inputs = [keras.Input(batch_shape=one.shape, dtype=one.dtype, name=one.name) for one in function.inputs]
    tensors = dict(zip((ref.index for ref in network.inputs), inputs, strict=True))
    layers: dict[int, Any] = {}
    for call in network.calls:
        made = _called(call, graph, is_kept, tensors, layers)
        for ref, tensor in zip(call.outputs, made, strict=True):
            tensors[ref.index] = tensor
            _verify(ref, tensor, graph, is_kept)
    outputs = [tensors[ref.index] for ref in network.outputs]
    return keras.Model(
        _structured(function._inputs_struct, inputs),
        _structured(function._outputs_struct, outputs),
        name=network.model.name,
    )


def _structured(structure: Any, tensors: list[Any]) -> Any:
    """As the old model takes and gives them; a list of one, which old files have, is the one."""
    is_list_of_one = isinstance(structure, list | tuple) and len(tensors) == 1
    return tensors[0] if is_list_of_one else keras.tree.pack_sequence_as(structure, tensors)


def _called(
    call: Call, graph: ChannelGraph, is_kept: Array, tensors: dict[int, Any], layers: dict[int, Any]
) -> list[Any]:
    """The outputs of the new layer on the new tensors; a shared layer is made once."""

    def filled(value: Any) -> Any:
        return tensors[value.index] if isinstance(value, Ref) else value

    args, kwargs = keras.tree.map_structure(filled, (call.args, call.kwargs))
    known = layers.get(id(call.layer))
    if known is not None:
        return list(keras.tree.flatten(known(*args, **kwargs)))
    config, weights = _shrunk(call, graph, is_kept)
    layer = layers[id(call.layer)] = type(call.layer).from_config({**config, "name": call.name})
    outputs = keras.tree.flatten(layer(*args, **kwargs))
    if weights:
        layer.set_weights(weights)
    return list(outputs)


def _shrunk(call: Call, graph: ChannelGraph, is_kept: Array) -> tuple[dict[str, Any], list[Array]]:
    if not isinstance(call.layer, keras.Layer):
        return call.layer.get_config(), []
    inputs, outputs = (graph.positions(refs[0], is_kept) for refs in (call.inputs, call.outputs))
    is_same = all(np.all(is_kept[graph.roots[ref.index]]) for ref in (*call.inputs, *call.outputs))
    if is_same:
        return call.layer.get_config(), call.layer.get_weights()
    return rule_of(call.layer).shrink(call.layer, Cut(inputs, outputs))


def _verify(ref: Ref, tensor: Any, graph: ChannelGraph, is_kept: Array) -> None:
    """Asserts that the new tensor has the channels that the graph says."""
    expected = graph.width(ref, is_kept)
    has_channels = len(graph.roots[ref.index]) > 0
    assert not has_channels or tensor.shape[-1] == expected, (ref, tensor.shape, expected)
