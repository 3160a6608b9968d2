# SPDX-License-Identifier: Apache-2.0
"""All poolings keep Keras's contract; each computes what its paper says, transcribed in numpy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pooling_reference import window_pixels
from quiet_keras import keras, layers

from sapmcu.errors import UserError
from sapmcu.ir.pooling import POOLING_KINDS

pytestmark = pytest.mark.needs("tensorflow")

SHAPES: list[Any] = [
    ((8, 8), 2, 2, "valid"),
    ((9, 11), 3, 2, "same"),
    ((9, 11), (2, 3), (2, 3), "valid"),
    ((9, 11), 4, 4, "same"),
]
RANDOM = np.random.default_rng(1)


def image(height: int, width: int, channels: int = 4) -> np.ndarray[Any, Any]:
    return RANDOM.normal(size=(2, height, width, channels)).astype(np.float32)


@pytest.mark.parametrize("kind", layers.POOLINGS)
@pytest.mark.parametrize(("size", "pool", "strides", "padding"), SHAPES)
def test_shapes_are_those_of_keras(kind: str, size: Any, pool: Any, strides: Any, padding: str) -> None:
    x = image(*size)
    layer = layers.make_pooling(kind, pool, strides, padding)
    expected = keras.layers.MaxPooling2D(pool, strides, padding)(x).shape
    assert layer(x).shape == expected == layer.compute_output_shape(x.shape)
    symbolic = layer(keras.Input((*size, 4)))
    assert tuple(symbolic.shape) == (None, *expected[1:])


@pytest.mark.parametrize("kind", layers.POOLINGS)
@pytest.mark.parametrize("suffix", ["h5", "keras"])
def test_models_are_saved_and_loaded(kind: str, suffix: str, tmp_path: Path) -> None:
    x = image(9, 11)
    model = keras.Sequential([keras.Input((9, 11, 4)), layers.make_pooling(kind, 3, 2, name="pool")])
    path = tmp_path / f"model.{suffix}"
    model.save(path)
    again = keras.models.load_model(path, compile=False)
    np.testing.assert_array_equal(again(x), model(x))
    assert again.get_layer("pool").get_config() == model.get_layer("pool").get_config()


@pytest.mark.parametrize("kind", layers.POOLINGS)
def test_gradients_are_finite_even_for_flat_and_large_inputs(kind: str) -> None:
    import tensorflow as tf

    layer = layers.make_pooling(kind, 2)
    for x in (np.zeros((1, 6, 6, 4), np.float32), image(6, 6), 200 * image(6, 6)):
        with tf.GradientTape() as tape:
            variable = tf.Variable(x)
            loss = tf.reduce_sum(layer(variable, **training(layer)) ** 2)
        for gradient in tape.gradient(loss, [variable, *layer.trainable_variables]):
            assert np.isfinite(gradient).all()


def training(layer: Any) -> dict[str, bool]:
    """training=True where the layer has batch norms."""
    return {"training": True} if layer._call_has_training_arg else {}


@pytest.mark.parametrize("kind", layers.POOLINGS)
def test_mixed_precision_and_compilation_work(kind: str) -> None:
    policy = keras.DTypePolicy("mixed_float16")
    first = keras.layers.Conv2D(4, 1, dtype=policy)
    pool = layers.make_pooling(kind, 2, dtype=policy)
    model = keras.Sequential([keras.Input((8, 8, 4)), first, pool, keras.layers.Flatten(dtype=policy)])
    model.compile("sgd", "mse", jit_compile=True)
    x = image(8, 8)
    assert np.isfinite(model.train_on_batch(x, np.zeros((2, 64))))
    assert model(x).dtype == "float16"


@pytest.mark.parametrize("kind", layers.POOLINGS)
def test_parameters_are_counted(kind: str) -> None:
    layer = layers.make_pooling(kind, 2)
    layer(image(8, 8))
    cost = layers.pooling_cost(layer, (8, 8, 4))
    assert cost.parameters == layer.count_params()
    assert (cost.input_bytes, cost.output_bytes) == (256, 64)
    assert cost.peak_bytes >= 320


@pytest.mark.parametrize("kind", [kind for kind in layers.POOLINGS if kind not in ("max", "average")])
def test_pruned_layer_does_what_the_whole_one_does_without_the_other_channels(kind: str) -> None:
    kept = [0, 2, 3]
    x = image(8, 8)
    layer = layers.make_pooling(kind, 2)
    layer(x)
    layer.set_weights([abs(RANDOM.normal(size=one.shape)) for one in layer.get_weights()])
    x[..., 1] = 0
    config, weights = layer.pruned(kept)
    small = type(layer).from_config(config)
    small.build((None, 8, 8, 3))
    small.set_weights(weights)
    assert small(x[..., kept]).shape == (2, 4, 4, 3)
    if kind != "sap":  # its attention sees only what is left
        np.testing.assert_allclose(small(x[..., kept]), np.asarray(layer(x))[..., kept], atol=1e-5)


@pytest.mark.parametrize(("size", "pool", "strides", "padding"), SHAPES)
def test_softpool_weighs_by_the_softmax_of_the_activations(size: Any, pool: Any, strides: Any, padding: str) -> None:
    x = image(*size)
    expected = window_pixels(x, pool, strides, padding, lambda p: (np.exp(p) * p).sum(0) / np.exp(p).sum(0))
    np.testing.assert_allclose(layers.SoftPooling2D(pool, strides, padding)(x), expected, atol=1e-5)


def test_softpool_of_large_activations_is_their_maximum() -> None:
    x = 1000 * image(6, 6)
    np.testing.assert_allclose(layers.SoftPooling2D(2)(x), keras.layers.MaxPooling2D(2)(x), rtol=1e-3)


@pytest.mark.parametrize(
    ("order", "taps"), [(1, [1, 1]), (2, [1, 2, 1]), (4, [1, 4, 6, 4, 1])], ids=["Rect-2", "Tri-3", "Bin-5"]
)
def test_blur_has_the_filters_of_the_paper(order: int, taps: list[int]) -> None:
    row = np.array(taps) / sum(taps)
    np.testing.assert_allclose(layers.BlurPooling2D(2, order=order).filter(), np.outer(row, row))


@pytest.mark.parametrize(("size", "pool", "strides", "padding"), SHAPES)
@pytest.mark.parametrize("order", [1, 2, 3])
def test_blur_filters_the_mirrored_image(size: Any, pool: Any, strides: Any, padding: str, order: int) -> None:
    x = image(*size)
    layer = layers.BlurPooling2D(pool, strides, padding, order=order)
    padded = np.pad(x, ((0, 0), *layer.margins(size), (0, 0)), mode="reflect")
    taps = layer.filter()
    expected = np.zeros(layer.compute_output_shape(x.shape), np.float32)
    for row, column in np.ndindex(*expected.shape[1:3]):
        top, left = row * layer.strides[0], column * layer.strides[1]
        patch = padded[:, top : top + taps.shape[0], left : left + taps.shape[1]]
        expected[:, row, column] = np.einsum("nhwc,hw->nc", patch, taps)
    np.testing.assert_allclose(layer(x), expected, atol=1e-5)


def test_blur_of_order_1_is_average_pooling_and_keeps_constants_in_any_order() -> None:
    x = image(8, 8)
    np.testing.assert_allclose(layers.BlurPooling2D(4, order=1)(x), keras.layers.AveragePooling2D(4)(x), atol=1e-6)
    ones = np.ones((1, 9, 9, 1), np.float32)
    np.testing.assert_allclose(layers.BlurPooling2D(2, padding="same", order=4)(ones), 1, atol=1e-6)


def test_blur_takes_the_maximum_first_where_asked() -> None:
    x = image(9, 9)
    first = keras.layers.MaxPooling2D(2, 1, "same")(x)
    expected = layers.BlurPooling2D(2, padding="same")(first)
    np.testing.assert_allclose(layers.BlurPooling2D(2, padding="same", max_first=True)(x), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: layers.SoftPooling2D(0, name="p"), "p has pool_size=0"),
        (lambda: layers.SoftPooling2D((2, 2, 2), name="p"), r"p has pool_size=\(2, 2, 2\)"),
        (lambda: layers.SoftPooling2D(2, strides=1.5, name="p"), "p has strides=1.5"),
        (lambda: layers.SoftPooling2D(2, padding="full", name="p"), "p has padding 'full'"),
        (lambda: layers.BlurPooling2D(2, order=0, name="p"), "p has order=0"),
        (lambda: layers.StridedConvPooling2D(2, kernel_size=3, name="p"), "p has kernel_size"),
        (lambda: layers.StridedConvPooling2D((2, 3), depthwise=True, name="p"), "p is depthwise with strides"),
        (lambda: layers.SoftPooling2D(4, name="p")(keras.Input((3, 9, 1))), "p has a window of 4 pixels on an input"),
        (lambda: layers.SoftPooling2D(2, name="p")(keras.Input((8, 8, None))), "p pools images"),
        (lambda: layers.SoftPooling2D(2, name="p")(keras.Input((None, 8, 1))), "p needs an input of known height"),
        (lambda: layers.BlurPooling2D(4, order=4, name="p")(keras.Input((4, 4, 1))), "p mirrors 5 pixels of an input"),
        (lambda: layers.make_pooling("softt", 2), "there is no pooling 'softt'"),
        (lambda: layers.make_pooling("lip", 2, gain="much"), "pooling lip can't be made with gain='much'"),
        (lambda: layers.make_pooling("gaussian", 2, hidden_units=0, name="p"), "p has hidden_units=0"),
        (lambda: layers.make_pooling("sap", 2, normalize="no", name="p"), "p has normalize='no'"),
        (lambda: layers.make_pooling("soft", 2, order=2), "pooling soft has no option order"),
        (lambda: layers.SoftPooling2D(2, name="p").cost((None, None, 3)), "the cost of p needs a whole shape"),
        (lambda: layers.pooling_cost(keras.layers.Dense(3, name="d"), (8, 8, 3)), "d is no pooling layer"),
    ],
)
def test_mistakes_get_a_sentence_and_a_hint(build: Any, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        build()
    assert caught.value.hint


def test_kinds_for_those_without_keras_are_all_kinds() -> None:
    assert tuple(layers.POOLINGS) == POOLING_KINDS
