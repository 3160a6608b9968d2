# SPDX-License-Identifier: Apache-2.0
"""ONNX models compute in TFLite what onnxruntime computes; nothing is downloaded, no file of the user changes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from reference_models import reference_model

from sapmcu.errors import ToolError, UserError
from sapmcu.frontends.onnx import check_conversion
from sapmcu.frontends.source import load_source
from sapmcu.ir.source import ModelFormat
from sapmcu.quantize.accuracy import run_litert

pytestmark = pytest.mark.needs("onnx", "onnx2tf", "onnxruntime", "tensorflow")

onnx = pytest.importorskip("onnx")
Shape = Sequence[int | str]


def write_model(
    path: Path, nodes: Sequence[Any], inputs: dict[str, Shape], y_rank: int, dtype: int | None = None
) -> Path:
    """A model with the output y and the constants `filter` [4,3,3,3] and `matrix` [3,4]."""
    helper, float32 = onnx.helper, onnx.TensorProto.FLOAT
    rng = np.random.default_rng(0)
    constants = {"filter": rng.normal(size=(4, 3, 3, 3)), "matrix": rng.normal(size=(3, 4))}
    used = {name for node in nodes for name in node.input}
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info(name, dtype or float32, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info("y", float32, ["?"] * y_rank)],
        [onnx.numpy_helper.from_array(v.astype(np.float32), k) for k, v in constants.items() if k in used],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, path)
    return path


def convolution(path: Path, shape: Shape) -> Path:
    nodes = [
        onnx.helper.make_node("Conv", ["x", "filter"], ["c"], pads=[1, 1, 1, 1]),
        onnx.helper.make_node("Relu", ["c"], ["y"]),
    ]
    return write_model(path, nodes, {"x": shape}, 4)


def runtime_outputs(path: Path, inputs: dict[str, Any]) -> list[Any]:
    import onnxruntime

    return list(onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"]).run(None, inputs))


def test_mnist_equals_onnxruntime() -> None:
    path = reference_model("onnx2c_mnist.onnx")
    source = load_source(path)
    (only,) = source.inputs
    assert source.format is ModelFormat.ONNX
    assert (only.name, only.shape, only.file_sample_shape) == ("Input3", (1, 28, 28, 1), (1, 28, 28))
    for x in np.random.default_rng(1).random((5, 1, 1, 28, 28), np.float32):
        ((got,),) = run_litert(source.tflite, [[x.reshape(1, 28, 28, 1)]])
        (expected,) = runtime_outputs(path, {"Input3": x})
        np.testing.assert_allclose(got, expected, atol=1e-4 * np.abs(expected).max())


def test_colour_input_needs_no_download_and_changes_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For an input with three channels onnx2tf fetches a calibration file, unless it lies in the working directory."""
    monkeypatch.chdir(tmp_path)
    path = convolution(tmp_path / "net.onnx", [1, 3, 12, 10])
    before = path.read_bytes()
    source = load_source(path)
    (only,) = source.inputs
    assert (only.shape, only.is_channels_first, only.file_sample_shape) == ((1, 12, 10, 3), True, (3, 12, 10))
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["net.onnx"]
    x = np.random.default_rng(2).random((1, 3, 12, 10), np.float32)
    ((got,),) = run_litert(source.tflite, [[np.ascontiguousarray(np.moveaxis(x, 1, -1))]])
    (expected,) = runtime_outputs(path, {"x": x})
    np.testing.assert_allclose(np.moveaxis(got, -1, 1), expected, atol=1e-4)


def test_open_batch_becomes_one(tmp_path: Path) -> None:
    source = load_source(convolution(tmp_path / "net.onnx", ["N", 3, 6, 6]))
    assert source.inputs[0].shape == (1, 6, 6, 3)


def test_inputs_of_two_ranks(tmp_path: Path) -> None:
    nodes = [
        onnx.helper.make_node("GlobalAveragePool", ["image"], ["p"]),
        onnx.helper.make_node("Flatten", ["p"], ["f"]),
        onnx.helper.make_node("Add", ["f", "also"], ["s"]),
        onnx.helper.make_node("MatMul", ["s", "matrix"], ["y"]),
    ]
    source = load_source(write_model(tmp_path / "net.onnx", nodes, {"image": [1, 3, 4, 4], "also": [1, 3]}, 2))
    found = {one.name: (one.shape, one.is_channels_first) for one in source.inputs}
    assert found == {"image": ((1, 4, 4, 3), True), "also": ((1, 3), False)}


def test_model_that_computes_something_else_is_noticed(tmp_path: Path) -> None:
    right = load_source(convolution(tmp_path / "net.onnx", [1, 3, 6, 6]))
    other = onnx.load(tmp_path / "net.onnx")
    filters = onnx.numpy_helper.to_array(other.graph.initializer[0]) * 1.01
    other.graph.initializer[0].CopyFrom(onnx.numpy_helper.from_array(filters.astype(np.float32), "filter"))
    with pytest.raises(ToolError, match="computes something else than onnxruntime"):
        check_conversion(other, right.tflite, {"x": (1, 3, 6, 6)}, "net.onnx")


@pytest.mark.parametrize("shape", [[1, 3, "H", "W"], [4, 3, 6, 6], []])
def test_shapes_that_cannot_work_are_named(tmp_path: Path, shape: Shape) -> None:
    with pytest.raises(UserError, match="input x has the shape") as caught:
        load_source(convolution(tmp_path / "net.onnx", shape))
    assert "batch 1" in str(caught.value.hint)


def test_integer_input_is_named(tmp_path: Path) -> None:
    nodes = [onnx.helper.make_node("Cast", ["x"], ["y"], to=onnx.TensorProto.FLOAT)]
    path = write_model(tmp_path / "net.onnx", nodes, {"x": [1, 3]}, 2, onnx.TensorProto.INT64)
    with pytest.raises(UserError, match="input x is not float32"):
        load_source(path)


def test_quantized_model_is_named(tmp_path: Path) -> None:
    scale = onnx.helper.make_node("Constant", [], ["s"], value_float=0.1)
    nodes = [
        scale,
        onnx.helper.make_node("QuantizeLinear", ["x", "s"], ["q"]),
        onnx.helper.make_node("DequantizeLinear", ["q", "s"], ["y"]),
    ]
    with pytest.raises(UserError, match=r"is quantized already \(DequantizeLinear, QuantizeLinear\)"):
        load_source(write_model(tmp_path / "net.onnx", nodes, {"x": [1, 3]}, 2))


@pytest.mark.parametrize("damage", ["truncated", "garbage"])
def test_damaged_file_is_named(tmp_path: Path, damage: str) -> None:
    path = convolution(tmp_path / "net.onnx", [1, 3, 6, 6])
    path.write_bytes(path.read_bytes()[:200] if damage == "truncated" else b"\x01\x02\x03 no model")
    with pytest.raises(UserError, match="is not a valid ONNX model"):
        load_source(path)
