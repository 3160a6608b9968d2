# SPDX-License-Identifier: Apache-2.0
"""Float against int8: the figures, and that the list by layer finds a culprit."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from keras_models import keras_models

from sapmcu.emit.tflite import write_tflite
from sapmcu.frontends.source import load_source
from sapmcu.frontends.tflite import read_tflite
from sapmcu.ir.graph import Array, DType, Graph, Quantization, Tensor
from sapmcu.ir.source import Samples, Source
from sapmcu.quantize.accuracy import (
    MAX_SQNR_DB,
    Noise,
    dequantize_array,
    measure_accuracy,
    quantize_array,
    run_litert,
)
from sapmcu.reference import run_graph

needs_tensorflow = pytest.mark.needs("tensorflow")
TENSOR = Tensor("t", (5,), DType.INT8, Quantization((0.5,), (10,)))


@cache
def source() -> Source:
    return load_source(keras_models() / "float.tflite")


def int8() -> tuple[bytes, Graph]:
    model = (keras_models() / "int8.tflite").read_bytes()
    return model, read_tflite(model, "tiny")


def samples(labels: np.ndarray | None = None) -> Samples:
    return Samples((np.load(keras_models() / "inputs.npy"),), labels, "random", is_guessed=False)


def float_classes() -> np.ndarray:
    outputs = run_litert(source().tflite, list(samples().batches()))
    return np.array([int(one.argmax()) for (one,) in outputs])


def test_quantizing_rounds_halves_away_from_zero_and_saturates() -> None:
    real = np.array([0.25, -0.25, 0.2, 1e9, -1e9], np.float32)
    assert quantize_array(real, TENSOR).tolist() == [11, 9, 10, 127, -128]


def test_dequantizing_inverts_it() -> None:
    codes = np.arange(-128, 123, dtype=np.int8)
    real = dequantize_array(codes, TENSOR)
    assert real[0] == (-128 - 10) * 0.5
    np.testing.assert_array_equal(quantize_array(real, TENSOR), codes)
    np.testing.assert_array_equal(dequantize_array(codes, replace(TENSOR, quantization=None)), codes)


def test_noise_is_summed_over_samples() -> None:
    noise = Noise()
    noise.add(np.array([3.0, 4.0]), np.array([3.0, 4.1]))
    noise.add(np.array([0.0, 5.0]), np.array([0.2, 5.0]))
    assert noise.sqnr_db == pytest.approx(10 * math.log10(50 / 0.05))
    assert noise.largest == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("real", "other", "expected"),
    [([1.0], [1.0], MAX_SQNR_DB), ([0.0], [0.0], MAX_SQNR_DB), ([0.0], [1.0], -MAX_SQNR_DB)],
)
def test_noise_stays_a_number_that_json_knows(real: list[float], other: list[float], expected: float) -> None:
    noise = Noise()
    noise.add(np.array(real), np.array(other))
    assert noise.sqnr_db == expected


@needs_tensorflow
def test_figures_of_a_good_model() -> None:
    model, graph = int8()
    found = measure_accuracy(source(), graph, model, samples(float_classes()))
    assert found.samples == 20
    (output,) = found.outputs
    assert 20 < output.sqnr_db < 60
    assert 0 < output.largest_error < 0.1
    assert found.float_accuracy == 1.0
    assert found.int8_accuracy == found.argmax_agreement
    assert found.layers == ()


@needs_tensorflow
def test_accuracies_need_labels() -> None:
    model, graph = int8()
    found = measure_accuracy(source(), graph, model, samples())
    assert (found.float_accuracy, found.int8_accuracy) == (None, None)
    assert found.argmax_agreement is not None


@needs_tensorflow
def test_given_executor_runs_the_int8_model() -> None:
    model, graph = int8()
    wrong = np.full((1, 5), -128, np.int8)
    wrong[0, 3] = 127
    found = measure_accuracy(
        source(), graph, model, samples(np.full(20, 3)), execute=lambda sets: [[wrong] for _ in sets]
    )
    assert found.int8_accuracy == 1.0
    assert found.argmax_agreement == float((float_classes() == 3).mean())
    assert found.outputs[0].largest_error > 0.3


@needs_tensorflow
def test_layers_are_listed_worst_first() -> None:
    model, graph = int8()
    layers = measure_accuracy(source(), graph, model, samples(), per_layer=True).layers
    assert sorted(one.op for one in layers) == list(range(len(graph.ops)))
    assert [one.sqnr_db for one in layers] == sorted(one.sqnr_db for one in layers)
    assert {"CONV_2D", "DEPTHWISE_CONV_2D", "SOFTMAX"} <= {one.type for one in layers}
    assert {one.layer for one in layers if one.type == "SOFTMAX"} == {"output_0"}  # the signature's name


@needs_tensorflow
def test_layers_are_those_of_the_given_trace() -> None:
    """The reference's, which are TFLM's; with a trace that is off by a little in one op, that op is the worst."""
    model, graph = int8()

    def trace(inputs: Sequence[Array]) -> Mapping[str, Array]:
        values = dict(run_graph(graph, inputs))
        name = graph.ops[1].outputs[0]
        values[name] = np.clip(values[name].astype(np.int16) + 60, -128, 127).astype(np.int8)
        return values

    assert measure_accuracy(source(), graph, model, samples(), trace=trace, per_layer=True).layers[0].op == 1


@needs_tensorflow
def test_a_broken_layer_is_found() -> None:
    """With the depthwise filter zeroed the layer before it stays good, and the noise begins at it."""
    _, graph = int8()
    broken = str(graph.ops[1].inputs[1])
    zeroed = replace(graph.tensors[broken], data=bytes(graph.tensors[broken].size_bytes))
    damaged = replace(graph, tensors={**graph.tensors, broken: zeroed})
    layers = measure_accuracy(source(), damaged, write_tflite(damaged), samples(), per_layer=True).layers
    by_op = {one.op: one for one in layers}
    assert by_op[0].sqnr_db > 30
    assert by_op[1].sqnr_db < 10
    assert by_op[1].layer.startswith("third")
