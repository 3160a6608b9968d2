# SPDX-License-Identifier: Apache-2.0
"""A graph as text, and back: for tests, --dump-ir and golden files.

    graph tiny "TOCO Converted."
    tensor x [1,8,8,3] int8 (0.5, -128)
    const filter [16,3,3,3] int8 axis 0 (0.1, 0) (0.2, 0)... = sha256:5e7c...
    const perm [4] int32 = 0 2 1 3
    variable state [1,4] int8 (0.5, 0)
    input x
    output y
    y = Conv2D(x, filter, _, stride=(1, 1), ...)

Names stand as JSON strings where they hold more than letters, digits and _./:;#-. Constants of up to 16 numbers stand
in the text; larger ones are named by their hash and stand in the mapping that `constants` returns.
"""

from __future__ import annotations

import ast
import dataclasses
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from enum import Enum

import numpy as np

from sapmcu.ir import ops
from sapmcu.ir.graph import DType, Graph, Op, Quantization, Signature, Tensor

INLINE_NUMBERS = 16
PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./:;#-]*")
KINDS: Mapping[str, type[Op]] = {
    kind.__name__: kind
    for kind in vars(ops).values()
    if isinstance(kind, type) and issubclass(kind, Op) and kind is not Op
}


def dump_text(graph: Graph) -> str:
    """The graph, one line a tensor and an op."""
    return "\n".join(_lines(graph)) + "\n"


def constants(graph: Graph) -> dict[str, bytes]:
    """Constants too large for the text, by the hash that stands there."""
    large = [
        tensor.data for tensor in graph.constants() if tensor.elements > INLINE_NUMBERS and tensor.data is not None
    ]
    return {_hash(data): data for data in [*large, *graph.metadata.values()]}


def parse_text(text: str, constants: Mapping[str, bytes] | None = None) -> Graph:
    """The inverse of dump_text. Raises: ValueError with the line that is wrong."""
    parser = _Parser(constants or {})
    for number, line in enumerate(text.splitlines(), 1):
        try:
            parser.line(line.strip())
        except (ValueError, KeyError, TypeError, SyntaxError, StopIteration) as error:
            raise ValueError(f"line {number}: {error!r}: {line}") from error
    return parser.graph()


def _name(name: str | None) -> str:
    if name is None:
        return "_"
    return name if PLAIN.fullmatch(name) else json.dumps(name)


def _hash(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _lines(graph: Graph) -> Iterator[str]:
    yield f"graph {_name(graph.name)} {json.dumps(graph.description)}"
    for key, data in graph.metadata.items():
        yield f"metadata {_name(key)} = {_hash(data)}"
    for signature in graph.signatures:
        yield f"signature {json.dumps([signature.key, signature.inputs, signature.outputs])}"
    for tensor in graph.tensors.values():
        yield _tensor_line(tensor)
    yield " ".join(["input", *map(_name, graph.inputs)])
    yield " ".join(["output", *map(_name, graph.outputs)])
    for op in graph.ops:
        yield _op_line(op)


def _tensor_line(tensor: Tensor) -> str:
    kind = "const" if tensor.is_constant else "variable" if tensor.is_variable else "tensor"
    words = [kind, _name(tensor.name), f"[{','.join(map(str, tensor.shape))}]", str(tensor.dtype)]
    if tensor.quantization is not None:
        if tensor.quantization.axis or tensor.quantization.is_per_channel:
            words.append(f"axis {tensor.quantization.axis}")
        pairs = zip(tensor.quantization.scales, tensor.quantization.zero_points, strict=True)
        words += [f"({scale!r}, {zero_point})" for scale, zero_point in pairs]
    if tensor.data is not None:
        numbers = tensor.value.ravel().tolist()
        words.append("= " + (" ".join(map(repr, numbers)) if len(numbers) <= INLINE_NUMBERS else _hash(tensor.data)))
    return " ".join(words)


def _op_line(op: Op) -> str:
    attributes = [field.name for field in dataclasses.fields(op) if field.name not in ("inputs", "outputs")]
    arguments = [_name(name) for name in op.inputs]
    arguments += [f"{attribute}={_attribute(getattr(op, attribute))}" for attribute in attributes]
    return f"{', '.join(map(_name, op.outputs))} = {type(op).__name__}({', '.join(arguments)})"


def _attribute(value: object) -> str:
    if isinstance(value, ops.Range):
        return f"{value.low!r}..{value.high!r}"
    return repr(value.value) if isinstance(value, Enum) else repr(value)


class _Parser:
    def __init__(self, large: Mapping[str, bytes]) -> None:
        self.large = large
        self.name, self.description = "", ""
        self.metadata: dict[str, bytes] = {}
        self.signatures: list[Signature] = []
        self.tensors: dict[str, Tensor] = {}
        self.inputs: tuple[str, ...] = ()
        self.outputs: tuple[str, ...] = ()
        self.ops: list[Op] = []

    def graph(self) -> Graph:
        return Graph(
            self.name,
            self.tensors,
            tuple(self.ops),
            self.inputs,
            self.outputs,
            self.description,
            self.metadata,
            tuple(self.signatures),
        )

    def line(self, line: str) -> None:
        if not line or line.startswith("//"):
            return
        keyword, _, rest = line.partition(" ")
        if keyword == "graph":
            (self.name, rest) = _take_name(rest)
            self.description = json.loads(rest or '""')
        elif keyword == "metadata":
            key, rest = _take_name(rest)
            self.metadata[key] = self.large[rest.removeprefix("= ")]
        elif keyword == "signature":
            key, inputs, outputs = json.loads(rest)
            self.signatures.append(Signature(key, tuple(map(tuple, inputs)), tuple(map(tuple, outputs))))
        elif keyword in ("tensor", "const", "variable"):
            tensor = self._tensor(keyword, rest)
            if tensor.name in self.tensors:
                raise ValueError(f"{tensor.name} is declared twice")
            self.tensors[tensor.name] = tensor
        elif keyword in ("input", "output"):
            setattr(self, f"{keyword}s", _take_names(rest))
        else:
            self.ops.append(_parse_op(line))

    def _tensor(self, keyword: str, rest: str) -> Tensor:
        name, rest = _take_name(rest)
        head, _, value = rest.partition(" = ") if keyword == "const" else (rest, "", "")
        match = re.fullmatch(r"\[([\d,]*)\] (\w+)( axis (\d+))?((?: \([^()]*\))*)", head)
        if match is None:
            raise ValueError("not a tensor")
        shape = tuple(int(size) for size in match[1].split(",") if size)
        pairs = [ast.literal_eval(pair) for pair in re.findall(r"\([^()]*\)", match[5])]
        quantization = None
        if pairs:
            scales, zero_points = zip(*pairs, strict=True)
            quantization = Quantization(scales, zero_points, int(match[4] or 0))
        dtype = DType(match[2])
        data = self._data(value, dtype) if keyword == "const" else None
        return Tensor(name, shape, dtype, quantization, data, keyword == "variable")

    def _data(self, value: str, dtype: DType) -> bytes:
        if value.startswith("sha256:"):
            return self.large[value]
        numbers = [_number(word) for word in value.split()]
        return np.array(numbers, dtype.numpy).tobytes()


def _number(word: str) -> int | float | bool:
    if word in ("inf", "-inf", "nan"):
        return float(word)
    number = ast.literal_eval(word)
    if not isinstance(number, int | float):
        raise TypeError(f"{word} is not a number")
    return number


def _take_name(rest: str) -> tuple[str, str]:
    """The first name of `rest`, and what follows it."""
    if rest.startswith('"'):
        name, end = json.JSONDecoder().raw_decode(rest)
        return str(name), rest[end:].lstrip(" ")
    match = PLAIN.match(rest)
    if match is None:
        raise ValueError("a name is missing")
    return match[0], rest[match.end() :].lstrip(" ")


def _take_names(rest: str) -> tuple[str, ...]:
    names = []
    while rest:
        name, rest = _take_name(rest)
        names.append(name)
        rest = rest.lstrip(", ")
    return tuple(names)


def _parse_op(line: str) -> Op:
    outputs, rest = [], line
    while not rest.startswith("= "):
        name, rest = _take_name(rest)
        outputs.append(name)
        rest = rest.lstrip(", ")
    match = re.fullmatch(r"= (\w+)\((.*)\)", rest)
    if match is None:
        raise ValueError("not an op")
    kind, rest = KINDS[match[1]], match[2]
    inputs: list[str | None] = []
    while rest and not re.match(r"[a-z_]+=", rest):
        if rest[0] == "_":
            inputs.append(None)
            rest = rest[1:]
        else:
            name, rest = _take_name(rest)
            inputs.append(name)
        rest = rest.lstrip(", ")
    return kind(tuple(inputs), tuple(outputs), **_attributes(kind, rest))


def _attributes(kind: type[Op], rest: str) -> dict[str, object]:
    attributes: dict[str, object] = {}
    fields = [field.name for field in dataclasses.fields(kind) if field.name not in ("inputs", "outputs")]
    for index, field in enumerate(fields):
        if not rest.startswith(f"{field}="):
            raise ValueError(f"attribute {field} is missing")
        end = rest.find(f", {fields[index + 1]}=") if index + 1 < len(fields) else len(rest)
        if end < 0:
            raise ValueError(f"attribute {fields[index + 1]} is missing")
        attributes[field] = _value(field, rest[len(field) + 1 : end])
        rest = rest[end + 2 :]
    return attributes


def _value(field: str, word: str) -> object:
    if field == "mode":
        return ops.MirrorMode(ast.literal_eval(word))
    if field == "activation":
        low, high = (_number(number) for number in word.split(".."))
        return ops.Range(low, high)
    return ast.literal_eval(word)
