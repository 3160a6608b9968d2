# SPDX-License-Identifier: Apache-2.0
"""Real files are read whole; what they get wrong is repaired or refused by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from reference_models import reference_model

from sapmcu.emit.tflite import write_tflite
from sapmcu.errors import UserError
from sapmcu.frontends.tflite import load_tflite, read_tflite
from sapmcu.ir.ops import Opaque, Reshape
from sapmcu.run import tflm_host

HELLO = "tflm_hello_world_int8.tflite"


def unpack(name: str) -> Any:
    return schema.ModelT.InitFromPackedBuf(bytearray(reference_model(name).read_bytes()), 0)


def pack(model: Any) -> bytes:
    builder = flatbuffers.Builder(1 << 16)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def edited(name: str, edit: Callable[[Any], None]) -> bytes:
    model = unpack(name)
    edit(model)
    return pack(model)


def test_writing_back_is_lossless(tflite_model: Path) -> None:
    data = tflite_model.read_bytes()
    graph = load_tflite(tflite_model)
    written = write_tflite(graph)
    assert read_tflite(written, graph.name) == graph
    assert write_tflite(graph) == written
    random = np.random.default_rng(0)
    shapes = [graph.tensors[name].shape for name in graph.inputs]
    inputs = [[random.integers(-128, 128, shape, np.int8) for shape in shapes] for _ in range(5)]
    before = tflm_host.invoke(data, inputs, len(graph.outputs))
    after = tflm_host.invoke(written, inputs, len(graph.outputs))
    np.testing.assert_array_equal(before, after)
    assert tflm_host.allocations(written) == tflm_host.allocations(data)


def test_written_constants_are_aligned(tflite_model: Path) -> None:
    """TFLM reads int32 biases in place, and Cortex-M0+ faults on an unaligned word."""
    graph = load_tflite(tflite_model)
    written = write_tflite(graph)
    for tensor in graph.constants():
        data = tensor.data
        assert data is not None
        starts = [at for at in range(0, len(written) - len(data) + 1, 16) if written.startswith(data, at)]
        assert starts, tensor.name


def test_dynamic_batch_is_read_as_one() -> None:
    graph = load_tflite(reference_model("mlperf_ic_resnet_quant.tflite"))
    model = unpack("mlperf_ic_resnet_quant.tflite")
    assert model.subgraphs[0].tensors[model.subgraphs[0].inputs[0]].shapeSignature[0] == -1
    assert graph.tensors[graph.inputs[0]].shape[0] == 1


def test_dynamic_height_is_refused() -> None:
    def edit(model: Any) -> None:
        subgraph = model.subgraphs[0]
        subgraph.tensors[subgraph.inputs[0]].shapeSignature = np.array([-1, -1, -1, 3], np.int32)

    with pytest.raises(UserError, match="dynamic shape"):
        read_tflite(edited("mlperf_ic_resnet_quant.tflite", edit), "model")


def test_reshape_without_options_is_read() -> None:
    def edit(model: Any) -> None:
        for operator in model.subgraphs[0].operators:
            if operator.builtinOptionsType == schema.BuiltinOptions.ReshapeOptions:
                operator.builtinOptionsType, operator.builtinOptions = 0, None

    graph = read_tflite(edited("tflm_micro_speech_quantized.tflite", edit), "model")
    assert any(isinstance(op, Reshape) for op in graph.ops)


def test_buffers_outside_the_flatbuffer_are_read_and_written_inside() -> None:
    """TFLM reads zeros where a buffer lies behind the flatbuffer."""
    name = "tflm_micro_speech_quantized.tflite"
    model = unpack(name)
    big = max(
        range(len(model.buffers)), key=lambda i: 0 if model.buffers[i].data is None else len(model.buffers[i].data)
    )
    data = bytes(model.buffers[big].data)
    model.buffers[big].data = None
    model.buffers[big].offset, model.buffers[big].size = 1 << 20, len(data)
    packed = pack(model)
    model.buffers[big].offset = len(packed)
    packed = pack(model)
    assert read_tflite(packed + data, "m") == read_tflite(reference_model(name).read_bytes(), "m")
    assert data in write_tflite(read_tflite(packed + data, "m"))
    with pytest.raises(UserError, match=r"truncated: a buffer lies at [\d,]+ to [\d,]+, the file has [\d,]+ bytes"):
        read_tflite(packed + data[:-1], "m")


def test_names_that_repeat_become_unique() -> None:
    def edit(model: Any) -> None:
        for tensor in model.subgraphs[0].tensors:
            tensor.name = b"t"

    graph = read_tflite(edited(HELLO, edit), "model")
    assert list(graph.tensors)[:3] == ["t", "t#1", "t#2"]


def test_unknown_ops_stay_opaque_and_are_written_back() -> None:
    def edit(model: Any) -> None:
        model.operatorCodes[0].builtinCode = schema.BuiltinOperator.CUSTOM
        model.operatorCodes[0].deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM
        model.operatorCodes[0].customCode = b"MyOp"
        for operator in model.subgraphs[0].operators:
            operator.builtinOptionsType, operator.builtinOptions = 0, None
            operator.customOptions = np.arange(5, dtype=np.uint8)

    graph = read_tflite(edited(HELLO, edit), "model")
    op = graph.ops[0]
    assert isinstance(op, Opaque)
    assert (op.custom_code, op.custom_options) == ("MyOp", bytes(range(5)))
    assert read_tflite(write_tflite(graph), "model") == graph


def test_an_absent_bias_at_the_end_is_left_out() -> None:
    """Converters write −1; TFLM crashes on it in a depthwise convolution."""

    def edit(model: Any) -> None:
        model.subgraphs[0].operators[1].inputs = np.array([*model.subgraphs[0].operators[1].inputs[:2], -1], np.int32)

    graph = read_tflite(edited("mlperf_kws_ref_model.tflite", edit), "model")
    assert type(graph.ops[1]).__name__ == "DepthwiseConv2D"
    assert len(graph.ops[1].inputs) == 2
    x = np.zeros((1, 49, 10, 1), np.int8)
    assert tflm_host.invoke(write_tflite(graph), [[x]], 1)


def test_a_depth_multiplier_that_shapes_deny_is_refused() -> None:
    def edit(model: Any) -> None:
        model.subgraphs[0].operators[1].builtinOptions.depthMultiplier = 3

    with pytest.raises(UserError, match="says depth multiplier 3"):
        read_tflite(edited("mlperf_kws_ref_model.tflite", edit), "model")


def _two_subgraphs(model: Any) -> None:
    model.subgraphs = [model.subgraphs[0], model.subgraphs[0]]


def _input_index(model: Any) -> None:
    model.subgraphs[0].operators[0].inputs[0] = 999


def _negative_index(model: Any) -> None:
    model.subgraphs[0].operators[0].inputs[0] = -7


def _opcode_index(model: Any) -> None:
    model.subgraphs[0].operators[0].opcodeIndex = 77


def _buffer_index(model: Any) -> None:
    model.subgraphs[0].tensors[0].buffer = 5000


def _huge_shape(model: Any) -> None:
    model.subgraphs[0].tensors[0].shape = np.array([2**31 - 1, 2**31 - 1], np.int32)


def _negative_shape(model: Any) -> None:
    model.subgraphs[0].tensors[0].shape = np.array([1, -4], np.int32)


def _cycle(model: Any) -> None:
    operators = model.subgraphs[0].operators
    operators[0].inputs[0] = operators[-1].outputs[0]


def _no_quantization(model: Any) -> None:
    for tensor in model.subgraphs[0].tensors:
        tensor.quantization = None


def _string_type(model: Any) -> None:
    model.subgraphs[0].tensors[0].type = schema.TensorType.STRING


def _wrong_version(model: Any) -> None:
    model.version = 2


def _short_bias(model: Any) -> None:
    model.subgraphs[0].tensors[1].shape = np.array([3], np.int32)


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (_two_subgraphs, "has 2 subgraphs"),
        (_input_index, "name tensor 999; the model has 10"),
        (_negative_index, "name tensor -7"),
        (_opcode_index, "damaged"),
        (_buffer_index, "damaged"),
        (_huge_shape, "has shape"),
        (_negative_shape, r"has shape \[1, -4\]"),
        (_cycle, "which nothing has written before"),
        (_no_quantization, "needs the scale of .*, which has none"),
        (_string_type, "of type STRING"),
        (_wrong_version, "schema version 2"),
        (_short_bias, r"holds \d+ bytes, not"),
    ],
)
def test_what_can_not_be_is_refused(edit: Callable[[Any], None], says: str) -> None:
    with pytest.raises(UserError, match=says) as caught:
        read_tflite(edited(HELLO, edit), "model", "bad.tflite")
    assert "bad.tflite" in caught.value.message


@pytest.mark.parametrize("size", [0, 3, 8, 100, 1000, 2000])
def test_a_truncated_file_is_refused(size: int) -> None:
    with pytest.raises(UserError, match=r"cut\.tflite is (damaged|not a)"):
        read_tflite(reference_model(HELLO).read_bytes()[:size], "cut", "cut.tflite")


def test_a_file_of_another_kind_is_refused() -> None:
    with pytest.raises(UserError, match="not a TFLite file: bytes 4 to 7"):
        read_tflite(b"\x89PNG\r\n\x1a\n" * 10, "png")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="can't be read: No such file"):
        load_tflite(tmp_path / "none.tflite")
