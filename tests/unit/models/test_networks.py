# SPDX-License-Identifier: Apache-2.0
"""The networks of models/networks: those that were published, wherever they down-sample and whatever does it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from quiet_keras import keras, layers
from reference_models import reference_model

from sapmcu.errors import UserError
from sapmcu.frontends.source import load_source
from sapmcu.frontends.tflite import load_tflite, read_tflite
from sapmcu.ir.cost import graph_macs
from sapmcu.lower import lower_graph
from sapmcu.pipeline import rewrite
from sapmcu.quantize.quantizer import check_full_int8, quantize_source
from sapmcu.quantize.samples import load_samples
from sapmcu.train.networks import load_network

pytestmark = pytest.mark.needs("tensorflow")

EARLY = {"mobilenet_v2": "2121111", "mobilenet_v1": "21211", "resnet18": "2121", "resnet8": "212"}
"""Two places each, so that each is cheap to build. Stage 3 of each has a block behind the pool but that of resnet8."""
PLACEMENTS = ("after_first_block", "before_stage", "prepool")


def early(network: str, **arguments: Any) -> Any:
    """A narrow network that down-samples by 8 in all, 2 of it in the stem."""
    build = load_network(network)
    return build((32, 32, 3), 4, **{"width": 0.25, "strides": EARLY[network], "stem_stride": 2, **arguments})


def shapes(model: Any) -> list[tuple[int, ...]]:
    return [tuple(weight.shape) for weight in model.weights]


def macs(model: Any) -> int:
    """Of convolutions and fully connected layers, from the shapes of their filters."""
    total = 0
    for layer in model.layers:
        if isinstance(layer, keras.layers.DepthwiseConv2D | keras.layers.Conv2D):
            _, height, width, _ = layer.output.shape
            total += height * width * math.prod(layer.kernel.shape)
        elif isinstance(layer, keras.layers.Dense):
            total += math.prod(layer.kernel.shape)
    return total


def trainable(model: Any) -> int:
    return sum(math.prod(weight.shape) for weight in model.trainable_weights)


def before(model: Any, layer: str) -> str:
    """The layer that gives another its only input."""
    return str(model.get_layer(layer).input._keras_history.operation.name)


def behind(model: Any, layer: str) -> set[str]:
    """The layers that read one's output."""
    return {
        other.name
        for other in model.layers
        for tensor in (other.input if isinstance(other.input, list) else [other.input])
        if tensor._keras_history.operation.name == layer and other.name != layer
    }


@pytest.mark.parametrize(("width", "parameters"), [(0.35, 1_691_208), (0.5, 1_987_224), (1.0, 3_538_984)])
def test_mobilenet_v2_has_the_parameters_of_keras_applications(width: float, parameters: int) -> None:
    model = load_network("mobilenet_v2")((224, 224, 3), 1000, width=width)
    assert model.count_params() == parameters
    assert shapes(model) == shapes(keras.applications.MobileNetV2((224, 224, 3), width, weights=None))


def test_mobilenet_v2_computes_what_keras_applications_does() -> None:
    model = load_network("mobilenet_v2")((64, 64, 3), 7, width=0.35)
    other = keras.applications.MobileNetV2((64, 64, 3), 0.35, weights=None, classes=7)
    weights = lively(other)
    other.set_weights(weights)
    assert_equal_outputs(model, other, weights)


def test_mobilenet_v1_computes_what_keras_applications_does() -> None:
    model = load_network("mobilenet_v1")((64, 64, 3), 7, width=0.25)
    other = keras.applications.MobileNet((64, 64, 3), 0.25, weights=None, classes=7)
    *weights, filters, bias = lively(other)
    other.set_weights([*weights, filters, bias])
    assert_equal_outputs(model, other, [*weights, filters[0, 0], bias])


def test_resnet8_computes_what_that_of_mlperf_tiny_does() -> None:
    model = load_network("resnet8")((32, 32, 3), 10)
    other = keras.models.load_model(reference_model("mlperf_ic_resnet.h5"), compile=False)
    assert model.count_params() == other.count_params() == 78_666
    assert_equal_outputs(model, other, other.get_weights())


def lively(model: Any) -> list[Any]:
    """Random weights that keep the spread of what goes through; fresh ones let it die out."""
    rng, result = np.random.default_rng(1), []
    for shape in shapes(model):
        taps = math.prod(shape[:2] if shape[-1] == 1 else shape[:-1])
        is_filter = len(shape) > 1
        result.append(rng.normal(0, math.sqrt(2 / taps), shape) if is_filter else rng.uniform(0.5, 1.5, shape))
    return result


def assert_equal_outputs(model: Any, other: Any, weights: list[Any]) -> None:
    """With the same weights, on the same random images, which no layer may make all alike."""
    model.set_weights(weights)
    images = np.random.default_rng(0).random((3, *model.input.shape[1:]), np.float32)
    images *= np.array([0.1, 0.4, 1.0], np.float32)[:, None, None, None]
    expected = np.asarray(other([images] if isinstance(other.input, list) else images))
    np.testing.assert_allclose(np.asarray(model(images)), expected, atol=1e-5)
    assert np.ptp(expected, axis=0).max() > 1e-3


def test_published_sizes() -> None:
    """Parameters without running statistics and MACs at 224×224, 1000 classes.

    MobileNetV2: 300 M MACs (paper, table 4). MobileNet 0.25: 0.5 M, 41 M (paper, table 6). ResNet-18: 11,689,512
    parameters, 1.81 G (torchvision).
    """
    image = (224, 224, 3)
    v2, v1 = load_network("mobilenet_v2")(image, 1000), load_network("mobilenet_v1")(image, 1000, width=0.25)
    resnet18 = load_network("resnet18")(image, 1000)
    assert [trainable(model) for model in (v2, v1, resnet18)] == [3_504_872, 470_072, 11_689_512]
    assert [macs(model) for model in (v2, v1, resnet18)] == [300_774_272, 41_030_272, 1_814_073_344]


def test_resnet8_has_the_macs_of_mlperf_tiny() -> None:
    graph = load_tflite(reference_model("mlperf_ic_resnet_quant.tflite"))
    model = load_network("resnet8")((32, 32, 3), 10)
    assert (trainable(model), macs(model)) == (78_186, graph_macs(graph))


@pytest.mark.parametrize("placement", PLACEMENTS)
@pytest.mark.parametrize(
    ("network", "strides", "stem", "total"),
    [
        ("mobilenet_v2", "1222121", None, 32),
        ("mobilenet_v2", "2222121", None, 64),
        ("mobilenet_v2", "4222121", None, 128),
        ("mobilenet_v1", "12222", 4, 64),
        ("resnet18", "1222", None, 32),
        ("resnet18", "4222", None, 128),
        ("resnet8", "122", 2, 8),
        ("resnet8", "422", 3, 48),
    ],
)
def test_strides_divide_the_map_wherever_they_stand(
    network: str, strides: str, stem: int | None, total: int, placement: str
) -> None:
    size = 160
    options = {"pooling": "max", "strides": strides, "placement": placement, "width": 0.25}
    model = load_network(network)((size, size + 32, 3), 4, stem_stride=stem, **options)
    assert model.get_layer("mean").input.shape[1:3] == (-(-size // total), -(-(size + 32) // total))


@pytest.mark.parametrize("network", EARLY)
def test_the_pooling_is_all_that_differs(network: str) -> None:
    ordinary = shapes(early(network))
    assert all(shapes(early(network, pooling="max", placement=placement)) == ordinary for placement in PLACEMENTS)


def test_a_pool_follows_the_first_block() -> None:
    model = early("mobilenet_v2", pooling="max", placement="after_first_block")
    assert pools(model) == {"stage1_pool": 2, "stage3_pool": 2}
    assert before(model, "stage3_pool") == "stage3_block1_project_norm"
    assert behind(model, "stage3_pool") == {"stage3_block2_expand", "stage3_block2_add"}
    assert strided(model) == {"stem"}


def test_a_pool_precedes_the_stage() -> None:
    model = early("resnet18", pooling="max", placement="before_stage")
    assert before(model, "stage3_pool") == "stage2_block2_relu"
    assert behind(model, "stage3_pool") == {"stage3_block1_conv1", "stage3_block1_shortcut"}
    assert strided(model) == {"stem"}


def test_a_prepool_takes_the_place_of_the_stem_s_strides() -> None:
    model = load_network("resnet18")((64, 64, 3), 4, width=0.25, pooling="average", placement="prepool")
    assert pools(model) == {"stem_pool": 4}
    assert before(model, "stem_pool") == "stem_relu"
    assert strided(model) == {f"stage{n}_block1_{conv}" for n in (2, 3, 4) for conv in ("conv1", "shortcut")}


def test_a_strided_convolution_stands_where_the_ordinary_network_has_it() -> None:
    for placement in PLACEMENTS:
        model = early("resnet8", placement=placement)
        assert pools(model) == {}
        assert strided(model) == {"stem", "stage1_conv1", "stage1_shortcut", "stage3_conv1", "stage3_shortcut"}


def pools(model: Any) -> dict[str, int]:
    """Stride of each pool that stands at a place."""
    return {layer.name: layer.strides[0] for layer in model.layers if layer.name.endswith("_pool")}


def strided(model: Any) -> set[str]:
    """The convolutions with a stride."""
    return {layer.name for layer in model.layers if hasattr(layer, "kernel_size") and layer.strides[0] > 1}


@pytest.mark.parametrize("placement", PLACEMENTS)
@pytest.mark.parametrize("network", EARLY)
def test_any_pooling_fits_any_place(network: str, placement: str) -> None:
    images = np.random.default_rng(0).random((2, 32, 32, 3), np.float32)
    for pooling in layers.POOLINGS.keys() - {"strided_conv"}:
        model = early(network, pooling=pooling, placement=placement)
        assert set(pools(model)) == ({"stem_pool"} if placement == "prepool" else {"stage1_pool", "stage3_pool"})
        outputs = np.asarray(model(images))
        assert outputs.shape == (2, 4)
        assert np.isfinite(outputs).all(), pooling


def test_options_may_differ_by_stage() -> None:
    model = early("resnet8", pooling="blur", pooling_options={"order": [1, 2, 3]})
    assert [model.get_layer(f"stage{n}_pool").get_config()["order"] for n in (1, 3)] == [1, 3]


@pytest.mark.parametrize(
    ("network", "pooling", "placement"),
    [("mobilenet_v2", "average", "before_stage"), ("resnet8", "max", "after_first_block")],
)
def test_int8_graph_has_ops_of_the_native_engine_only(
    network: str, pooling: str, placement: str, tmp_path: Path
) -> None:
    model = early(network, pooling=pooling, placement=placement)
    model.set_weights(lively(model))
    model.save(tmp_path / "network.keras")
    source = load_source(tmp_path / "network.keras")
    graph, _ = rewrite(read_tflite(quantize_source(source, load_samples(None, source)).tflite, "network"))
    check_full_int8(graph, source)
    assert lower_graph(graph).steps


MISTAKES: dict[str, tuple[str, dict[str, Any], str, str]] = {
    "too few digits": (
        *("mobilenet_v2", {"strides": "122"}),
        "mobilenet_v2: the strides '122' are not one digit from 1 to 8 for each of its 7 stages",
        "for instance 1222222",
    ),
    "a zero": (
        *("resnet8", {"strides": "120"}),
        "resnet8: the strides '120' are not one digit from 1 to 8 for each of its 3 stages",
        "for instance 122",
    ),
    "no pooling": (
        *("resnet8", {"pooling": "maxx"}),
        "resnet8: the pooling 'maxx' is unknown",
        "there are max, average, strided_conv",
    ),
    "no placement": (
        *("resnet8", {"placement": "front"}),
        "resnet8: the placement 'front' is unknown",
        "there are after_first_block, before_stage, prepool",
    ),
    "small input": (
        *("mobilenet_v2", {"input_shape": (32, 48, 3), "strides": "4222121"}),
        "mobilenet_v2: an input of 32×48 leaves 1×2 before stage 4, whose stride is 2",
        "give a larger input or smaller strides",
    ),
    "small stem": (
        *("resnet18", {"input_shape": (3, 64, 3)}),
        "resnet18: an input of 3×64 leaves 3×64 before the stem, whose stride is 4",
        "give a larger input or smaller strides",
    ),
    "rank": (
        *("resnet18", {"input_shape": (64, 64)}),
        "resnet18: the input shape (64, 64) is no image",
        "give (height, width, channels)",
    ),
    "one class": (
        *("mobilenet_v1", {"num_classes": 1}),
        "mobilenet_v1: 1 classes can't be told apart",
        "give the number of classes, 2 or more",
    ),
    "width": (
        *("mobilenet_v1", {"width": 0}),
        "mobilenet_v1: the width 0 is not between 0 and 4",
        "1.0 is the published network",
    ),
    "stem": (
        *("mobilenet_v1", {"stem_stride": 0}),
        "mobilenet_v1: the stem's stride 0 is not between 1 and 8",
        "leave stem_stride out for the usual",
    ),
    "nothing to replace": (
        *("resnet8", {"pooling": "max", "placement": "prepool"}),
        "resnet8: the pooling 'max' has no place: the stem's stride is 1",
        "give stem_stride 2 or more",
    ),
    "no stride": (
        *("resnet8", {"pooling": "max", "strides": "111"}),
        "resnet8: the pooling 'max' has no place: all strides of '111' are 1",
        "give a stage a stride of 2 or more",
    ),
    "options of none": (
        *("resnet8", {"pooling_options": {"patch_size": 2}}),
        "resnet8: the pooling strided_conv has no options, but was given patch_size",
        "leave pooling_options out",
    ),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_gets_a_sentence_and_a_hint(case: str) -> None:
    network, changed, message, hint = MISTAKES[case]
    arguments: dict[str, Any] = {"input_shape": (64, 64, 3), "num_classes": 10, **changed}
    with pytest.raises(UserError) as error:
        load_network(network)(**arguments)
    assert error.value.message == message
    assert str(error.value.hint).startswith(hint)


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(UserError) as error:
        load_network("resnet8")((64, 64, 3), 10, pooling="no", placement="nowhere", strides="x")
    assert "strides" in error.value.message
    assert error.value.details == ("the pooling 'no' is unknown", "the placement 'nowhere' is unknown")
