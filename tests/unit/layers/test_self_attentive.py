# SPDX-License-Identifier: Apache-2.0
"""Self-attentive pooling computes what the paper says; its identities hold; what can't work is refused by name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sap_reference
from pooling_models import PAPER, named_weights, pooling_model, shake
from quiet_keras import keras, layers, tf

from sapmcu.errors import UserError
from sapmcu.layers.tokens import TokenGrid, choose_patch
from sapmcu.layers.window import Window

pytestmark = pytest.mark.needs("tensorflow")

OPTIONS: list[dict[str, Any]] = [
    {"patch_size": 4},
    {"patch_size": 4, "normalize": False, "restoration": "nearest", "num_heads": 1, "local": None},
    {"patch_size": 3, "restoration": "nearest", "local": "depthwise", "position": "none", "num_heads": 3, "gain": 5},
    {"patch_size": 5, "embed_dim": 8, "num_heads": 4, "normalize": False, "gain": 2},
    {"patch_size": 4, "mixing": "pointwise", "local": "convolution"},
    {"patch_size": 4, "residual": True},
]
PLACES = [((12, 12), 2, 2, "valid"), ((11, 14), 4, 4, "same"), ((13, 9), 3, 2, "same"), ((13, 9), (2, 3), 2, "valid")]


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize(("size", "pool", "strides", "padding"), PLACES)
def test_layer_equals_the_numpy_transcription(options: Any, size: Any, pool: Any, strides: Any, padding: str) -> None:
    model = pooling_model("sap", (*size, 6), pool, strides, padding, **{**PAPER, **options})
    layer = model.get_layer("pool")
    x = np.random.default_rng(2).normal(size=(2, *size, 6)).astype(np.float32)
    how = (named_weights(layer), layer.patch_size[0], layer.num_heads, layer.restoration)
    z = np.stack([sap_reference.logits(one.astype(np.float64), *how) for one in x])
    np.testing.assert_allclose(layer.logits(x), z, atol=1e-5)
    expected = sap_reference.pool(x, z, pool, strides, padding, layer.gain, normalize=layer.normalize)
    np.testing.assert_allclose(model(x), expected, atol=1e-5)


GATES: list[tuple[dict[str, Any], Any, int, int, str]] = [
    ({}, (16, 16), 2, 2, "valid"),
    ({"restoration": "nearest", "gain": 1, "local": "pointwise"}, (16, 12), 4, 4, "valid"),
    ({"patch_size": 8, "num_heads": 1, "local": "depthwise", "residual": False}, (16, 16), 4, 4, "valid"),
    ({"patch_size": 5, "normalize": False}, (13, 9), 3, 2, "same"),
    ({"patch_size": 5, "restoration": "nearest"}, (13, 9), 3, 2, "valid"),
]


@pytest.mark.parametrize(("options", "size", "pool", "strides", "padding"), GATES)
def test_a_gate_equals_the_numpy_transcription(options: Any, size: Any, pool: int, strides: int, padding: str) -> None:
    model = pooling_model("sap", (*size, 6), pool, strides, padding, **options)
    layer = model.get_layer("pool")
    x = np.random.default_rng(2).normal(size=(2, *size, 6)).astype(np.float32)
    weights, (patch, _) = named_weights(layer), layer.patch_size
    (top, _), (left, _) = layer.window.pads(size)
    rows, columns = layer.window.output_size(size)
    centres = np.moveaxis(np.indices((rows, columns)), 0, -1) * strides - (top, left) + pool / 2
    z = np.stack([sap_reference.local_logits(one.astype(np.float64), weights) for one in x])
    pooled = sap_reference.pool(x, z, pool, strides, padding, layer.gain, normalize=layer.normalize)
    how = (weights, patch, layer.num_heads, layer.restoration, centres)
    gates = np.stack([sap_reference.gates(one.astype(np.float64), *how) for one in x])
    np.testing.assert_allclose(model(x), pooled * gates, atol=1e-5)


def test_a_gate_is_open_by_half_before_training_and_has_patches_of_whole_windows() -> None:
    layer = layers.SelfAttentivePooling2D(4)
    x = image(48, 48, 4)
    y = layer(x)
    assert (layer.patch_size, layer.gain) == ((8, 8), 12.0)
    np.testing.assert_allclose(y, layer.pool(x, layer.local_term(x)), atol=1e-6)


def average_of(x: Any, size: int) -> Any:
    return keras.layers.AveragePooling2D(size)(x)


def image(*shape: int) -> np.ndarray[Any, Any]:
    return np.random.default_rng(3).normal(size=(1, *shape)).astype(np.float32)


@pytest.mark.parametrize("patch", [2, 4])
def test_aligned_nearest_patches_without_local_term_would_be_average_pooling(patch: int) -> None:
    """The degenerate corner, computed by a layer that has the local term, with its batch norm at 0."""
    model = pooling_model("sap", (8, 8, 4), 2, patch_size=patch, restoration="nearest", **PAPER)
    layer = model.get_layer("pool")
    for variable in (layer.local_norm.gamma, layer.local_norm.beta):
        variable.assign(np.zeros(4))
    x = image(8, 8, 4)
    np.testing.assert_allclose(model(x), average_of(x, 2), atol=1e-6)
    with pytest.raises(UserError, match="sap would be average pooling: with patches of") as caught:
        options = {**PAPER, "local": None, "patch_size": patch, "restoration": "nearest"}
        layers.SelfAttentivePooling2D(2, name="sap", **options)(x)
    assert "bilinear" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("size", "pool", "options", "is_refused"),
    [
        ((8, 8), 2, {"patch_size": 2}, True),
        ((8, 8), 2, {"patch_size": 4}, True),
        ((8, 8), 4, {"patch_size": 2}, False),
        ((8, 8), 2, {"patch_size": 3}, False),
        ((8, 8), 2, {"patch_size": (2, 3)}, False),
        ((7, 7), 2, {"patch_size": 2, "padding": "same"}, True),
        ((7, 7), 2, {"patch_size": 4, "padding": "same"}, True),
        ((9, 9), 2, {"patch_size": 4, "padding": "same"}, False),  # the first patch sticks out by 1
        ((8, 8), 2, {"patch_size": 2, "strides": 1}, False),
        ((8, 8), 2, {"patch_size": 2, "normalize": False}, False),
        ((8, 8), 2, {"patch_size": 2, "restoration": "bilinear"}, False),
        ((8, 8), 2, {"patch_size": 8, "restoration": "bilinear"}, True),  # one token
        ((8, 8), 1, {"restoration": "bilinear"}, True),  # windows of one pixel
        ((8, 8), 2, {"patch_size": 2, "local": "depthwise"}, False),
        ((8, 8), 2, {}, False),
        ((64, 64), 8, {}, False),
    ],
)
def test_only_constant_weights_are_refused(size: Any, pool: int, options: dict[str, Any], is_refused: bool) -> None:
    layer = layers.SelfAttentivePooling2D(
        pool, name="sap", **{**PAPER, "restoration": "nearest", "local": None, "embed_dim": 4, **options}
    )
    if is_refused:
        with pytest.raises(UserError, match="sap would be average pooling"):
            layer.build((None, *size, 4))
        return
    layer.build((None, *size, 4))
    x = image(*size, 4)
    pooled = keras.layers.AveragePooling2D(pool, layer.strides, layer.padding)(x)
    assert not np.allclose(layer(x), pooled, rtol=0, atol=1e-6)


def test_normalised_weights_are_the_softmax_of_the_sigmoid() -> None:
    x, z = image(8, 8, 4), 3 * image(8, 8, 4)[:, ::-1]
    layer = layers.SelfAttentivePooling2D(2, **PAPER)
    columns = [one[:, i::2, j::2] for one in (x, 1 / (1 + np.exp(-z))) for i in (0, 1) for j in (0, 1)]
    weights = np.asarray(tf.nn.softmax(np.stack(columns[4:]), axis=0))
    np.testing.assert_allclose(layer.pool(x, z), (np.stack(columns[:4]) * weights).sum(0), atol=1e-6)


@pytest.mark.parametrize(("size", "least", "most"), [(2, 0.109, 0.475), (4, 0.024, 0.153)])
def test_normalised_weights_are_bounded(size: int, least: float, most: float) -> None:
    layer = layers.SelfAttentivePooling2D(size, **PAPER)
    one = np.zeros((1, size, size, 1), np.float32)
    one[0, 0, 0] = 1
    for sign, bound in ((-1, least), (1, most)):
        z = sign * 50 * (2 * one - 1)
        assert float(layer.pool(one, z)[0, 0, 0, 0]) == pytest.approx(bound, abs=5e-4)


def test_unnormalised_is_the_mean_of_the_weighted_input() -> None:
    x, z = image(8, 8, 4), image(8, 8, 4)[:, ::-1]
    layer = layers.SelfAttentivePooling2D(4, normalize=False, **PAPER)
    np.testing.assert_allclose(layer.pool(x, z), average_of(x * np.exp(1 / (1 + np.exp(-z))), 4), atol=1e-5)


@pytest.mark.parametrize("restoration", ["nearest", "bilinear"])
def test_enlarging_commutes_with_restoring_the_channels(restoration: str) -> None:
    layer = pooling_model("sap", (11, 13, 4), 2, patch_size=3, restoration=restoration, **PAPER).get_layer("pool")
    tokens = np.random.default_rng(4).normal(size=(1, *layer.grid.shape, 4)).astype(np.float32)
    after = layer.enlarge(layer.restore(tokens))
    np.testing.assert_allclose(layer.restore(layer.enlarge(tokens)), after, atol=1e-5)
    if restoration == "nearest":  # then with the sigmoid and the exponential, too
        large = tf.exp(tf.sigmoid(after))
        np.testing.assert_allclose(layer.enlarge(tf.exp(tf.sigmoid(layer.restore(tokens)))), large, atol=1e-5)


@pytest.mark.parametrize("size", [(12, 12), (13, 9)])
@pytest.mark.parametrize("restoration", ["nearest", "bilinear"])
def test_tokens_are_enlarged_as_tensorflow_does(size: Any, restoration: str) -> None:
    grid = TokenGrid(size, (4, 4))
    tokens = np.random.default_rng(5).normal(size=(1, *grid.shape, 2)).astype(np.float32)
    rows, columns = (grid.restoring(axis, restoration) for axis in (0, 1))
    large = tf.image.resize(tokens, [4 * length for length in grid.shape], restoration)
    top, left = grid.before
    expected = large[:, top : top + size[0], left : left + size[1]]
    np.testing.assert_allclose(np.einsum("hr,wq,nrqc->nhwc", rows, columns, tokens), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("size", "patch", "tokens"), [((48, 48), 6, 64), ((56, 56), 7, 64), ((7, 7), 1, 49), ((112, 112), 14, 64)]
)
def test_default_patch_gives_at_most_64_tokens(size: Any, patch: int, tokens: int) -> None:
    window = Window((2, 2), (2, 2), "valid")
    chosen = choose_patch(size, window, "bilinear", True)
    assert (chosen, TokenGrid(size, chosen).tokens) == ((patch, patch), tokens)


@pytest.mark.parametrize(("channels", "heads", "width"), [(16, 2, 16), (100, 2, 32), (3, 2, 4), (5, 3, 6), (64, 4, 32)])
def test_default_width_is_even_and_divisible(channels: int, heads: int, width: int) -> None:
    assert layers.SelfAttentivePooling2D(2, num_heads=heads).width(channels) == width


def test_the_control_has_about_as_many_weights_and_mixes_no_tokens() -> None:
    made = [layers.SelfAttentivePooling2D(2, embed_dim=16, mixing=mixing) for mixing in ("attention", "pointwise")]
    x = image(16, 16, 8)
    for layer in made:
        layer(x)
    with_attention, without = (layer.count_params() for layer in made)
    assert with_attention - without == 16  # biases
    tokens = np.random.default_rng(1).normal(size=(1, *made[1].grid.shape, 16)).astype(np.float32)
    changed = tokens.copy()
    changed[0, 0, 0] += 1
    differs = [(np.asarray(layer.attend(tokens)) != np.asarray(layer.attend(changed))).any(-1) for layer in made]
    assert differs[0].all() and differs[1].sum() == 1


@pytest.mark.parametrize("attention", ["weights", "gate"])
def test_one_token_attends_to_itself_without_a_warning(attention: str) -> None:
    model = pooling_model("sap", (4, 4, 4), 4, patch_size=4, attention=attention, residual=False)
    layer = model.get_layer("pool")
    tokens = layer.tokens(image(4, 4, 4))
    _, _, values = np.split(np.asarray(layer.queries_keys_values(tokens)), 3, axis=-1)
    np.testing.assert_allclose(layer.attend(tokens), layer.projection(values), atol=1e-6)


def test_position_tells_tokens_apart() -> None:
    """Attention alone can't: on a constant image all its logits are equal."""
    x = np.ones((1, 8, 8, 4), np.float32)
    for position, is_flat in (("learned", False), ("none", True)):
        layer = pooling_model("sap", (8, 8, 4), 2, patch_size=2, position=position, **PAPER).get_layer("pool")
        z = np.asarray(layer.logits(x))
        assert np.allclose(z, z[:, :1, :1], atol=1e-6) == is_flat


class Subclassed(keras.Model):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.pool = layers.SelfAttentivePooling2D(2, patch_size=4)
        self.head = keras.layers.Dense(2)

    def call(self, x: Any, training: bool | None = None) -> Any:
        return self.head(tf.reduce_mean(self.pool(x, training=training), axis=(1, 2)))


def test_a_subclassed_model_trains_every_weight_of_it() -> None:
    model = Subclassed()
    model(image(8, 8, 4))
    shake(model.pool)  # a gate's scale is 0 at first, and nothing before it learns
    model.compile("sgd", "mse", jit_compile=True)
    before = [np.array(one) for one in model.pool.weights]
    model.fit(np.concatenate([image(8, 8, 4)] * 4), np.ones((4, 2)), batch_size=4, verbose=0)
    constant = ("restoring/bias", "embedding/bias", "queries_keys_values/bias", "projection/bias")
    for old, variable in zip(before, model.pool.weights, strict=True):  # biases before a batch norm get no gradient
        assert not np.array_equal(old, variable) or variable.path.endswith(constant), variable.path


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"embed_dim": 6, "num_heads": 4}, "sap: embed_dim 6 can't be shared by 4 heads"),
        ({"embed_dim": 3, "num_heads": 3}, "sap: embed_dim 3 is odd"),
        ({"embed_dim": 0}, "sap has embed_dim=0"),
        ({"num_heads": 1.5}, "sap has num_heads=1.5"),
        ({"patch_size": 0}, "sap has patch_size=0"),
        ({"restoration": "cubic"}, "sap has restoration='cubic'"),
        ({"mixing": "none"}, "sap has mixing='none'"),
        ({"attention": "both"}, "sap has attention='both'"),
        ({"local": None}, "sap has attention='gate' and no local term"),
        ({"position": "sine"}, "sap has position='sine'"),
        ({"local": "conv"}, "sap has local='conv'"),
        ({"gain": 0}, "sap has gain=0"),
        ({"gain": 12, "normalize": False}, "sap has gain=12 without normalize"),
        ({"patch_size": 1}, "sap cuts 32×32 into 1,024 tokens; the most is 256"),
        ({"max_tokens": 60}, "sap cuts 32×32 into 64 tokens; the most is 60"),
    ],
)
def test_options_that_cannot_work_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        layers.SelfAttentivePooling2D(2, name="sap", **options).build((None, 32, 32, 4))
    assert caught.value.hint


def test_more_tokens_are_allowed_where_asked() -> None:
    layer = layers.SelfAttentivePooling2D(2, patch_size=1, max_tokens=1024)
    layer.build((None, 32, 32, 2))
    assert layer.grid.tokens == 1024
