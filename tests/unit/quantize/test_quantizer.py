# SPDX-License-Identifier: Apache-2.0
"""Full-int8 quantization: the result, that it is always the same, and what stays float."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from keras_models import keras_models
from reference_models import reference_model

from sapmcu import isolated
from sapmcu.errors import UserError
from sapmcu.frontends.source import load_source
from sapmcu.frontends.tflite import load_tflite, read_tflite
from sapmcu.ir.graph import Graph
from sapmcu.ir.source import Samples, Source
from sapmcu.quantize.accuracy import run_litert
from sapmcu.quantize.quantizer import Quantizer, check_float, check_full_int8, is_full_int8, quantize_source

needs_tensorflow = pytest.mark.needs("tensorflow")


@cache
def float_source() -> Source:
    return load_source(keras_models() / "float.tflite")


def samples() -> Samples:
    return Samples((np.load(keras_models() / "inputs.npy"),), None, "random", is_guessed=False)


@cache
def int8_model() -> bytes:
    return quantize_source(float_source(), samples(), quantizer=Quantizer.TENSORFLOW).tflite


def int8_graph() -> Graph:
    return read_tflite(int8_model(), "tiny")


@needs_tensorflow
def test_everything_is_int8_with_filters_per_channel() -> None:
    graph = int8_graph()
    check_full_int8(graph, float_source())
    assert is_full_int8(graph)
    assert not any(tensor.dtype.is_float for tensor in graph.tensors.values())
    filters = [graph.tensors[str(op.inputs[1])].quantization for op in graph.ops[:2]]
    assert [len(one.scales) for one in filters if one] == [4, 4]


@needs_tensorflow
def test_tensors_keep_the_names_of_the_float_model() -> None:
    int8, real = int8_graph(), float_source().graph
    assert [op.outputs for op in int8.ops] == [op.outputs for op in real.ops]
    assert (int8.inputs, int8.outputs) == (real.inputs, real.outputs)


@needs_tensorflow
def test_result_is_what_the_public_converter_makes() -> None:
    """The converter's second half, called directly, must give its scales, filters and outputs."""
    ours, theirs = int8_graph(), load_tflite(keras_models() / "int8.tflite")
    for name, tensor in theirs.tensors.items():
        if not tensor.is_constant:
            assert ours.tensors[name].quantization == tensor.quantization, name
    inputs = [[(np.random.default_rng(seed).integers(-128, 128, (1, 8, 8, 3))).astype(np.int8)] for seed in range(10)]
    public = run_litert((keras_models() / "int8.tflite").read_bytes(), inputs)
    np.testing.assert_array_equal(run_litert(int8_model(), inputs), public)


@needs_tensorflow
def test_same_input_gives_the_same_bytes_in_every_process() -> None:
    again = isolated.Child()
    try:
        task = "sapmcu.quantize.tensorflow:quantize_with_tensorflow"
        other = again.call(task, (float_source().tflite, samples().arrays), isolated.silent, 300)
    finally:
        again.close()
    assert other == int8_model()
    assert quantize_source(float_source(), samples(), quantizer=Quantizer.TENSORFLOW).tflite == int8_model()


@needs_tensorflow
def test_progress_is_reported() -> None:
    lines: list[str] = []
    quantize_source(float_source(), samples(), quantizer=Quantizer.TENSORFLOW, progress=lines.append)
    assert lines[0] == "quantizing with 20 samples"


@needs_tensorflow
def test_float_islands_are_named_with_their_layers() -> None:
    source = load_source(keras_models() / "elu.keras")
    graph = read_tflite(quantize_source(source, samples(), quantizer=Quantizer.TENSORFLOW).tflite, "elu")
    assert not is_full_int8(graph)
    with pytest.raises(UserError, match=r"can't be quantized whole: ELU stays in float32") as caught:
        check_full_int8(graph, source)
    assert caught.value.details == ("ELU in layer curve",)
    assert "ReLU" in str(caught.value.hint)


@needs_tensorflow
def test_models_quantized_in_part_are_named() -> None:
    source = load_source(keras_models() / "float_sides.tflite")
    assert not is_full_int8(source.graph)
    with pytest.raises(UserError, match="is quantized in part, or not to int8") as caught:
        check_float(source)
    assert "inference_input_type" in str(caught.value.hint)


@needs_tensorflow
def test_float_models_with_int8_filters_are_named() -> None:
    """Dynamic-range quantization, the converter's default: TFLM has no kernels for it."""
    with pytest.raises(UserError, match=r"float32 and its filter .* int8, which TFLM doesn't multiply"):
        load_source(keras_models() / "dynamic_range.tflite")


@needs_tensorflow
def test_float_sides_are_named() -> None:
    source = load_source(keras_models() / "float_sides.tflite")
    with pytest.raises(UserError, match=r"inputs or outputs that are not int8: serving_default_pic:0 \(float32\), "):
        check_full_int8(source.graph, source)


def test_reference_models_are_ready_as_they_are(tflite_model: Path) -> None:
    assert is_full_int8(load_tflite(tflite_model))


@needs_tensorflow
def test_onnx_model_is_quantized_whole() -> None:
    source = load_source(reference_model("onnx2c_mnist.onnx"))
    inputs = np.random.default_rng(0).random((8, 28, 28, 1), np.float32)
    quantized = quantize_source(source, Samples((inputs,), None, "random", is_guessed=False))
    check_full_int8(read_tflite(quantized.tflite, "mnist"), source)
