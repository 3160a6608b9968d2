# SPDX-License-Identifier: Apache-2.0
"""Keras and SavedModel files compute in TFLite what they compute in Keras; hostile and broken ones are refused."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from keras_models import keras_models
from reference_models import reference_model

from sapmcu.errors import UserError
from sapmcu.frontends.keras import check_config
from sapmcu.frontends.source import load_source
from sapmcu.ir.cost import graph_macs
from sapmcu.ir.tflite import op_code
from sapmcu.quantize.accuracy import run_litert

pytestmark = pytest.mark.needs("tensorflow", "tf_keras")


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("k3.h5", 3),
        ("k3.keras", 3),
        ("k3_saved_model", 3),
        ("k2.h5", 2),
        ("k2.keras", 2),
        ("k2_saved_model", 2),
    ],
)
def test_float_model_computes_what_keras_does(name: str, version: int) -> None:
    directory = keras_models()
    source = load_source(directory / name)
    inputs = np.load(directory / "inputs.npy")
    got = [one for (one,) in run_litert(source.tflite, [[sample[None]] for sample in inputs])]
    np.testing.assert_allclose(np.concatenate(got), np.load(directory / f"k{version}.npy"), atol=1e-5)
    assert [(one.name, one.shape) for one in source.inputs] == [("pic", (1, 8, 8, 3))]


@pytest.mark.parametrize("name", ["k3.h5", "k2.h5", "k3_saved_model"])
def test_open_batch_leaves_no_shape_arithmetic(name: str) -> None:
    """A None batch would leave SHAPE, STRIDED_SLICE and PACK before the RESHAPE, which TFLM rejects."""
    codes = [op_code(op) for op in load_source(keras_models() / name).graph.ops]
    assert codes == ["CONV_2D", "DEPTHWISE_CONV_2D", "RESHAPE", "FULLY_CONNECTED", "SOFTMAX"]


@pytest.mark.parametrize(("name", "producer"), [("k3.keras", "Keras 3."), ("k2.keras", "Keras 2.")])
def test_producer_and_layers_are_kept(name: str, producer: str) -> None:
    source = load_source(keras_models() / name)
    assert source.producer.startswith(producer)
    assert {"first", "second", "norm", "third", "reshape", "flat", "classes"} <= set(source.layers)


def test_several_inputs_and_outputs_keep_their_names() -> None:
    directory = keras_models()
    source = load_source(directory / "two.keras")
    arrays = np.load(directory / "two.npz")
    assert {one.name: one.shape for one in source.inputs} == {"wide": (1, 6), "narrow": (1, 3)}
    (got,) = run_litert(source.tflite, [[arrays[one.name] for one in source.inputs]])
    names = {tensor: name for name, tensor in source.graph.signatures[0].outputs}
    assert sorted(names.values()) == ["also", "joined"]
    for tensor, value in zip(source.graph.outputs, got, strict=True):
        np.testing.assert_allclose(value, arrays[names[tensor]], atol=1e-5)


def test_mixed_precision_of_training_is_undone() -> None:
    graph = load_source(keras_models() / "mixed.keras").graph
    assert [op_code(op) for op in graph.ops] == ["CONV_2D", "MAX_POOL_2D"]
    assert {str(graph.tensors[name].dtype) for op in graph.ops for name in op.outputs} == {"float32"}


def test_mlperf_keras_2_model_has_its_macs() -> None:
    source = load_source(reference_model("mlperf_ic_resnet.h5"))
    assert graph_macs(source.graph) == 12501632
    assert source.inputs[0].name == "input_1"


@pytest.mark.parametrize("name", ["lambda3.h5", "lambda3.keras", "lambda2.h5", "lambda2.keras"])
def test_program_code_is_refused(name: str) -> None:
    with pytest.raises(UserError, match=r"holds program code.*Lambda layer doubled"):
        load_source(keras_models() / name)


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        ({"class_name": "__lambda__", "config": {"value": "4wEA"}}, "__lambda__"),
        ({"class_name": "TFSMLayer", "config": {"name": "other", "filepath": "elsewhere"}}, "TFSMLayer layer other"),
        ({"class_name": "TFOpLambda", "config": {"name": "w", "function": "io.write_file"}}, "calls tf.io.write_file"),
        ({"class_name": "TFOpLambda", "config": {"name": "p", "function": "py_function"}}, "calls tf.py_function"),
        ({"module": "subprocess", "class_name": "Popen", "config": {}}, "Popen of the Python module subprocess"),
    ],
)
def test_code_is_found_at_any_depth(item: dict[str, object], reason: str) -> None:
    config = {"config": {"layers": [{"class_name": "Dense", "config": {"activation": item}}]}}
    with pytest.raises(UserError, match=reason):
        check_config(config, "m.keras")


def test_honest_configuration_passes() -> None:
    config = {"module": "keras.layers", "class_name": "Dense", "config": {"name": "Lambda", "activation": "relu"}}
    check_config([config, {"class_name": "TFOpLambda", "config": {"function": "math.add"}}], "m.keras")


@pytest.mark.parametrize(
    ("name", "message", "hint"),
    [
        ("only.weights.h5", "holds weights without the model", "model.save"),
        ("dynamic.keras", r"input pic has the shape \[None, None, None, 3\]", "fixed input shape"),
        ("own.keras", "keras can't load", "SavedModel"),
        ("two_signatures", r"has no signature serving_default \(it has: one, two\)", "signatures="),
    ],
)
def test_models_that_cannot_work_are_named(name: str, message: str, hint: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        load_source(keras_models() / name)
    assert hint in str(caught.value.hint)


@pytest.mark.parametrize("name", ["k3.h5", "k3.keras", "k2.h5"])
@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9])
def test_truncated_files_are_named(tmp_path: Path, name: str, kept: float) -> None:
    data = (keras_models() / name).read_bytes()
    path = tmp_path / name
    path.write_bytes(data[: int(len(data) * kept)])
    with pytest.raises(UserError, match=name) as caught:
        load_source(path)
    assert caught.value.hint


def test_archive_without_its_configuration_is_named(tmp_path: Path) -> None:
    path = tmp_path / "m.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", json.dumps({"keras_version": "3.0"}))
    with pytest.raises(UserError, match=r"is not a \.keras archive"):
        load_source(path)


def test_damaged_saved_model_is_named(tmp_path: Path) -> None:
    path = tmp_path / "model"
    shutil.copytree(keras_models() / "k3_saved_model", path)
    (path / "saved_model.pb").write_bytes(b"\xff" * 100)
    with pytest.raises(UserError, match="is not a whole SavedModel"):
        load_source(path)


def test_truncated_archive_is_called_one(tmp_path: Path) -> None:
    path = tmp_path / "m.keras"
    path.write_bytes((keras_models() / "k3.keras").read_bytes()[:500])
    with pytest.raises(UserError, match=r"is not a \.keras archive, or is damaged"):
        load_source(path)
