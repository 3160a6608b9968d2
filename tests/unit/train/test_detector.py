# SPDX-License-Identifier: Apache-2.0
"""Detectors learn, keep what they learned in int8, and their losses are those of the papers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from quiet_keras import keras
from toy_detector import ANCHORS, CLASSES, rectangles, trained_detector

from sapmcu.errors import UserError
from sapmcu.frontends.source import load_source
from sapmcu.frontends.tflite import read_tflite
from sapmcu.lower import lower_graph
from sapmcu.pipeline import rewrite
from sapmcu.quantize.accuracy import quantize_inputs
from sapmcu.quantize.quantizer import quantize_source
from sapmcu.quantize.samples import load_samples
from sapmcu.reference import run_graph
from sapmcu.train.detection.anchors import targets
from sapmcu.train.detection.average_precision import mean_average_precision
from sapmcu.train.detection.boxes import NO_CLASS
from sapmcu.train.detection.decoder import find_boxes
from sapmcu.train.detection.training import EVALUATION, code_loss, evaluate_detector, score_loss
from sapmcu.train.networks import load_anchors, load_network

pytestmark = pytest.mark.needs("tensorflow")


@pytest.fixture(scope="module")
def detector() -> Any:
    return trained_detector()


def test_a_detector_finds_objects_in_images_that_it_has_not_seen(detector: Any) -> None:
    assert evaluate_detector(detector, *rectangles(64, seed=1), ANCHORS) > 0.9


def test_an_int8_detector_finds_them_too(detector: Any, tmp_path: Path) -> None:
    images, truths = rectangles(24, seed=1)
    detector.save(tmp_path / "ssdlite.keras")
    np.save(tmp_path / "samples.npy", rectangles(50, seed=2)[0])
    source = load_source(tmp_path / "ssdlite.keras")
    samples = load_samples(str(tmp_path / "samples.npy"), source)
    graph, _ = rewrite(read_tflite(quantize_source(source, samples).tflite, "ssdlite"))
    found = []
    for image in images:
        values = run_graph(graph, quantize_inputs(graph, (image[None],)))
        outputs = [graph.tensors[name] for name in graph.outputs]
        codes, scores = ((values[one.name][0].astype(float) - one.zero_point) * one.scale for one in outputs)
        found.append(find_boxes(codes, scores, ANCHORS, EVALUATION))
    float_score = evaluate_detector(detector, images, truths, ANCHORS)
    assert mean_average_precision(found, list(truths), CLASSES) > float_score - 0.05


def test_score_loss_is_focal_loss_where_it_counts() -> None:
    """-alpha (1 - p)^gamma ln p of each anchor and class, p of what is right, over the anchors with an object."""
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (2, 5, 3)).astype(np.float32)
    truth = np.zeros((2, 5, 3), np.float32)
    truth[0, [0, 1], [2, 0]] = 1
    truth[:, 4] = NO_CLASS
    right = 1 / (1 + np.exp(-np.where(truth == 1, logits, -logits)))
    each = np.where(truth == 1, 0.25, 0.75) * (1 - right) ** 2 * -np.log(right)
    expected = each[:, :4].sum(axis=(1, 2)) / [2, 1]
    np.testing.assert_allclose(np.asarray(score_loss(keras.ops.array(truth), logits)), expected, rtol=1e-5)


def test_score_loss_is_finite_at_extreme_logits() -> None:
    truth = np.array([[[1, 0], [0, 1]]], np.float32)
    logits = np.array([[[-1e4, 1e4], [1e4, -1e4]]], np.float32)
    assert np.asarray(score_loss(keras.ops.array(truth), logits)) == pytest.approx(2 * (0.25 + 0.75) * 1e4 / 2)


def test_code_loss_by_hand() -> None:
    """Distances 0.5, 3, 0, 1 at one anchor, 1 at another; what the third gives doesn't count."""
    truth = np.zeros((1, 3, 5), np.float32)
    truth[0, :2, 4] = 1
    codes = np.array([[[0.5, -3, 0, 1], [1, 0, 0, 0], [9, 9, 9, 9]]], np.float32)
    loss = np.asarray(code_loss(keras.ops.array(truth), codes))
    np.testing.assert_allclose(loss, [(0.125 + 2.5 + 0.5 + 0.5) / 2])


def test_an_image_without_objects_has_finite_losses() -> None:
    codes, scores = targets(ANCHORS, np.full((1, 1, 5), NO_CLASS, np.float32), CLASSES)
    assert np.asarray(code_loss(keras.ops.array(codes), np.ones((1, len(ANCHORS), 4), np.float32))) == 0
    logits = np.zeros((1, len(ANCHORS), CLASSES), np.float32)
    assert np.isfinite(np.asarray(score_loss(keras.ops.array(scores), logits))).all()


@pytest.mark.parametrize(
    ("pooling", "placement"),
    [("strided_conv", "after_first_block"), ("average", "before_stage"), ("max", "prepool")],
)
def test_ssdlite_has_an_anchor_for_each_row_it_gives(pooling: str, placement: str, tmp_path: Path) -> None:
    """64×96 over 16 and 32: 4×6 and 2×3 places with four anchors each; also when loaded from a file."""
    model = load_network("ssdlite")((64, 96, 3), 3, pooling=pooling, placement=placement)
    assert model.output_names == ["codes", "scores"]
    assert [one.shape for one in model.outputs] == [(None, 120, 4), (None, 120, 3)]
    model.save(tmp_path / "model.keras")
    anchors = load_anchors("ssdlite")(keras.models.load_model(tmp_path / "model.keras"))
    assert anchors.shape == (120, 4)
    np.testing.assert_allclose(
        anchors[[0, 95, 96, 119], :2], [[1 / 8, 1 / 12], [7 / 8, 11 / 12], [1 / 4, 1 / 6], [3 / 4, 5 / 6]]
    )
    scores = np.asarray(model(np.zeros((1, 64, 96, 3), np.float32))[1])
    np.testing.assert_allclose(1 / (1 + np.exp(-scores)), 0.01, rtol=1e-3)


def test_rows_are_in_the_order_of_the_anchors() -> None:
    """The row of an anchor holds the numbers of its place in the map and, there, of its shape."""
    model = load_network("ssdlite")((64, 96, 3), 3)
    anchors = load_anchors("ssdlite")(model)[: 4 * 6 * 4]
    rows = keras.Model(model.get_layer("stage5_codes").output, model.get_layer("stage5_codes_rows").output)
    place = np.stack(np.meshgrid((np.arange(4) + 0.5) / 4, (np.arange(6) + 0.5) / 6, indexing="ij"), axis=-1)
    size = anchors[:4, 2:]
    numbers = [np.concatenate([place, np.broadcast_to(one, place.shape)], axis=-1) for one in size]
    np.testing.assert_allclose(np.asarray(rows(np.concatenate(numbers, axis=-1)[None]))[0], anchors, rtol=1e-6)


def test_int8_ssdlite_has_ops_of_the_native_engine_only(tmp_path: Path) -> None:
    model = load_network("ssdlite")((32, 32, 3), 4, strides="1212111", pooling="max")
    rng = np.random.default_rng(0)
    model.set_weights([rng.uniform(0.5, 1.5, one.shape) if one.ndim == 1 else one * 5 for one in model.get_weights()])
    model.save(tmp_path / "ssdlite.keras")
    source = load_source(tmp_path / "ssdlite.keras")
    graph, _ = rewrite(read_tflite(quantize_source(source, load_samples(None, source)).tflite, "ssdlite"))
    assert lower_graph(graph).steps
    anchors = len(load_anchors("ssdlite")(model))
    assert [graph.tensors[name].shape for name in graph.outputs] == [(1, anchors, 4), (1, anchors, 4)]
    first = {op.outputs[0]: op for op in graph.ops}[graph.outputs[0]]
    assert all("codes" in name for name in first.inputs)


def test_a_classifier_has_no_anchors() -> None:
    with pytest.raises(UserError, match="resnet8 is no detector: it has no function `anchors`"):
        load_anchors("resnet8")
