# SPDX-License-Identifier: Apache-2.0
"""The poolings by name."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

import keras

from sapmcu.errors import UserError
from sapmcu.layers.blur import BlurPooling2D
from sapmcu.layers.gaussian import GaussianPooling2D
from sapmcu.layers.lip import LIPPooling2D
from sapmcu.layers.self_attentive import SelfAttentivePooling2D
from sapmcu.layers.soft import SoftPooling2D
from sapmcu.layers.strided_conv import StridedConvPooling2D

POOLINGS: Mapping[str, type[Any]] = {
    "max": keras.layers.MaxPooling2D,
    "average": keras.layers.AveragePooling2D,
    "strided_conv": StridedConvPooling2D,
    "lip": LIPPooling2D,
    "gaussian": GaussianPooling2D,
    "soft": SoftPooling2D,
    "blur": BlurPooling2D,
    "sap": SelfAttentivePooling2D,
}
"""Kind -> layer class; each takes (pool_size, strides, padding, **options)."""


def make_pooling(
    kind: str, pool_size: Any, strides: Any = None, padding: str = "same", *, name: str | None = None, **options: Any
) -> Any:
    """The pooling layer of a kind.

    Raises: UserError where there is no such kind, or it has no such option.
    """
    if kind not in POOLINGS:
        near = get_close_matches(kind, POOLINGS, n=1)
        raise UserError(
            f"there is no pooling {kind!r}",
            hint=f"did you mean {near[0]}?" if near else f"the poolings: {', '.join(POOLINGS)}",
        )
    known = pooling_options(kind)
    if unknown := sorted(set(options) - set(known) - {"dtype", "trainable"}):
        raise UserError(
            f"pooling {kind} has no option {', '.join(unknown)}",
            hint=f"its options: {', '.join(known)}" if known else "it has no options of its own",
        )
    try:
        return POOLINGS[kind](pool_size, strides, padding, name=name, **options)
    except (TypeError, ValueError) as error:
        raise UserError(
            f"pooling {kind} can't be made with {', '.join(f'{key}={value!r}' for key, value in options.items())}",
            hint="docs/pooling.md says what each option takes",
            details=str(error).splitlines()[:2],
        ) from error


def pooling_options(kind: str) -> tuple[str, ...]:
    """The names of what only this kind takes."""
    parameters = inspect.signature(POOLINGS[kind].__init__).parameters.values()
    return tuple(one.name for one in parameters if one.kind is inspect.Parameter.KEYWORD_ONLY)
