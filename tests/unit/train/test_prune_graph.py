# SPDX-License-Identifier: Apache-2.0
"""Which channels can go, and which only together; sizes by hand; models that can't be pruned are named."""

from __future__ import annotations

from typing import Any

import pytest
from prunable_nets import SIZE, classified, concatenated, conv, flat, gated, inverted_residual, nested, residual
from quiet_keras import keras
from reference_models import ROOT, reference_model

from sapmcu.errors import UserError
from sapmcu.frontends.keras_3 import load_keras_3
from sapmcu.train.prune import prune
from sapmcu.train.prune.graph import channel_graph
from sapmcu.train.prune.rebuild import rebuild

pytestmark = pytest.mark.needs("tensorflow")


def groups(model: Any) -> dict[tuple[str, ...], int]:
    return {group.layers: len(group.channels) for group in channel_graph(model).groups}


def test_a_sum_ties_its_branches() -> None:
    assert groups(residual()) == {("stem", "a2"): 8, ("a1",): 8, ("b1",): 16, ("b2", "short"): 16}


def test_depthwise_convolutions_follow_their_input() -> None:
    assert groups(inverted_residual()) == {("stem", "project"): 8, ("expand",): 24}


def test_concatenated_channels_keep_their_places() -> None:
    assert groups(concatenated()) == {("left", "third"): 6, ("right", "third"): 10}


def test_reshapes_keep_track_of_every_channel() -> None:
    """hidden makes 2×2 pixels of 8 channels: a channel of the image is 4 units, which go together."""
    graph = channel_graph(flat())
    assert {group.layers: len(group.channels) for group in graph.groups} == {
        ("stem",): 8,
        ("hidden",): 8,
        ("late",): 8,
        ("each",): 6,
    }
    _, hidden, *_ = graph.groups
    smaller = rebuild(graph, graph.kept(hidden.channels[:2]))
    assert smaller.get_layer("hidden").units == 32 - 2 * 4
    assert smaller.get_layer("late").kernel.shape == (3, 3, 6, 8)


def test_gates_are_tied_to_what_they_gate() -> None:
    assert groups(gated()) == {("stem", "excite", "separable"): 8, ("reduce",): 4, ("up",): 6}


def test_shared_layers_are_tied_to_themselves() -> None:
    graph = channel_graph(nested())
    assert [(group.layers, len(group.channels)) for group in graph.groups] == [(("conv", "inner_conv"), 8)]
    smaller = rebuild(graph, graph.kept(graph.groups[0].channels[:3]))
    assert len([one for one in smaller.layers if isinstance(one, keras.layers.Conv2D)]) == 2


def test_parameters_are_those_counted_by_hand() -> None:
    """Of 8 channels each group keeps 4, of 16 it keeps 8: a fresh network has no weak ones."""
    smaller = prune(residual(), 0.5)
    first = 3 * 3 * 3 * 4 + 2 * (3 * 3 * 4 * 4) + 3 * 4 * 4
    second = 3 * 3 * 4 * 8 + 3 * 3 * 8 * 8 + 2 * 4 * 8 + 4 * 8 + 8
    assert smaller.count_params() == first + second + 8 * 5 + 5
    shapes = {layer.name: tuple(layer.output.shape[1:]) for layer in smaller.layers}
    assert shapes["a_add"] == (8, 8, 4)
    assert shapes["b1"] == shapes["short"] == (4, 4, 8)


def test_reference_networks_have_their_groups() -> None:
    found = groups(load_keras_3(ROOT / "models/fashion_mnist/dscnn.h5"))
    assert found == {
        ("stem",): 16,
        ("block1_pointwise", "block2_pointwise"): 32,
        ("block3_pointwise", "block4_pointwise"): 64,
        ("block5_pointwise",): 96,
    }


def test_a_keras_2_file_has_its_groups() -> None:
    found = groups(load_keras_3(reference_model("mlperf_ic_resnet.h5")))
    assert list(found.values()) == [16, 16, 32, 32, 64, 64]
    assert ("conv2d_4", "conv2d_5") in found


@pytest.mark.parametrize(
    "layer",
    [
        keras.layers.LayerNormalization(name="mixer"),
        keras.layers.GroupNormalization(2, name="mixer"),
        keras.layers.Softmax(name="mixer"),
        keras.layers.Activation("softmax", name="mixer"),
        keras.layers.Permute((3, 1, 2), name="mixer"),
        keras.layers.Reshape((64, 4, 2), name="mixer"),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_layers_that_mix_channels_keep_them(layer: Any) -> None:
    inputs = keras.Input(SIZE)
    x = keras.layers.Flatten()(layer(conv(conv(inputs, 8, "free"), 8, "held")))
    graph = channel_graph(keras.Model(inputs, keras.layers.Dense(2)(x)))
    if isinstance(layer, keras.layers.Reshape):  # four units side by side make a channel of the new last axis
        assert {group.layers: len(group.channels) for group in graph.groups} == {("free",): 8, ("held",): 2}
        return
    assert [group.layers for group in graph.groups] == [("free",)]
    assert "mixer" in graph.whole


def grouped() -> Any:
    inputs = keras.Input(SIZE)
    x = keras.layers.Conv2D(8, 3, groups=2, name="pairs")(conv(inputs, 8, "stem"))
    return classified(inputs, conv(x, 8, "last"))


def test_a_grouped_convolution_is_refused_by_name() -> None:
    with pytest.raises(UserError, match=r"layer pairs is a Conv2D with 2 groups") as caught:
        prune(grouped(), 0.5)
    assert "--keep pairs" in str(caught.value.hint)


def test_a_layer_to_keep_holds_the_channels_around_it() -> None:
    graph = channel_graph(grouped(), keep=("pairs",))
    assert [group.layers for group in graph.groups] == [("last",)]
    smaller = prune(grouped(), 0.5, keep=("pairs",))
    assert smaller.get_layer("pairs").kernel.shape == (3, 3, 4, 8)


class Subclassed(keras.Model):  # type: ignore[misc,name-defined]
    def __init__(self) -> None:
        super().__init__()
        self.dense = keras.layers.Dense(3)

    def call(self, x: Any) -> Any:
        return self.dense(x)


def rewritten_call() -> Any:
    """Functional to look at, but its call does something else."""

    class Own(keras.Model):  # type: ignore[misc,name-defined]
        def call(self, x: Any, training: bool = False) -> Any:
            return super().call(x) * 2

    inputs = keras.Input((3,))
    return Own(inputs, keras.layers.Dense(3)(inputs))


def unbuilt() -> Any:
    return keras.Sequential([keras.layers.Dense(3)], name="open")


def channels_first() -> Any:
    inputs = keras.Input((3, 8, 8))
    x = keras.layers.GlobalAveragePooling2D(data_format="channels_first", name="mean")(inputs)
    return keras.Model(inputs, keras.layers.Dense(3)(x))


def stubborn() -> Any:
    inputs = keras.Input((3,))
    return keras.Model(inputs, keras.layers.Dense(3, name="only")(inputs), name="stubborn")


@pytest.mark.parametrize(
    ("build", "says"),
    [
        (Subclassed, r"is a subclassed model \(class Subclassed\)"),
        (rewritten_call, r"is a subclassed model \(class Own\)"),
        (unbuilt, "the Sequential model open has no input shape"),
        (channels_first, "layer mean has its channels first"),
        (stubborn, "no channel of stubborn can be removed"),
        (dict, "builtins.dict is not a model of Keras 3"),
    ],
)
def test_models_that_cannot_be_pruned_are_named(build: Any, says: str) -> None:
    with pytest.raises(UserError, match=says) as caught:
        prune(build(), 0.5)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"ratio": 1.0}, "the ratio 1 is not in the range"),
        ({"ratio": -0.1}, "the ratio -0.1 is not in the range"),
        ({"ratio": float("nan")}, "the ratio nan is not in the range"),
        ({}, "needs a ratio or an SRAM limit"),
        ({"ratio": 0.5, "sram_bytes": 1000}, "needs a ratio or an SRAM limit"),
        ({"sram_bytes": 0}, "an SRAM limit of 0 bytes"),
        ({"ratio": 0.5, "multiple": 0}, "the multiple 0 is below 1"),
        ({"ratio": 0.5, "criterion": "taste"}, "there is no criterion 'taste'"),
        ({"ratio": 0.5, "keep": ("nothing",)}, "net has no layer nothing"),
    ],
)
def test_goals_that_make_no_sense_are_named(arguments: dict[str, Any], says: str) -> None:
    with pytest.raises(UserError, match=says) as caught:
        prune(residual(), **arguments)
    assert caught.value.hint
