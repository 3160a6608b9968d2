# SPDX-License-Identifier: Apache-2.0
"""A Keras 3 model as a straight list of calls of its layers, nested models unrolled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import keras

from sapmcu.errors import UserError

FUNCTIONAL_HINT = (
    "build it with keras.Sequential or keras.Model(inputs, outputs), load its weights into that and save it"
)


@dataclass(frozen=True, slots=True)
class Ref:
    """A tensor between two calls. shape: with the batch, None where it is open."""

    index: int
    shape: tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """layer(*args, **kwargs): a layer or a bare Keras operation, with Ref for its tensors.

    name: of the layer in the rebuilt model; a shared layer has several calls of one name.
    """

    layer: Any
    name: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    inputs: tuple[Ref, ...]
    outputs: tuple[Ref, ...]


@dataclass(frozen=True, slots=True)
class Network:
    """The calls in the order in which Keras runs them. inputs and outputs as the model was built with them, flat.

    name: what errors call the model.
    """

    model: Any
    name: str
    inputs: tuple[Ref, ...]
    outputs: tuple[Ref, ...]
    calls: tuple[Call, ...]


def read_network(model: Any, name: str | None = None) -> Network:
    """name: what errors call the model.

    Raises: UserError where the model isn't functional or Sequential, so that its calls are hidden in Python code.
    """
    function = function_of(model)
    reader = _Reader()
    inputs = [reader.ref(tensor) for tensor in function.inputs]
    outputs = reader.read(function, inputs, "")
    return Network(model, name or model.name, tuple(inputs), tuple(outputs), tuple(reader.calls))


def function_of(model: Any) -> Any:
    """What holds the nodes of a functional or Sequential model.

    Source: keras.src.models.functional and .sequential of Keras 3.15; Keras has no public name for the nodes.
    """
    kind = type(model)
    if not isinstance(model, keras.Model):
        raise UserError(f"{kind.__module__}.{kind.__name__} is not a model of Keras 3", hint="load it with keras")
    if isinstance(model, keras.Sequential):
        if not model.built or not hasattr(getattr(model, "_functional", None), "_nodes_by_depth"):
            raise UserError(
                f"the Sequential model {model.name} has no input shape", hint="start it with keras.Input(shape)"
            )
        return model._functional
    functional = _functional()
    if not isinstance(model, functional) or kind.call is not functional.call:
        raise UserError(
            f"{model.name} is a subclassed model (class {kind.__name__}): its calls are Python code, which can't be "
            "rewritten",
            hint=FUNCTIONAL_HINT,
        )
    return model


@cache
def _functional() -> Any:
    """The class that keras.Model(inputs, outputs) gives, which has no public name."""
    one = keras.Input((1,))
    return type(keras.Model(one, one))


class _Reader:
    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.count = 0
        self.names: dict[int, str] = {}

    def ref(self, tensor: Any) -> Ref:
        self.count += 1
        return Ref(self.count - 1, tuple(tensor.shape))

    def read(self, function: Any, inputs: Sequence[Ref], prefix: str) -> list[Ref]:
        """The function's outputs. prefix: the names of the models that it is nested in."""
        refs = {id(tensor): ref for tensor, ref in zip(function.inputs, inputs, strict=True)}

        def filled(value: Any) -> Any:
            return refs[id(value)] if isinstance(value, keras.KerasTensor) else value

        for depth in sorted(function._nodes_by_depth, reverse=True):
            for node in function._nodes_by_depth[depth]:
                if node.is_input or node.operation is None:
                    continue
                args, kwargs = keras.tree.map_structure(filled, (node.arguments.args, node.arguments.kwargs))
                given = [ref for ref in keras.tree.flatten((args, kwargs)) if isinstance(ref, Ref)]
                layer = node.operation
                if isinstance(layer, keras.Model):
                    produced = self.read(function_of(layer), given, f"{prefix}{layer.name}_")
                else:
                    produced = [self.ref(tensor) for tensor in node.outputs]
                    name = self.name(layer, prefix)
                    self.calls.append(Call(layer, name, args, kwargs, tuple(given), tuple(produced)))
                refs.update({id(tensor): ref for tensor, ref in zip(node.outputs, produced, strict=True)})
        return [refs[id(tensor)] for tensor in function.outputs]

    def name(self, layer: Any, prefix: str) -> str:
        """The layer's own name; that of its model is put before it where another layer has it."""
        if id(layer) not in self.names:
            name, taken = layer.name, set(self.names.values())
            if name in taken:
                name = f"{prefix}{name}"
            base, number = name, 1
            while name in taken:
                name, number = f"{base}_{number}", number + 1
            self.names[id(layer)] = name
        return self.names[id(layer)]
