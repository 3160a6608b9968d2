# SPDX-License-Identifier: Apache-2.0
"""LiteRT's quantizer on a float .tflite, without TensorFlow. Runs in the process of isolated.py."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from sapmcu.errors import ToolError
from sapmcu.ir.graph import Array
from sapmcu.isolated import Progress
from sapmcu.quantize.ranges import RangeCount, least_error_ranges, packed


def quantize_with_litert(
    report: Progress, tflite: bytes, arrays: Sequence[Array], kept: frozenset[str] | None = None
) -> tuple[bytes, RangeCount]:
    """Static int8 filters and activations, per channel.

    kept: the tensors whose range is as wide as what the samples show; None: all.
    """
    try:
        from litert_quantizer import quantizer, recipe
    except ImportError as error:
        raise ToolError(
            "litert-quantizer does not load", hint="pip install 'sapmcu[quantize]'", output=str(error)
        ) from error
    report("calibrating")
    try:
        tflite = with_signature(tflite)
        interpreter = Interpreter(model_content=tflite)
        key = next(iter(interpreter.get_signature_list()))
        names = _input_names(interpreter, key)
        samples = [
            {name: array[index : index + 1] for name, array in zip(names, arrays, strict=True)}
            for index in range(len(arrays[0]))
        ]
        one = quantizer.Quantizer(bytearray(tflite), recipe.static_wi8_ai8())
        calibrated = _widest(one.calibrate({key: [sample]}, num_threads=1) for sample in samples)
        widest = {
            name: (float(np.min(values["min"])), float(np.max(values["max"])))
            for name, values in calibrated.items()
            if "min" in values and np.size(values["min"]) == 1
        }
        narrower = {} if kept is None else least_error_ranges(tflite, arrays, widest, kept)
        for name, limits in narrower.items():
            for end, value in zip(("min", "max"), limits, strict=True):
                calibrated[name][end] = np.full_like(calibrated[name][end], value)
        made = with_buffers_inside(bytes(one.quantize(calibrated).quantized_model))
    except Exception as error:
        raise ToolError(
            "litert-quantizer can't quantize this model",
            hint="with TensorFlow installed sapmcu takes its quantizer, which knows more ops: "
            "pip install 'sapmcu[keras]'",
            output=f"{type(error).__name__}: {error}"[-2000:],
        ) from error
    return made, RangeCount(len(narrower), len(widest))


def _input_names(interpreter: Any, key: str) -> list[str]:
    """The signature's names of the inputs, in the order of the model's inputs."""
    by_index = {one["index"]: name for name, one in interpreter.get_signature_runner(key).get_input_details().items()}
    return [by_index[one["index"]] for one in interpreter.get_input_details()]


def _widest(ranges: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Least and largest value of each tensor over all samples.

    litert-quantizer alone takes a moving average (weight 0.05 for each new sample), so few samples or a wide first one
    give ranges that saturate: 18 % error instead of 0.7 % on a small classifier.
    """
    widest: dict[str, Any] = {}
    for one in ranges:
        for name, values in one.items():
            seen = widest.setdefault(name, dict(values))
            if "min" in values:
                seen["min"] = np.minimum(seen["min"], values["min"])
                seen["max"] = np.maximum(seen["max"], values["max"])
    return widest


def with_signature(tflite: bytes) -> bytes:
    """litert-quantizer calibrates through a signature: give the model one where it has none."""
    model = schema.ModelT.InitFromPackedBuf(bytearray(tflite), 0)
    if model.signatureDefs:
        return tflite
    graph = model.subgraphs[0]
    signature = schema.SignatureDefT()
    signature.signatureKey = "serving_default"
    signature.inputs = [_entry(f"input_{position}", index) for position, index in enumerate(graph.inputs)]
    signature.outputs = [_entry(f"output_{position}", index) for position, index in enumerate(graph.outputs)]
    model.signatureDefs = [signature]
    return packed(model)


def _entry(name: str, tensor_index: int) -> Any:
    entry = schema.TensorMapT()
    entry.name, entry.tensorIndex = name, int(tensor_index)
    return entry


def with_buffers_inside(tflite: bytes) -> bytes:
    """Move buffers that lie behind the flatbuffer into it: TFLM ignores their offset and reads zeros."""
    model = schema.ModelT.InitFromPackedBuf(bytearray(tflite), 0)
    if not any(buffer.offset > 1 for buffer in model.buffers):
        return tflite
    for buffer in model.buffers:
        if buffer.offset > 1:
            buffer.data = np.frombuffer(tflite, np.uint8, buffer.size, buffer.offset)
            buffer.offset = buffer.size = 0
    return packed(model)
