# SPDX-License-Identifier: Apache-2.0
"""Removing channels that have no effect changes nothing, through every structure; the weights that stay are copied."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from prunable_nets import NETS, conv, images, outputs, randomized, residual, silence
from quiet_keras import keras

from sapmcu.train.prune import prune
from sapmcu.train.prune.graph import ChannelGraph, channel_graph
from sapmcu.train.prune.rebuild import rebuild

pytestmark = pytest.mark.needs("tensorflow")


def half(graph: ChannelGraph) -> list[int]:
    """A random half of the channels of every group."""
    rng = np.random.default_rng(2)
    return [
        int(root)
        for group in graph.groups
        for root in rng.choice(group.channels, (len(group.channels) + 1) // 2, replace=False)
    ]


@pytest.mark.parametrize("net", NETS)
def test_channels_without_effect_go_without_a_trace(net: str) -> None:
    model = randomized(NETS[net]())
    graph = channel_graph(model)
    removed = half(graph)
    assert len(removed) >= 4
    # a Gaussian pooling gives √ε for zeros, so the next convolution must not hear it
    silence(graph, removed, deaf=("next",) if net == "gaussian" else ())
    x = images(model)
    expected = outputs(model, x)
    smaller = rebuild(graph, graph.kept(removed))
    np.testing.assert_allclose(outputs(smaller, x), expected, atol=1e-5 * max(1, np.abs(expected).max()))
    assert smaller.count_params() < model.count_params()
    assert np.ptp(expected, axis=0).max() > 1e-3, "the outputs depend on the input, else the test shows nothing"


@pytest.mark.parametrize("net", NETS)
def test_removing_nothing_is_the_identity(net: str) -> None:
    model = randomized(NETS[net]())
    same = prune(model, 0.0)
    assert same is not model
    x = images(model)
    np.testing.assert_array_equal(outputs(same, x), outputs(model, x))
    assert same.count_params() == model.count_params()
    assert [one.name for one in same.inputs] == [one.name for one in model.inputs]


def test_the_model_itself_stays_as_it_is() -> None:
    model = randomized(residual())
    before = [one.copy() for one in model.get_weights()]
    smaller = prune(model, 0.5)
    assert smaller.count_params() < model.count_params()
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_pruned_model_trains_and_is_saved(tmp_path: Path) -> None:
    model = randomized(residual())
    smaller = prune(model, 0.5)
    smaller.compile("sgd", "sparse_categorical_crossentropy")
    smaller.fit(images(model), np.arange(4), verbose=0)
    smaller.save(tmp_path / "smaller.keras")
    again = keras.models.load_model(tmp_path / "smaller.keras", compile=False)
    x = images(model)
    np.testing.assert_allclose(outputs(again, x), outputs(smaller, x), atol=1e-6)


def test_dictionaries_of_inputs_and_outputs_stay_so() -> None:
    picture, facts = keras.Input((8, 8, 3), name="picture"), keras.Input((6,), name="facts")
    seen = keras.layers.GlobalAveragePooling2D(name="mean")(conv(picture, 8, "stem"))
    told = keras.layers.Dense(8, name="dense")(facts)
    both = keras.layers.Concatenate(name="both")([seen + told, told])
    made = {"kind": keras.layers.Dense(3, name="kind")(both), "size": keras.layers.Dense(1, name="size")(seen)}
    model = keras.Model({"picture": picture, "facts": facts}, made)
    given = {"picture": np.ones((1, 8, 8, 3), np.float32), "facts": np.ones((1, 6), np.float32)}
    expected, same = model(given), prune(model, 0.0)(given)
    for name, value in expected.items():
        np.testing.assert_array_equal(value, same[name])
    smaller = prune(model, 0.5)
    assert {name: value.shape for name, value in smaller(given).items()} == {"kind": (1, 3), "size": (1, 1)}
    assert smaller.get_layer("kind").kernel.shape == (8, 3)
