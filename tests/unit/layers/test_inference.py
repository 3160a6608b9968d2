# SPDX-License-Identifier: Apache-2.0
"""Inference forms equal the trained layers; they cost what `cost` says; what can't be folded is named."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from pooling_models import PAPER, pooling_model, shake
from quiet_keras import keras, layers, tf

from sapmcu.emit.tflite import write_tflite
from sapmcu.errors import UserError
from sapmcu.frontends.saved_model import convert_function
from sapmcu.frontends.tflite import read_tflite
from sapmcu.ir.check import graph_violations
from sapmcu.ir.cost import graph_macs
from sapmcu.ir.graph import Graph
from sapmcu.ir.memory import Kernels
from sapmcu.ir.tflite import op_code
from sapmcu.layers.inference.windows import exponential_gate
from sapmcu.plan.memory import plan_memory
from sapmcu.plan.tflm.target import target_for
from sapmcu.quantize.quantizer import is_full_int8
from sapmcu.quantize.tensorflow import quantize_with_tensorflow
from sapmcu.run import tflm_host

pytestmark = pytest.mark.needs("tensorflow")

PLACES = [
    ((12, 12), 2, 2, "valid"),
    ((16, 18), 4, 4, "valid"),
    ((11, 13), 2, 2, "same"),
    ((14, 13), 4, 4, "same"),
    ((14, 13), 4, 2, "same"),
    ((13, 9), 3, 2, "same"),
    ((13, 9), (3, 2), (3, 2), "valid"),
]
EXACT: list[tuple[str, dict[str, Any]]] = [
    ("sap", {}),
    ("sap", PAPER),
    ("sap", {**PAPER, "restoration": "nearest", "local": "depthwise", "num_heads": 1, "patch_size": 3}),
    ("sap", {**PAPER, "local": None, "position": "none", "gain": 12}),
    ("sap", {"local": "pointwise", "mixing": "pointwise"}),
    ("sap", {"restoration": "nearest", "local": "depthwise", "residual": False, "gain": 3}),
    ("lip", {}),
    ("soft", {}),
    ("gaussian", {}),
]


def images(*shape: int, seed: int = 7) -> np.ndarray[Any, Any]:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize(("size", "pool", "strides", "padding"), PLACES)
@pytest.mark.parametrize(("kind", "options"), EXACT)
def test_folded_outputs_equal_the_trained_ones(
    kind: str, options: Any, size: Any, pool: Any, strides: Any, padding: str
) -> None:
    model = pooling_model(kind, (*size, 4), pool, strides, padding, **options)
    x = images(3, *size, 4)
    # The square root's EPSILON shows where a window at the border has one pixel, without deviation.
    tolerance = 2e-3 if kind == "gaussian" and padding == "same" else 1e-5
    np.testing.assert_allclose(layers.fold_poolings(model)(x), model(x), atol=tolerance)


@pytest.mark.parametrize("kind", ["soft", "lip"])
@pytest.mark.parametrize(
    ("size", "pool", "strides", "padding"),
    [((16, 24), 8, 8, "valid"), ((13, 11), 7, 4, "same"), ((12, 8), (9, 4), 2, "valid")],
)
def test_large_windows_weighted_around_their_mean_equal_the_trained_ones(
    kind: str, size: Any, pool: Any, strides: Any, padding: str
) -> None:
    model = pooling_model(kind, (*size, 4), pool, strides, padding)
    x = images(3, *size, 4) + 3
    np.testing.assert_allclose(layers.fold_poolings(model)(x), model(x), atol=1e-5)


@pytest.mark.parametrize(("size", "pool", "strides", "padding"), PLACES)
@pytest.mark.parametrize("normalize", [True, False])
def test_gated_outputs_equal_the_trained_ones_to_the_error_of_the_gate(
    size: Any, pool: Any, strides: Any, padding: str, normalize: bool
) -> None:
    model = pooling_model("sap", (*size, 4), pool, strides, padding, normalize=normalize, **PAPER)
    x = images(3, *size, 4)
    layer = model.get_layer("pool")
    gate = 6e-4 * np.exp(layer.gain) * np.asarray(keras.layers.MaxPooling2D(pool, strides, padding)(abs(x)))
    error = abs(np.asarray(layers.fold_poolings(model, exact=False)(x)) - np.asarray(model(x)))
    assert (error <= gate + 1e-5).all()
    factor, slope, shift = exponential_gate(layer.gain)
    z = np.asarray(layer.logits(x), np.float64)
    weights = 1 + factor / (1 + np.exp(-(slope * z + shift)))
    exact = np.exp(1 / (1 + np.exp(-z)))
    assert abs(weights / exact - 1).max() < 6e-4


@pytest.mark.parametrize(("gain", "error"), [(0.5, 1e-4), (1, 6e-4), (2, 5e-3)])
def test_gate_is_near_the_exponential_and_exact_at_its_ends_and_middle(gain: float, error: float) -> None:
    factor, slope, shift = exponential_gate(gain)
    z = np.linspace(-40, 40, 4001)
    off = (1 + factor / (1 + np.exp(-slope * z - shift))) / np.exp(gain / (1 + np.exp(-z))) - 1
    assert abs(off).max() < error
    assert max(abs(off[[0, 2000, 4000]])) < 1e-9
    if gain == 1:
        assert (factor, shift) == (pytest.approx(math.e - 1), -0.5)
        assert slope == pytest.approx(1.0175, abs=2e-3)


def int8_graph(model: Any, shape: tuple[int, ...]) -> tuple[Graph, bytes]:
    """What convert makes of a model."""
    folded = layers.fold_poolings(model, exact=False)
    specs = {"image": tf.TensorSpec((None, *shape))}
    tflite = convert_function(lambda tensors: {"y": folded(tensors["image"])}, specs, tf.Module(), "model")
    int8 = quantize_with_tensorflow(lambda _: None, tflite, [abs(images(4, *shape))])
    return read_tflite(int8, "model", "model"), int8


COSTS = [
    *[(kind, {}, place) for kind in layers.POOLINGS for place in (((16, 16), 4, 4), ((13, 15), 3, 2))],
    *[(kind, {}, ((24, 24), 8, 8)) for kind in ("lip", "soft")],
    *[("sap", PAPER, place) for place in (((16, 16), 4, 4), ((13, 15), 3, 2))],
    ("sap", {**PAPER, "normalize": False, "local": None}, ((16, 16), 2, 2)),
    ("sap", {**PAPER, "local": None}, ((13, 15), 2, 2)),
    ("sap", {**PAPER, "gain": 4, "num_heads": 4, "local": "depthwise", "patch_size": 4}, ((16, 16), 2, 2)),
    ("sap", {"local": "pointwise", "residual": False}, ((16, 16), 4, 4)),
    ("sap", {"local": "pointwise", "residual": False, "mixing": "pointwise"}, ((16, 16), 4, 4)),
    ("sap", {}, ((32, 32), 2, 2)),
    ("sap", {"local": "pointwise", "gain": 1}, ((13, 15), 3, 2)),
]


@pytest.mark.parametrize(("kind", "options", "place"), COSTS)
def test_cost_is_that_of_the_int8_graph_which_has_no_float_and_no_op_that_tflm_lacks(
    kind: str, options: Any, place: Any
) -> None:
    size, pool, strides = place
    model = pooling_model(kind, (*size, 6), pool, strides, **options)
    graph, tflite = int8_graph(model, (*size, 6))
    assert is_full_int8(graph)
    assert not {op_code(op) for op in graph.ops} & {"EXP", "DIV", "SQRT", "LOG", "TILE", "POW", "SELECT"}
    layer = model.get_layer("pool")
    cost = layers.pooling_cost(layer, (*size, 6))
    memory = plan_memory(graph, len(tflite), target_for(Kernels.CMSIS_NN))
    assert cost.macs == graph_macs(graph)
    slack = {"sap": cost.peak_bytes // 3, "gaussian": 2 * 6}.get(kind, 0)  # Gaussian: μ and what it is made of
    if kind == "lip" and pool == 8:  # TensorFlow's converter takes the mean last, so x waits for that
        slack = cost.peak_bytes // 3
    assert 0 <= memory.peak.live_bytes - cost.peak_bytes <= slack
    assert cost.parameters == layer.count_params()


@pytest.mark.parametrize("strides", [2, 4])
@pytest.mark.parametrize("kind", ["sap", "lip", "gaussian", "soft"])
def test_windows_of_16_pixels_beside_the_image_are_joined_by_ops_that_tflm_has(kind: str, strides: int) -> None:
    graph, _ = int8_graph(pooling_model(kind, (14, 13, 6), 4, strides, "same"), (14, 13, 6))
    assert not list(graph_violations(graph))


@pytest.mark.parametrize(
    ("kind", "options", "pool", "least_db"),
    [
        ("sap", {}, 4, 35),
        ("sap", PAPER, 4, 38),
        ("sap", {**PAPER, "normalize": False}, 4, 38),
        ("sap", {**PAPER, "restoration": "nearest", "local": None, "patch_size": 3}, 4, 38),
        ("sap", {**PAPER, "gain": 8}, 4, 37),
        ("lip", {}, 4, 37),
        ("lip", {}, 8, 37),
        ("gaussian", {}, 4, 33),
        ("soft", {}, 4, 44),
        ("soft", {}, 8, 42),
        ("blur", {}, 4, 38),
    ],
)
def test_int8_loses_little_in_tflm(kind: str, options: Any, pool: int, least_db: float) -> None:
    """The inputs are those that the ranges come from: this is the noise of the ops, not that of rare values."""
    shape = (16, 16, 6)
    model = pooling_model(kind, shape, pool, **options)
    graph, _ = int8_graph(model, shape)
    x, y = (graph.tensors[name].quantization for name in (graph.inputs[0], graph.outputs[0]))
    assert x is not None and y is not None
    real = abs(images(4, *shape))
    codes = np.clip(np.round(real / x.scales[0]) + x.zero_points[0], -128, 127).astype(np.int8)
    outputs = tflm_host.invoke(write_tflite(graph), [[one[None]] for one in codes], 1)
    got = (np.concatenate([one for (one,) in outputs]).astype(np.float32) - y.zero_points[0]) * y.scales[0]
    wanted = np.asarray(model((codes.astype(np.float32) - x.zero_points[0]) * np.float32(x.scales[0])))
    assert 10 * math.log10((wanted**2).sum() / ((got - wanted) ** 2).sum()) >= least_db


def test_models_within_models_are_folded_and_their_other_layers_shared() -> None:
    inner = pooling_model("sap", (12, 12, 4), 2)
    inputs = keras.Input((12, 12, 3))
    conv = keras.layers.Conv2D(4, 3, padding="same")
    shared = layers.LIPPooling2D(2)
    outputs = shared(shared(inner(conv(inputs))))
    model = keras.Sequential([keras.Input((12, 12, 3)), keras.Model(inputs, outputs), keras.layers.Flatten()])
    shake(shared)
    folded = layers.fold_poolings(model)
    x = images(2, 12, 12, 3)
    np.testing.assert_allclose(folded(x), model(x), atol=1e-5)
    assert any(one is conv for one in folded._flatten_layers())
    assert layers.fold_poolings(folded) is folded
    with pytest.raises(UserError, match="is folded for inference and can't be saved"):
        folded.get_config()


class Own(keras.Model):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__(name="own")
        self.pool = layers.SoftPooling2D(2)

    def call(self, x: Any) -> Any:
        return self.pool(x)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (Own, "own is a model with a call"),
        (lambda: keras.Sequential([layers.SoftPooling2D(2)], name="open"), "open has no input yet"),
        (
            lambda: keras.Sequential(
                [keras.Input((3, 8, 8, 1)), keras.layers.TimeDistributed(layers.SoftPooling2D(2, name="deep"))]
            ),
            "deep lies within another layer",
        ),
    ],
)
def test_models_that_cannot_be_folded_are_named(build: Any, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        layers.fold_poolings(build())
    assert caught.value.hint
