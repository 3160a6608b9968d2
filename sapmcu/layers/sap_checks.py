# SPDX-License-Identifier: Apache-2.0
"""What self-attentive pooling refuses, each with a sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sapmcu.errors import UserError
from sapmcu.layers.tokens import RESTORATIONS

if TYPE_CHECKING:
    from sapmcu.layers.self_attentive import SelfAttentivePooling2D

POSITIONS = ("learned", "none")
ATTENTIONS = ("weights", "gate")
MIXINGS = ("attention", "pointwise")
LOCALS = ("pointwise", "depthwise", "convolution", "none")
MAX_UNNORMALISED_GAIN = 2.0
"""exp(2) multiplies a map by 7; above, activations and gradients of a network grow layer by layer."""


def check_options(layer: SelfAttentivePooling2D) -> None:
    """Raises: UserError for a word that isn't one of an option's, or numbers that don't go together."""
    choices = {
        "restoration": RESTORATIONS,
        "position": POSITIONS,
        "local": LOCALS,
        "attention": ATTENTIONS,
        "mixing": MIXINGS,
    }
    for option, words in choices.items():
        value = getattr(layer, option)
        if value not in words:
            raise UserError(f"{layer.name} has {option}={value!r}", hint=f"{option} is one of {', '.join(words)}")
    for option in ("num_heads", "embed_dim", "max_tokens"):
        value = getattr(layer, option)
        if value is not None and (not isinstance(value, int) or value < 1):
            raise UserError(f"{layer.name} has {option}={value!r}", hint=f"{option} is a whole number above 0")
    for option in ("normalize", "residual"):
        if not isinstance(value := getattr(layer, option), bool):
            raise UserError(f"{layer.name} has {option}={value!r}", hint=f"{option} is True or False")
    if layer.attention == "gate" and layer.local == "none":
        raise UserError(
            f"{layer.name} has attention='gate' and no local term, which alone weights pixels then",
            hint="local is pointwise, depthwise or convolution, or take attention='weights'",
        )
    check_width(layer)
    check_gain(layer)


def check_width(layer: SelfAttentivePooling2D) -> None:
    """The position table takes half of the width for rows and half for columns; heads share it evenly."""
    width, heads = layer.embed_dim, layer.num_heads
    if width is not None and width % heads:
        raise UserError(
            f"{layer.name}: embed_dim {width} can't be shared by {heads} heads",
            hint=f"take a multiple of {heads}, such as {-(-width // heads) * heads}",
        )
    if width is not None and width % 2:
        raise UserError(f"{layer.name}: embed_dim {width} is odd", hint="take an even one: half is for rows")


def check_gain(layer: SelfAttentivePooling2D) -> None:
    if layer.gain <= 0:
        raise UserError(f"{layer.name} has gain={layer.gain:g}", hint="gain is above 0; 1 is the paper's")
    if not layer.normalize and layer.gain > MAX_UNNORMALISED_GAIN:
        raise UserError(
            f"{layer.name} has gain={layer.gain:g} without normalize: it would multiply its input by e^{layer.gain:g}",
            hint=f"a gain of {MAX_UNNORMALISED_GAIN:g} at the most, or normalize=True",
        )


def check_grid(layer: SelfAttentivePooling2D) -> None:
    """Raises: UserError for too many tokens, or for normalised weights that can't differ within a window."""
    grid = layer.grid
    if grid.tokens > layer.max_tokens:
        raise UserError(
            f"{layer.name} cuts {grid.size[0]}×{grid.size[1]} into {grid.tokens:,} tokens; the most is "
            f"{layer.max_tokens}",
            hint="take a larger patch_size; without one, it is chosen for 64 tokens at the most",
        )
    if not layer.may_be_flat and grid.is_flat_in(layer.window, layer.restoration):
        (tall, wide), (high, broad) = layer.pool_size, grid.patch
        raise UserError(
            f"{layer.name} would be average pooling: with patches of {high}×{broad}, {layer.restoration} restoration "
            f"and no local term, the weights are equal inside each window of {tall}×{wide}",
            hint="patch_size below pool_size, restoration='bilinear', local='pointwise', or normalize=False",
        )
