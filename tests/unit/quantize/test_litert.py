# SPDX-License-Identifier: Apache-2.0
"""Quantizing without TensorFlow, in an environment that has none: litert-quantizer and onnx2tf exclude each other."""

from __future__ import annotations

import json
import os
import subprocess
import venv
from functools import cache
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from keras_models import keep_alive, keras_models
from reference_models import ROOT
from single_op import constant, tensor

from sapmcu.emit.tflite import write_tflite
from sapmcu.frontends.tflite import read_tflite
from sapmcu.ir.graph import Graph
from sapmcu.ir.ops import FullyConnected, Range
from sapmcu.quantize.accuracy import dequantize_array, quantize_inputs, run_litert
from sapmcu.quantize.litert import with_buffers_inside, with_signature
from sapmcu.quantize.quantizer import is_full_int8

SCRIPT = """
import json, sys
from pathlib import Path
import numpy as np
from sapmcu.errors import UserError
from sapmcu.frontends.source import load_source
from sapmcu.ir.source import Samples
from sapmcu.quantize.quantizer import quantize_source

model, inputs, out = sys.argv[1:]
try:
    source = load_source(Path(model))
    quantized = quantize_source(source, Samples((np.load(inputs),), None, "random", False))
    Path(out).write_bytes(quantized.tflite)
    print(json.dumps({"quantizer": quantized.quantizer}))
except UserError as error:
    print(json.dumps({"error": error.message, "hint": error.hint, "exit_code": error.exit_code}))
"""


@cache
def light_python() -> Path:
    """The interpreter of an environment with what `pip install sapmcu[quantize]` brings of others' packages."""
    directory = Path(keep_alive[0].name) / "light"
    venv.create(directory, with_pip=True, symlinks=True)
    python = directory / "bin" / "python"
    command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "litert-quantizer>=0.11,<0.12"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=500)
    if done.returncode and os.environ.get("CI") != "true":
        pytest.skip(f"litert-quantizer can't be installed: {done.stderr.strip().splitlines()[-1:]}")
    assert done.returncode == 0, done.stderr
    return python


def quantize_lightly(model: Path, inputs: Path, out: Path) -> dict[str, Any]:
    keras_models()
    command = [light_python(), "-W", "error", "-c", SCRIPT, model, inputs, out]
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""  # neither progress bars nor warnings of others
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def error_of(float_model: bytes, int8_model: bytes, inputs: np.ndarray) -> float:
    """The largest difference of the outputs, relative to the largest output."""
    graph = read_tflite(int8_model, "light")
    batches = [[one[None]] for one in inputs]
    real = np.array([one for (one,) in run_litert(float_model, batches)])
    got = [one for (one,) in run_litert(int8_model, [quantize_inputs(graph, batch) for batch in batches])]
    approximate = np.array([dequantize_array(one, graph.tensors[graph.outputs[0]]) for one in got])
    return float(np.abs(real - approximate).max() / np.abs(real).max())


@pytest.mark.needs("tensorflow")
def test_float_model_is_quantized_whole(tmp_path: Path) -> None:
    model, inputs = keras_models() / "float.tflite", keras_models() / "inputs.npy"
    assert quantize_lightly(model, inputs, tmp_path / "int8.tflite") == {"quantizer": "litert"}
    int8 = (tmp_path / "int8.tflite").read_bytes()
    assert is_full_int8(read_tflite(int8, "light"))
    assert error_of(model.read_bytes(), int8, np.load(inputs)) < 0.02


@pytest.mark.needs("tensorflow")
def test_keras_model_without_its_extra_is_named(tmp_path: Path) -> None:
    answer = quantize_lightly(keras_models() / "k3.h5", keras_models() / "inputs.npy", tmp_path / "int8.tflite")
    assert answer["exit_code"] == 3
    assert answer["error"].endswith("which is not installed")
    assert answer["hint"] == "pip install 'sapmcu[keras]'"


def wide_layer() -> Graph:
    """Fully connected, 600 to 500: its int8 filter is over 256 KB. The file has no signature."""
    rng = np.random.default_rng(0)
    filters = constant("filter", rng.normal(size=(500, 600)).astype(np.float32))
    x, y = tensor("x", (1, 600), "float32", None), tensor("y", (1, 500), "float32", None)
    op = FullyConnected(("x", "filter", None), ("y",), Range(-np.inf, np.inf), keep_num_dims=False)
    return Graph("wide", {one.name: one for one in (x, filters, y)}, (op,), ("x",), ("y",))


@pytest.mark.needs("tensorflow")
def test_large_filters_stay_inside_the_file(tmp_path: Path) -> None:
    """litert-quantizer puts buffers of 256 KB and more behind the flatbuffer, where TFLM reads zeros."""
    inputs = np.random.default_rng(1).random((10, 600), np.float32)
    np.save(tmp_path / "inputs.npy", inputs)
    (tmp_path / "wide.tflite").write_bytes(write_tflite(wide_layer()))
    quantize_lightly(tmp_path / "wide.tflite", tmp_path / "inputs.npy", tmp_path / "int8.tflite")
    int8 = (tmp_path / "int8.tflite").read_bytes()
    model = schema.ModelT.InitFromPackedBuf(bytearray(int8), 0)
    assert max(len(buffer.data) for buffer in model.buffers if buffer.data is not None) == 300_000
    assert not any(buffer.offset for buffer in model.buffers)
    assert error_of(write_tflite(wide_layer()), int8, inputs) < 0.02


def outside(tflite: bytes) -> bytes:
    """The same model with its largest buffer behind the flatbuffer."""
    model = schema.ModelT.InitFromPackedBuf(bytearray(tflite), 0)
    largest = max((one for one in model.buffers if one.data is not None), key=lambda one: len(one.data))
    data, largest.data = bytes(largest.data), None
    packed = b""
    for _ in range(2):  # the offset is a number of fixed size, so the second round knows the file's
        largest.offset, largest.size = -(-len(packed) // 16) * 16 or 16, len(data)
        builder = flatbuffers.Builder(1024)
        builder.Finish(model.Pack(builder), b"TFL3")
        packed = bytes(builder.Output())
    return packed.ljust(largest.offset, b"\0") + data


def test_buffers_behind_the_file_are_moved_into_it() -> None:
    before = write_tflite(wide_layer())
    apart = outside(before)
    assert read_tflite(apart, "wide") == read_tflite(before, "wide")
    together = with_buffers_inside(apart)
    model = schema.ModelT.InitFromPackedBuf(bytearray(together), 0)
    assert not any(buffer.offset for buffer in model.buffers)
    assert read_tflite(together, "wide") == read_tflite(before, "wide")
    assert with_buffers_inside(before) is before


def test_a_signature_is_added_only_where_there_is_none() -> None:
    signed = with_signature(write_tflite(wide_layer()))
    (signature,) = read_tflite(signed, "wide").signatures
    assert (signature.key, signature.inputs, signature.outputs) == (
        "serving_default",
        (("input_0", "x"),),
        (("output_0", "y"),),
    )
    assert with_signature(signed) is signed
