# SPDX-License-Identifier: Apache-2.0
"""Which Keras models can be rewritten: those whose layers and connections Keras knows."""

from __future__ import annotations

from typing import Any

import keras

from sapmcu.errors import UserError


def check_rewritable(model: Any) -> None:
    """Raises: UserError for a model with a call of its own, or without an input."""
    knows_connections = isinstance(model, keras.Function | keras.Sequential)
    if not knows_connections or not type(model).call.__module__.startswith("keras."):
        raise UserError(
            f"{model.name} is a model with a call() of its own, in which layers can't be replaced",
            hint="build it from keras.Input and keras.Model(inputs, outputs), or use the layer you want in its code",
        )
    if not model.built or not model.inputs:
        raise UserError(f"{model.name} has no input yet", hint="start it with keras.Input(shape)")
