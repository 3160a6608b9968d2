# SPDX-License-Identifier: Apache-2.0
"""The layers of a Keras model at which it down-samples, and what happens around them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import keras

from sapmcu.ir.pooling import PoolingSite, PoolingSites
from sapmcu.layers.pooling import Pooling2D
from sapmcu.layers.rewriting import check_rewritable
from sapmcu.layers.table import POOLINGS

STRIDED_CONV = "strided conv"
CONVOLUTIONS = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D, keras.layers.SeparableConv2D)
FUSED = (
    keras.layers.BatchNormalization,
    keras.layers.Activation,
    keras.layers.ReLU,
    keras.layers.LeakyReLU,
)
"""Layers that become part of the convolution before them; a pool goes after them."""


@dataclass(frozen=True, slots=True)
class Connections:
    """uses: how often each layer is called. readers: for each layer, those that read it; "" stands for an output."""

    uses: Mapping[str, int]
    readers: Mapping[str, tuple[str, ...]]

    def descendants(self, name: str) -> set[str]:
        """All layers that depend on this one."""
        found: set[str] = set()
        pending = [name]
        while pending:
            new = [one for one in self.readers[pending.pop()] if one and one not in found]
            found.update(new)
            pending += new
        return found


def connections(model: Any) -> Connections:
    if isinstance(model, keras.Sequential):
        names = [layer.name for layer in model.layers]
        readers = dict(zip(names, ((one,) for one in [*names[1:], ""]), strict=True))
        return Connections(dict.fromkeys(names, 1), readers)
    config = model.get_config()
    reads = {layer["name"]: list(_histories(layer["inbound_nodes"])) for layer in config["layers"]}
    readers_of: dict[str, list[str]] = {name: [] for name in reads}
    for name, sources in reads.items():
        for source in sources:
            readers_of[source].append(name)
    for layer in _outputs(config["output_layers"]):
        readers_of[layer].append("")
    uses = {layer["name"]: len(layer["inbound_nodes"]) for layer in config["layers"]}
    return Connections(uses, {name: tuple(found) for name, found in readers_of.items()})


def _histories(value: Any) -> Iterator[str]:
    """The layers whose results the arguments in a configuration are. Source: Keras 3, saving of Functional models."""
    if isinstance(value, dict):
        if value.get("class_name") == "__keras_tensor__":
            yield value["config"]["keras_history"][0]
        else:
            yield from _histories(list(value.values()))
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _histories(one)


def _outputs(value: Any) -> Iterator[str]:
    """Layer names in [name, node, tensor], or in lists and dictionaries of those."""
    if isinstance(value, dict):
        yield from _outputs(list(value.values()))
    elif len(value) == 3 and isinstance(value[0], str):
        yield value[0]
    else:
        for one in value:
            yield from _outputs(one)


def site_kind(layer: Any) -> str | None:
    """The kind of pooling that a layer is; None where it is none."""
    if isinstance(layer, CONVOLUTIONS):
        return STRIDED_CONV if max(layer.strides) > 1 else None
    is_pooling = isinstance(layer, Pooling2D | keras.layers.MaxPooling2D | keras.layers.AveragePooling2D)
    return next((kind for kind, made in POOLINGS.items() if isinstance(layer, made)), None) if is_pooling else None


def named_layers(model: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Name and layer, those of models within models as model/layer."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from named_layers(layer, f"{prefix}{layer.name}/")
        else:
            yield prefix + layer.name, layer


def find_sites(model: Any) -> PoolingSites:
    """All layers that replace_pooling can replace. Raises: UserError for a model that can't be rewritten."""
    check_rewritable(model)
    links = connections(model)
    maps = [layer for layer in model.layers if _map_bytes(layer) and not isinstance(layer, FUSED)]
    sizes = {layer.name: _read_and_written(layer) for layer in maps}
    peak_layer = max(sizes, key=lambda name: sizes[name], default="")
    peak = sizes.get(peak_layer, 0)
    own = {layer.name for layer in model.layers}
    sites = [
        _site(name, layer, _saved(name, model, links, peak) if name in own else None)
        for name, layer in named_layers(model)
        if site_kind(layer)
    ]
    return PoolingSites(model.name, peak, peak_layer, tuple(sites))


def _site(name: str, layer: Any, saves: int | None) -> PoolingSite:
    kind = site_kind(layer)
    assert kind is not None
    output = tuple(layer.output.shape[1:])
    read = tuple(layer.input.shape[1:])
    pool_size = layer.strides if kind == STRIDED_CONV else layer.pool_size
    if kind == STRIDED_CONV:
        at_one = type(layer).from_config({**layer.get_config(), "strides": 1})
        read = tuple(at_one.compute_output_shape(layer.input.shape)[1:])
    return PoolingSite(name, kind, tuple(pool_size), tuple(layer.strides), read, output, saves)


def _bytes(shape: Any) -> int:
    return prod(one or 1 for one in shape[1:])


def _map_bytes(layer: Any) -> int:
    """Of a layer that writes one image; 0 for any other."""
    shape = getattr(getattr(layer, "output", None), "shape", ())
    return _bytes(shape) if len(shape) == 4 else 0


def _read_and_written(layer: Any, shrunk: Any = None) -> int:
    inputs = layer.input if isinstance(layer.input, list) else [layer.input]
    is_input = isinstance(layer, keras.layers.InputLayer)
    scale = shrunk or (lambda tensor: 1)
    read = 0 if is_input else sum(int(_bytes(one.shape) * scale(one)) for one in inputs)
    return read + int(_map_bytes(layer) * scale(layer.output))


def _saved(name: str, model: Any, links: Connections, peak: int) -> int | None:
    """What the peak shrinks by if all maps that depend on this layer have half the height and width."""
    below = links.descendants(name) | {name}
    shrunk = {id(model.get_layer(one).output) for one in below if _map_bytes(model.get_layer(one))}
    sizes = []
    for layer in model.layers:
        inputs = layer.input if isinstance(layer.input, list) else [layer.input]
        halved = {id(one) in shrunk for one in inputs}
        if layer.name in below and layer.name != name and len(halved) > 1:
            return None  # a sum of a map that is halved and one that isn't
        if _map_bytes(layer) and not isinstance(layer, FUSED):
            sizes.append(_read_and_written(layer, lambda one: 0.25 if id(one) in shrunk else 1))
    return peak - max(sizes, default=0)
