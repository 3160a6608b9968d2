# SPDX-License-Identifier: Apache-2.0
"""A Keras model with other poolings: a new model, all other weights kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

import keras

from sapmcu.errors import UserError
from sapmcu.layers.rewriting import check_rewritable
from sapmcu.layers.sites import FUSED, STRIDED_CONV, connections, named_layers, site_kind
from sapmcu.layers.table import make_pooling

Where = Iterable[str] | Callable[[Any], bool] | None
Make = Callable[[Any, str], Any]
"""(old layer, name) -> new pooling layer."""


def replace_pooling(model: Any, pooling: str, where: Where = None, **options: Any) -> Any:
    """A new model in which max and average pools, our poolings or strided convolutions are poolings of another kind.

    A strided convolution runs at stride 1 and the pooling follows it, after the batch norm and the activation that
    follow it. Window, strides and padding stay as they were unless `options` has pool_size, strides or padding; the
    other options are the pooling's. The weights of all other layers are copied; those of the new poolings are random.

    pooling: a kind of POOLINGS. where: names of layers (backbone/pool for one in a model within the model), or a
    function layer -> bool; None takes all max and average pools.

    Raises: UserError, naming the layer, where there is no such layer, it doesn't down-sample, it is called more than
    once, or the model can't be rewritten or doesn't fit together afterwards.
    """
    check_rewritable(model)
    if "name" in options:
        raise UserError("name is no option of a pooling", hint="a new pooling is named after the layer it replaces")
    names = chosen_names(model, where)

    def make(layer: Any, name: str) -> Any:
        kind = site_kind(layer)
        size = layer.strides if kind == STRIDED_CONV else layer.pool_size
        padding = "same" if kind == STRIDED_CONV else layer.padding
        place = {"pool_size": size, "strides": layer.strides, "padding": padding}
        if "pool_size" in options and "strides" not in options:
            place["strides"] = None
        return make_pooling(pooling, **{**place, **options}, name=name)

    return _rewritten(model, names, make)


def chosen_names(model: Any, where: Where) -> tuple[str, ...]:
    """The names that `where` means. Raises: UserError where one isn't a layer that down-samples, or there is none."""
    sites = {name: layer for name, layer in named_layers(model) if site_kind(layer)}
    if where is None:
        names = [name for name, layer in sites.items() if site_kind(layer) in ("max", "average")]
    elif callable(where):
        names = [name for name, layer in sites.items() if where(layer)]
    else:
        names = list(dict.fromkeys([where] if isinstance(where, str) else where))
        _check_names(model, names, sites)
    if not names:
        raise UserError(
            f"{model.name} has no layer to replace", hint=f"those that down-sample: {', '.join(sites) or 'none'}"
        )
    return tuple(names)


def _check_names(model: Any, names: Sequence[str], sites: Mapping[str, Any]) -> None:
    layers = dict(named_layers(model))
    for name in names:
        if name in sites:
            continue
        if name in layers:
            raise UserError(
                f"{name} doesn't down-sample and can't be replaced by a pooling; it is a {type(layers[name]).__name__}",
                hint=f"those that do: {', '.join(sites) or 'none'}",
            )
        near = get_close_matches(name, layers, n=3, cutoff=0.5)
        raise UserError(
            f"{model.name} has no layer {name}",
            hint=f"did you mean {' or '.join(near)}?" if near else f"those that down-sample: {', '.join(sites)}",
        )


def _rewritten(model: Any, names: Sequence[str], make: Make) -> Any:
    """The model with the layers of these names replaced; names of models within it start with theirs."""
    check_rewritable(model)
    own = {name for name in names if "/" not in name}
    links = connections(model)
    for name in sorted({name.split("/")[0] for name in names}):
        if links.uses[name] > 1:
            raise UserError(
                f"{name} is called {links.uses[name]} times in {model.name}, and can't be replaced",
                hint="build the model with a layer of its own at each place",
            )
    taken = {layer.name for layer in model.layers}
    after: dict[str, Any] = {}
    copies: list[tuple[Any, Any]] = []

    def clone(layer: Any) -> Any:
        inner = [name.split("/", 1)[1] for name in names if name.startswith(f"{layer.name}/")]
        if inner:
            return _rewritten(layer, inner, make)
        if layer.name in own and site_kind(layer) != STRIDED_CONV:
            return make(layer, layer.name)
        config = layer.get_config()
        if layer.name in own:
            config["strides"] = (1, 1)
            after[_last_fused(model, layer.name, links)] = make(layer, _free_name(f"{layer.name}_pool", taken))
        copy = type(layer).from_config(config)
        copies.append((layer, copy))
        return copy

    new = _connected(model, clone, after)
    for old, copy in copies:
        _copy_weights(old, copy)
    return new


def _connected(model: Any, clone: Callable[[Any], Any], after: Mapping[str, Any]) -> Any:
    """The layers' clones, connected as the layers are; `after`: what follows a layer of this name."""
    try:
        if isinstance(model, keras.Sequential):
            first = model.inputs[0]
            layers = [keras.Input(batch_shape=first.shape, dtype=first.dtype, name=first.name)]
            for layer in model.layers:
                layers.append(clone(layer))
                layers += [after[layer.name]] if layer.name in after else []
            return keras.Sequential(layers, name=model.name)

        def call(layer: Any, *arguments: Any, **options: Any) -> Any:
            result = layer(*arguments, **options)
            return after[layer.name](result) if layer.name in after else result

        return keras.models.clone_model(model, clone_function=clone, call_function=call)
    except ValueError as error:
        raise UserError(
            f"{model.name} doesn't fit together with these poolings",
            hint="keep the strides that the layers have, or choose them where branches meet alike",
            details=[line for line in str(error).splitlines() if line.strip()][:3],
        ) from error


def _copy_weights(old: Any, copy: Any) -> None:
    shapes = [tuple(one.shape) for one in old.weights]
    if shapes != [tuple(one.shape) for one in copy.weights]:
        raise UserError(
            f"the weights of {old.name} no longer fit: what it reads now has another size",
            hint="keep the strides that the layers have, or end the network with GlobalAveragePooling2D",
        )
    copy.set_weights(old.get_weights())


def _last_fused(model: Any, name: str, links: Any) -> str:
    """The last of the batch norms and activations that follow a layer and nothing else reads."""
    while len(links.readers[name]) == 1 and links.readers[name][0]:
        (reader,) = links.readers[name]
        if not isinstance(model.get_layer(reader), FUSED) or links.uses[reader] > 1:
            break
        name = reader
    return name


def _free_name(name: str, taken: set[str]) -> str:
    free, number = name, 2
    while free in taken:
        free, number = f"{name}_{number}", number + 1
    taken.add(free)
    return free
