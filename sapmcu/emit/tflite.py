# SPDX-License-Identifier: Apache-2.0
"""Graph -> the bytes of a .tflite file. Same graph, same bytes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from sapmcu.ir.activation import fused_activation
from sapmcu.ir.graph import Array, Graph, Op, Quantization, Signature, Tensor
from sapmcu.ir.ops import MirrorMode, Opaque, Padding, TransposeConv2D
from sapmcu.ir.padding import VALID, same_padding
from sapmcu.ir.tflite import FORMATS, Format

BUFFER_ALIGNMENT = 16
"""Bytes. TFLM reads int32 biases in place. Source: schema.fbs, `Buffer.data (force_align: 16)`."""


class NotExpressibleError(ValueError):
    """The TFLite schema has no form for an op of the graph: an explicit padding or a clamp."""


def write_tflite(graph: Graph) -> bytes:
    """The graph as a .tflite file, tensors and ops in the graph's order, equal constants stored once.

    Raises: NotExpressibleError.
    """
    return _Writer(graph).file()


@cache
def _schema() -> Any:
    from ai_edge_litert import schema_py_generated

    return schema_py_generated


@cache
def _aligned_buffer() -> type:
    """BufferT whose data start at a multiple of 16, which the generated Pack forgets."""
    schema = _schema()
    base: Any = schema.BufferT

    class AlignedBufferT(base):  # type: ignore[misc]
        def Pack(self, builder: Any) -> Any:  # noqa: N802
            data = None
            if self.data:
                builder.StartVector(1, len(self.data), BUFFER_ALIGNMENT)
                builder.head -= len(self.data)
                builder.Bytes[builder.head : builder.head + len(self.data)] = self.data
                data = builder.EndVector()
            schema.BufferStart(builder)
            if data is not None:
                schema.BufferAddData(builder, data)
            return schema.BufferEnd(builder)

    return AlignedBufferT


class _Writer:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.index = {name: index for index, name in enumerate(graph.tensors)}
        self.buffers: list[bytes] = [b""]
        self.buffer_index: dict[bytes, int] = {}
        self.codes: dict[tuple[str, str, int], int] = {}

    def file(self) -> bytes:
        import flatbuffers

        schema = _schema()
        model = schema.ModelT()
        model.version = 3
        model.description = self.graph.description
        model.subgraphs = [self._subgraph()]
        model.metadata = [self._metadata(key, data) for key, data in self.graph.metadata.items()] or None
        model.signatureDefs = [self._signature(one) for one in self.graph.signatures] or None
        model.operatorCodes = [self._code(*code) for code in self.codes]
        model.buffers = [self._buffer(data) for data in self.buffers]
        builder = flatbuffers.Builder(sum(map(len, self.buffers)) + 65536)
        builder.Finish(model.Pack(builder), b"TFL3")
        return bytes(builder.Output())

    def _buffer(self, data: bytes) -> Any:
        buffer = _aligned_buffer()()
        buffer.data = data
        return buffer

    def _store(self, data: bytes) -> int:
        if data not in self.buffer_index:
            self.buffer_index[data] = len(self.buffers)
            self.buffers.append(data)
        return self.buffer_index[data]

    def _code(self, name: str, custom_code: str, version: int) -> Any:
        code = _schema().OperatorCodeT()
        code.builtinCode = getattr(_schema().BuiltinOperator, name)
        code.deprecatedBuiltinCode = min(code.builtinCode, 127)
        code.customCode = custom_code or None
        code.version = version
        return code

    def _metadata(self, key: str, data: bytes) -> Any:
        entry = _schema().MetadataT()
        entry.name, entry.buffer = key, self._store(data)
        return entry

    def _signature(self, signature: Signature) -> Any:
        schema = _schema()

        def entries(pairs: Sequence[tuple[str, str]]) -> list[Any]:
            maps = []
            for name, tensor in pairs:
                entry = schema.TensorMapT()
                entry.name, entry.tensorIndex = name, self.index[tensor]
                maps.append(entry)
            return maps

        table = schema.SignatureDefT()
        table.signatureKey = signature.key
        table.inputs, table.outputs = entries(signature.inputs), entries(signature.outputs)
        return table

    def _subgraph(self) -> Any:
        subgraph = _schema().SubGraphT()
        subgraph.name = self.graph.name
        subgraph.tensors = [self._tensor(tensor) for tensor in self.graph.tensors.values()]
        subgraph.inputs = self._indices(self.graph.inputs)
        subgraph.outputs = self._indices(self.graph.outputs)
        subgraph.operators = [self._operator(op) for op in self.graph.ops]
        return subgraph

    def _indices(self, names: Sequence[str | None]) -> Array:
        return np.array([-1 if name is None else self.index[name] for name in names], np.int32)

    def _tensor(self, tensor: Tensor) -> Any:
        table = _schema().TensorT()
        table.name = tensor.name
        table.shape = np.array(tensor.shape, np.int32)
        table.hasRank = True
        table.type = getattr(_schema().TensorType, tensor.dtype.value.upper())
        table.buffer = 0 if tensor.data is None else self._store(tensor.data)
        table.isVariable = tensor.is_variable
        table.quantization = None if tensor.quantization is None else self._quantization(tensor.quantization)
        return table

    def _quantization(self, quantization: Quantization) -> Any:
        table = _schema().QuantizationParametersT()
        table.scale = np.array(quantization.scales, np.float32)
        table.zeroPoint = np.array(quantization.zero_points, np.int64)
        table.quantizedDimension = quantization.axis
        return table

    def _operator(self, op: Op) -> Any:
        operator = _schema().OperatorT()
        operator.inputs, operator.outputs = self._indices(op.inputs), self._indices(op.outputs)
        if isinstance(op, Opaque):
            key, options, fields = (op.code, op.custom_code, op.version), op.options_type, dict(op.options)
            operator.customOptions = np.frombuffer(op.custom_options, np.uint8) if op.custom_options else None
            operator.intermediates = self._indices(op.intermediates) if op.intermediates else None
        else:
            row = FORMATS[type(op)]
            key, options, fields = (row.code, "", row.version), row.options, self._fields(op, row)
        operator.opcodeIndex = self.codes.setdefault(key, len(self.codes))
        if options:
            operator.builtinOptionsType = getattr(_schema().BuiltinOptions, options)
            operator.builtinOptions = getattr(_schema(), f"{options}T")()
            for field, value in fields.items():
                setattr(operator.builtinOptions, field, list(value) if isinstance(value, tuple) else value)
        return operator

    def _fields(self, op: Op, row: Format) -> dict[str, Any]:
        """The option table's fields. Those that repeat what the tensors say are written from the tensors."""
        fields: dict[str, Any] = dict(row.fixed)
        for attribute, names in row.attributes.items():
            value = getattr(op, attribute)
            if attribute == "activation":
                value = self._activation(op, value)
            elif attribute == "padding":
                value = self._padding(op, value)
            elif isinstance(value, MirrorMode):
                value = getattr(_schema().MirrorPadMode, value.value)
            fields.update(zip(names, value if len(names) == 2 else [value], strict=True))
        result = self.graph.tensors[op.outputs[0]]
        counts = {
            "RESHAPE": ("newShape", result.shape),
            "PACK": ("valuesCount", len(op.inputs)),
            "UNPACK": ("num", len(op.outputs)),
            "SPLIT": ("numSplits", len(op.outputs)),
            "SPLIT_V": ("numSplits", len(op.outputs)),
        }
        if row.code in counts:
            fields.update([counts[row.code]])
        if row.code == "DEPTHWISE_CONV_2D":
            operand = self.graph.tensors[str(op.inputs[0])]
            fields["depthMultiplier"] = result.shape[3] // operand.shape[3]
        return fields

    def _activation(self, op: Op, clamp: Any) -> int:
        name = fused_activation(clamp, self.graph.tensors[op.outputs[0]])
        if name is None:
            raise NotExpressibleError(f"{op.name}: no fused activation clamps to {clamp.low}..{clamp.high}")
        value: int = getattr(_schema().ActivationFunctionType, name)
        return value

    def _padding(self, op: Any, padding: Padding) -> int:
        """VALID where nothing is padded, SAME where that is what SAME pads."""
        if padding == VALID:
            return int(_schema().Padding.VALID)
        image = self.graph.tensors[op.outputs[0] if isinstance(op, TransposeConv2D) else op.inputs[0]].shape
        weights = self.graph.tensors[op.inputs[1]].shape if len(op.inputs) > 1 else ()
        window = op.window if hasattr(op, "window") else (weights[1], weights[2])
        if padding != same_padding((image[1], image[2]), window, op.stride, getattr(op, "dilation", (1, 1))):
            raise NotExpressibleError(f"{op.name}: padding {padding} is neither SAME nor VALID")
        return int(_schema().Padding.SAME)
