# SPDX-License-Identifier: Apache-2.0
"""Poolings are replaced in any model that Keras knows the connections of; everything else stays as it was."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pooling_models import shake
from quiet_keras import keras, layers

from sapmcu.errors import UserError
from sapmcu.layers.sites import find_sites, named_layers

pytestmark = pytest.mark.needs("tensorflow")
L = keras.layers


def functional() -> Any:
    """A strided convolution with batch norm and activation, a residual sum, a max pool, an inner model."""
    image = keras.Input((16, 16, 3), name="image")
    x = L.Conv2D(4, 3, 2, padding="same", name="stem")(image)
    x = L.BatchNormalization(name="norm")(x)
    x = L.ReLU(name="relu")(x)
    y = L.DepthwiseConv2D(3, padding="same", name="depthwise")(x)
    x = L.Add(name="sum")([x, y])
    x = L.MaxPooling2D(2, name="first")(x)
    inner_input = keras.Input((4, 4, 4))
    inner = keras.Model(inner_input, L.AveragePooling2D(2, name="deep")(L.Conv2D(4, 1)(inner_input)), name="inner")
    x = inner(x)
    x = L.GlobalAveragePooling2D(name="global")(x)
    model = keras.Model(image, L.Dense(2, name="classes")(x), name="net")
    shake(model)
    return model


def sequential() -> Any:
    model = keras.Sequential(
        [
            keras.Input((16, 16, 3)),
            L.Conv2D(4, 3, 2, name="stem"),
            L.Activation("relu", name="relu"),
            L.AveragePooling2D(3, 2, "same", name="first"),
            L.Flatten(name="flat"),
            L.Dense(2, name="classes"),
        ],
        name="net",
    )
    shake(model)
    return model


def image() -> Any:
    return np.random.default_rng(0).normal(size=(2, 16, 16, 3)).astype(np.float32)


def kinds(model: Any) -> dict[str, str]:
    return {name: type(layer).__name__ for name, layer in named_layers(model) if "Input" not in type(layer).__name__}


@pytest.mark.parametrize("build", [functional, sequential])
def test_without_names_all_pools_are_replaced_and_only_they(build: Any) -> None:
    model = build()
    new = layers.replace_pooling(model, "sap")
    pools = ("MaxPooling2D", "AveragePooling2D")
    expected = {name: "SelfAttentivePooling2D" if kind in pools else kind for name, kind in kinds(model).items()}
    assert kinds(new) == expected
    assert new.output_shape == model.output_shape
    new(image())


@pytest.mark.parametrize("build", [functional, sequential])
def test_a_pool_replaced_by_its_own_kind_changes_nothing(build: Any) -> None:
    model = build()
    x = image()
    names = [name for name in kinds(model) if name.split("/")[-1] in ("first", "deep")]
    kind = {"functional": "max", "sequential": "average"}[build.__name__]
    same = layers.replace_pooling(model, kind, names[:1])
    np.testing.assert_allclose(same(x), model(x), atol=1e-6)


@pytest.mark.parametrize("build", [functional, sequential])
def test_strided_convolution_runs_at_stride_1_and_the_pool_follows_its_activation(build: Any) -> None:
    model = build()
    new = layers.replace_pooling(model, "soft", ["stem"])
    assert new.get_layer("stem").strides == (1, 1)
    names = [layer.name for layer in new.layers]
    assert names[names.index("relu") + 1] == "stem_pool"
    assert new.get_layer("stem_pool").pool_size == (2, 2)
    assert new.output_shape == model.output_shape
    for one in ("stem", "classes"):
        for old, copy in zip(model.get_layer(one).weights, new.get_layer(one).weights, strict=True):
            np.testing.assert_array_equal(old, copy)


def test_max_pool_with_stride_1_convolution_takes_the_corner_that_the_stride_took() -> None:
    """Subsampling is the pool whose window has one pixel: the strided convolution itself comes back."""
    model = sequential()
    new = layers.replace_pooling(model, "max", ["stem"], pool_size=1, strides=2)
    np.testing.assert_allclose(new(image()), model(image()), atol=1e-6)


def test_new_model_shares_no_weight_with_the_old_one() -> None:
    model = functional()
    before = [np.array(one) for one in model.weights]
    new = layers.replace_pooling(model, "lip")
    shake(new, seed=5)
    for old, variable in zip(before, model.weights, strict=True):
        np.testing.assert_array_equal(old, variable)


def test_names_reach_into_models_within_the_model() -> None:
    model = functional()
    new = layers.replace_pooling(model, "blur", ["inner/deep"], order=1)
    assert kinds(new)["inner/deep"] == "BlurPooling2D"
    np.testing.assert_allclose(new(image()), model(image()), atol=1e-5)


def test_a_function_chooses_layers() -> None:
    new = layers.replace_pooling(functional(), "soft", lambda layer: layer.name.startswith("f"))
    assert {name for name, kind in kinds(new).items() if kind == "SoftPooling2D"} == {"first"}


def test_strides_can_be_made_larger() -> None:
    image = keras.Input((16, 16, 3))
    x = L.Conv2D(4, 3, 2, name="stem")(image)
    model = keras.Model(image, L.GlobalAveragePooling2D()(L.Conv2D(2, 1)(x)))
    new = layers.replace_pooling(model, "sap", ["stem"], pool_size=4, patch_size=4)
    assert new.get_layer("stem_pool").output.shape == (None, 4, 4, 4)
    assert new.output_shape == (None, 2)


def test_candidates_say_what_is_read_written_and_saved() -> None:
    sites = find_sites(functional())
    assert [(one.name, one.kind, one.input_shape, one.output_shape) for one in sites.sites] == [
        ("stem", "strided conv", (16, 16, 4), (8, 8, 4)),
        ("first", "max", (8, 8, 4), (4, 4, 4)),
        ("inner/deep", "average", (4, 4, 4), (2, 2, 4)),
    ]
    assert (sites.peak_bytes, sites.peak_layer) == (1024, "stem")  # 16·16·3 read, 8·8·4 written
    assert [one.saves_bytes for one in sites.sites] == [1024 - 768 - 64, 0, None]


def test_a_branch_past_a_pool_forbids_to_save_there() -> None:
    inputs = keras.Input((8, 8, 2))
    joined = L.Add()([L.MaxPooling2D(2, name="left")(inputs), L.AveragePooling2D(2, name="right")(inputs)])
    sites = find_sites(keras.Model(inputs, joined))
    assert [one.saves_bytes for one in sites.sites] == [None, None]


def shared() -> Any:
    inputs = keras.Input((16, 16, 3))
    pool = L.MaxPooling2D(2, name="twice")
    return keras.Model(inputs, pool(pool(inputs)), name="net")


class Own(keras.Model):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__(name="own")
        self.pool = L.MaxPooling2D(2)

    def call(self, x: Any) -> Any:
        return self.pool(x)


@pytest.mark.parametrize(
    ("build", "where", "options", "message", "hint"),
    [
        (shared, None, {}, "twice is called 2 times in net", "a layer of its own"),
        (Own, None, {}, r"own is a model with a call\(\) of its own", "keras.Input"),
        (lambda: keras.Sequential([L.MaxPooling2D(2)], name="open"), None, {}, "open has no input yet", "keras.Input"),
        (functional, ["frist"], {}, "net has no layer frist", "did you mean first?"),
        (functional, ["inner/deeep"], {}, "net has no layer inner/deeep", "did you mean inner/deep"),
        (functional, ["xyzzy"], {}, "net has no layer xyzzy", "those that down-sample: stem, first, inner/deep"),
        (
            functional,
            ["sum"],
            {},
            "sum doesn't down-sample and can't be replaced by a pooling; it is a Add",
            "stem, first",
        ),
        (functional, lambda layer: False, {}, "net has no layer to replace", "stem"),
        (functional, ["first"], {"name": "x"}, "name is no option of a pooling", "named after"),
        (functional, ["first"], {"patch": 2}, "pooling sap has no option patch", "patch_size"),
        (sequential, ["first"], {"pool_size": 4}, "the weights of classes no longer fit", "GlobalAverage"),
        (functional, ["first"], {"pool_size": 99}, "first has a window of 99 pixels", "smaller"),
    ],
)
def test_mistakes_name_the_layer(build: Any, where: Any, options: dict[str, Any], message: str, hint: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        layers.replace_pooling(build(), "sap", where, **options)
    assert hint in str(caught.value.hint)


def test_branches_that_no_longer_meet_are_named() -> None:
    inputs = keras.Input((8, 8, 2))
    joined = L.Add()([L.MaxPooling2D(2, name="left")(inputs), L.AveragePooling2D(2)(inputs)])
    with pytest.raises(UserError, match="net doesn't fit together") as caught:
        layers.replace_pooling(keras.Model(inputs, joined, name="net"), "soft", ["left"], pool_size=4)
    assert caught.value.details
