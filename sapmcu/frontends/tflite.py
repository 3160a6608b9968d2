# SPDX-License-Identifier: Apache-2.0
"""A .tflite file -> Graph. Nothing in the file is trusted."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from sapmcu.errors import UserError
from sapmcu.frontends.flatbuffer import Vectors, reading, text
from sapmcu.ir.activation import LIMITS, activation_range
from sapmcu.ir.check import check_graph
from sapmcu.ir.graph import DType, Graph, Op, Quantization, Signature, Tensor
from sapmcu.ir.ops import MirrorMode, Opaque, OptionValue, Padding, Range, TransposeConv2D
from sapmcu.ir.padding import VALID, same_padding
from sapmcu.ir.tflite import CODES, FORMATS, Format

MAGIC = b"TFL3"
MAX_ELEMENTS = 1 << 30
"""More than any microcontroller's memory; keeps arithmetic on hostile shapes small."""


def load_tflite(path: Path) -> Graph:
    """Read a .tflite file.

    Raises: UserError where the file can't be read, is damaged, or holds what sapmcu can't express.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path} can't be read: {error.strerror}", hint="check the path") from error
    return read_tflite(data, path.stem, str(path))


def read_tflite(data: bytes, name: str, path: str = "the model", *, is_quantized_here: bool = False) -> Graph:
    """Read the bytes of a .tflite file.

    name: what the graph is called; path: what an error calls the file. is_quantized_here: it comes from our quantizer.
    """
    if len(data) < 8 or data[4:8] != MAGIC:
        raise UserError(
            f"{path} is not a TFLite file: bytes 4 to 7 are {data[4:8]!r}, not {MAGIC!r}",
            hint="give a .tflite file as the TFLite converter writes it",
        )
    with reading(path):
        graph = _Reader(data, name, path).graph()
    check_graph(graph, path, is_quantized_here=is_quantized_here)
    return graph


@cache
def schema() -> Any:
    """The generated classes of the TFLite schema."""
    from ai_edge_litert import schema_py_generated

    return schema_py_generated


@cache
def _names(enum: str) -> Mapping[int, str]:
    return {value: key for key, value in vars(getattr(schema(), enum)).items() if isinstance(value, int)}


class _Reader:
    def __init__(self, data: bytes, name: str, path: str) -> None:
        self.data, self.name, self.path = data, name, path
        self.vectors = Vectors(len(data))
        self.model = schema().Model.GetRootAs(bytearray(data), 0)

    def graph(self) -> Graph:
        if self.model.Version() != 3:
            raise UserError(f"{self.path} has schema version {self.model.Version()}; sapmcu reads version 3")
        subgraphs = self.vectors.tables(self.model, "Subgraphs")
        if len(subgraphs) != 1:
            raise UserError(
                f"{self.path} has {len(subgraphs)} subgraphs; sapmcu reads models with one",
                hint="export without control flow (IF, WHILE): unroll recurrent layers, or drop what is not inference",
            )
        subgraph = subgraphs[0]
        self.buffers = [self._buffer(buffer) for buffer in self.vectors.tables(self.model, "Buffers")]
        input_indices = self.vectors.numbers(subgraph, "Inputs")
        tensors = self._tensors(self.vectors.tables(subgraph, "Tensors"), frozenset(input_indices))
        self.names = tuple(tensor.name for tensor in tensors)
        self.tensors = {tensor.name: tensor for tensor in tensors}
        self.codes = [self._code(code) for code in self.vectors.tables(self.model, "OperatorCodes")]
        operators = self.vectors.tables(subgraph, "Operators")
        return Graph(
            name=self.name,
            tensors=self.tensors,
            ops=tuple(self._op(index, operator) for index, operator in enumerate(operators)),
            inputs=self._tensor_names(input_indices, "the model's inputs"),
            outputs=self._tensor_names(self.vectors.numbers(subgraph, "Outputs"), "the model's outputs"),
            description=text(self.model.Description()),
            metadata=self._metadata(),
            signatures=tuple(self._signature(one) for one in self.vectors.tables(self.model, "SignatureDefs")),
        )

    def _buffer(self, buffer: Any) -> bytes:
        """Data inside the flatbuffer, or behind it where offset and size say so (files over 2 GB, some quantizers)."""
        offset, size = buffer.Offset(), buffer.Size()
        if offset <= 1:
            return self.vectors.raw(buffer, "Data")
        if offset + size > len(self.data):
            raise UserError(
                f"{self.path} is truncated: a buffer lies at {offset:,} to {offset + size:,}, the file has "
                f"{len(self.data):,} bytes",
                hint="copy or export the file again",
            )
        return self.data[offset : offset + size]

    def _tensors(self, tables: list[Any], input_indices: frozenset[int]) -> list[Tensor]:
        """Unique names: a name that is empty or taken gets the tensor's index."""
        taken: set[str] = set()
        tensors = []
        for index, table in enumerate(tables):
            name = text(table.Name()) or f"tensor#{index}"
            name = f"{name}#{index}" if name in taken else name
            taken.add(name)
            if index in input_indices:
                self._check_signature(table, name)
            tensors.append(self._tensor(table, name))
        if len(taken) != len(tensors):
            raise ValueError("tensor names collide")
        return tensors

    def _tensor(self, table: Any, name: str) -> Tensor:
        shape = self.vectors.numbers(table, "Shape")
        if any(size < 1 for size in shape) or math.prod(shape) > MAX_ELEMENTS:
            raise UserError(
                f"{self.path}: tensor {name} has shape {list(shape)}",
                hint="every axis must be fixed and at least 1: export the model with a fixed input shape",
            )
        type_name = _names("TensorType").get(table.Type(), str(table.Type()))
        try:
            dtype = DType(type_name.lower())
        except ValueError:
            raise UserError(
                f"{self.path}: tensor {name} is of type {type_name}, which sapmcu doesn't handle",
                hint="re-export in float32 or int8",
            ) from None
        if table.Sparsity() is not None:
            raise UserError(
                f"{self.path}: tensor {name} is stored sparse, which sapmcu and TFLM don't read",
                hint="convert without sparse storage; zeros in dense filters are fine",
            )
        return Tensor(name, shape, dtype, self._quantization(table), self._constant(table), bool(table.IsVariable()))

    def _check_signature(self, table: Any, name: str) -> None:
        """−1 in shape_signature is fine for the batch, as runtimes take `shape`, but for no other axis of an input."""
        signature = self.vectors.numbers(table, "ShapeSignature")
        if any(size < 0 for size in signature[1:]):
            raise UserError(
                f"{self.path}: input {name} has the dynamic shape {list(signature)}",
                hint="export the model with a fixed input shape",
            )

    def _constant(self, table: Any) -> bytes | None:
        index = table.Buffer()
        if index >= len(self.buffers):
            raise ValueError(f"a tensor names buffer {index} of {len(self.buffers)}")
        return self.buffers[index] or None

    def _quantization(self, table: Any) -> Quantization | None:
        parameters = table.Quantization()
        if parameters is None:
            return None
        scales = self.vectors.numbers(parameters, "Scale")
        zero_points = self.vectors.numbers(parameters, "ZeroPoint") or (0,) * len(scales)
        if not scales:
            return None
        return Quantization(scales, zero_points, parameters.QuantizedDimension())

    def _code(self, table: Any) -> tuple[str, str, int]:
        """(name, custom code, version). Codes below 127 may stand in the deprecated field alone."""
        number = max(table.BuiltinCode(), table.DeprecatedBuiltinCode())
        names = _names("BuiltinOperator")
        if number not in names:
            raise UserError(
                f"{self.path} uses operator code {number}, which the TFLite schema of this version doesn't know",
                hint="update ai-edge-litert, or export with an older converter",
            )
        return names[number], text(table.CustomCode()), table.Version()

    def _tensor_names(self, indices: tuple[int, ...], where: str) -> tuple[str, ...]:
        for index in indices:
            if not 0 <= index < len(self.names):
                raise UserError(
                    f"{self.path}: {where} name tensor {index}; the model has {len(self.names)}",
                    hint="the file is damaged: export it again",
                )
        return tuple(self.names[index] for index in indices)

    def _op(self, index: int, operator: Any) -> Op:
        if operator.OpcodeIndex() >= len(self.codes):
            raise ValueError(f"op {index} names operator code {operator.OpcodeIndex()} of {len(self.codes)}")
        code, custom_code, version = self.codes[operator.OpcodeIndex()]
        where = f"op {index} {code}"
        raw_inputs = self.vectors.numbers(operator, "Inputs")
        present = iter(self._tensor_names(tuple(i for i in raw_inputs if i != -1), where))
        inputs = tuple(None if i == -1 else next(present) for i in raw_inputs)
        outputs = self._tensor_names(self.vectors.numbers(operator, "Outputs"), where)
        if not outputs:
            raise UserError(f"{self.path}: {where} has no output", hint="the file is damaged: export it again")
        options = self._options(operator, where)
        kind = CODES.get(code)
        if kind is not None:
            while inputs and inputs[-1] is None:  # TFLM crashes on a depthwise convolution whose bias is −1
                inputs = inputs[:-1]
            attributes = self._attributes(FORMATS[kind], kind, inputs, outputs, options)
            self._check_depth_multiplier(options[1], inputs, outputs)
            if attributes is not None:
                return kind(inputs, outputs, **attributes)
        return self._opaque(operator, inputs, outputs, (code, custom_code, version), options)

    def _check_depth_multiplier(
        self, fields: dict[str, OptionValue], inputs: tuple[str | None, ...], outputs: tuple[str, ...]
    ) -> None:
        """TFLM takes the field, we the shapes: a file in which they differ would mean two things."""
        shape = self.tensors[inputs[0]].shape if inputs and inputs[0] else ()
        if "depthMultiplier" not in fields or len(shape) != 4:
            return
        multiplier, channels = fields["depthMultiplier"], self.tensors[outputs[0]].shape[-1:]
        if (multiplier,) != tuple(count // shape[3] for count in channels):
            raise UserError(
                f"{self.path}: DEPTHWISE_CONV_2D {outputs[0]} says depth multiplier {multiplier}, its shapes do not",
                hint="the file is damaged: export it again",
            )

    def _options(self, operator: Any, where: str) -> tuple[str, dict[str, OptionValue]]:
        """Name and fields of the op's option table; ("", {}) where it has none."""
        table = operator.BuiltinOptions()
        kind = _names("BuiltinOptions").get(operator.BuiltinOptionsType(), "NONE")
        if operator.BuiltinOptions2() is not None:
            raise UserError(
                f"{self.path}: {where} is a StableHLO op, which TFLM doesn't run",
                hint="convert with the TFLite built-in ops",
            )
        if table is None or kind == "NONE":
            return "", {}
        unpacked = getattr(schema(), f"{kind}T").InitFromBuf(table.Bytes, table.Pos)
        fields = {}
        for key, value in vars(unpacked).items():
            if hasattr(value, "tolist"):
                value = tuple(value.tolist())
            elif isinstance(value, bytes):
                value = text(value)
            elif isinstance(value, list):
                value = tuple(value)
            fields[key] = value
        return kind, fields

    def _attributes(
        self,
        row: Format,
        kind: type[Op],
        inputs: tuple[str | None, ...],
        outputs: tuple[str, ...],
        options: tuple[str, dict[str, OptionValue]],
    ) -> dict[str, Any] | None:
        """The typed op's attributes, or None where the op uses what the typed op doesn't express."""
        table, fields = options
        if row.attributes and table != row.options:
            if table:
                raise ValueError(f"{row.code} comes with {table}")
            raise UserError(
                f"{self.path}: {row.code} {outputs[0]} comes without its {row.options}",
                hint="the file is damaged or from a converter that sapmcu doesn't know: export it again",
            )
        if any(fields.get(key, value) != value for key, value in row.fixed.items()):
            return None
        attributes: dict[str, Any] = {}
        for attribute, names in row.attributes.items():
            values = tuple(fields[name] for name in names)
            attributes[attribute] = values if len(values) == 2 else values[0]
        if "axes" in attributes:
            attributes["axes"] = tuple(attributes["axes"] or ())
        if "mode" in attributes:
            attributes["mode"] = MirrorMode(_names("MirrorPadMode")[attributes["mode"]])
        if row.has_activation:
            activation = _names("ActivationFunctionType").get(attributes["activation"], "")
            if activation not in LIMITS:
                return None
            attributes["activation"] = self._clamp(activation, outputs[0])
        if row.has_padding:
            attributes["padding"] = self._padding(kind, attributes, inputs, outputs, row.code)
        return attributes

    def _clamp(self, activation: str, output: str) -> Range:
        try:
            return activation_range(activation, self.tensors[output])
        except ValueError as error:
            raise UserError(f"{self.path}: {error}", hint="quantize the model again") from None

    def _padding(
        self,
        kind: type[Op],
        attributes: dict[str, Any],
        inputs: tuple[str | None, ...],
        outputs: tuple[str, ...],
        code: str,
    ) -> Padding:
        """SAME made explicit by the input's size; for a transposed convolution by the output's, its forward input."""
        stride = attributes["stride"]
        dilation = attributes.get("dilation", (1, 1))
        if min(*stride, *dilation) < 1:
            raise UserError(f"{self.path}: {code} {outputs[0]} has stride {stride} and dilation {dilation}")
        if _names("Padding")[attributes["padding"]] == "VALID":
            return VALID
        image = outputs[0] if kind is TransposeConv2D else inputs[0]
        shape = self.tensors[image].shape if image else ()
        window = attributes.get("window")
        if window is None:
            weights = self.tensors[inputs[1]].shape if len(inputs) > 1 and inputs[1] else ()
            window = (weights[1], weights[2])
        return same_padding((shape[1], shape[2]), window, stride, dilation)

    def _opaque(
        self,
        operator: Any,
        inputs: tuple[str | None, ...],
        outputs: tuple[str, ...],
        code: tuple[str, str, int],
        options: tuple[str, dict[str, OptionValue]],
    ) -> Opaque:
        name, custom_code, version = code
        return Opaque(
            inputs,
            outputs,
            code=name,
            version=version,
            custom_code=custom_code,
            options_type=options[0],
            options=tuple(options[1].items()),
            custom_options=self.vectors.raw(operator, "CustomOptions"),
            intermediates=self._tensor_names(self.vectors.numbers(operator, "Intermediates"), name),
        )

    def _metadata(self) -> dict[str, bytes]:
        entries = {}
        for entry in self.vectors.tables(self.model, "Metadata"):
            if entry.Buffer() >= len(self.buffers):
                raise ValueError(f"metadata names buffer {entry.Buffer()} of {len(self.buffers)}")
            entries[text(entry.Name())] = self.buffers[entry.Buffer()]
        return entries

    def _signature(self, table: Any) -> Signature:
        def entries(name: str) -> tuple[tuple[str, str], ...]:
            return tuple(
                (text(entry.Name()), self._tensor_names((entry.TensorIndex(),), "a signature")[0])
                for entry in self.vectors.tables(table, name)
            )

        return Signature(text(table.SignatureKey()), entries("Inputs"), entries("Outputs"))
