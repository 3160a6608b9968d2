# SPDX-License-Identifier: Apache-2.0
"""The IR: an int8 TFLite graph made explicit. Everything here is frozen; a pass makes a new graph."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


class DType(StrEnum):
    """Element types that sapmcu handles, named as in numpy."""

    BOOL = "bool"
    INT8 = "int8"
    UINT8 = "uint8"
    INT16 = "int16"
    UINT16 = "uint16"
    INT32 = "int32"
    UINT32 = "uint32"
    INT64 = "int64"
    UINT64 = "uint64"
    FLOAT16 = "float16"
    FLOAT32 = "float32"
    FLOAT64 = "float64"

    @property
    def numpy(self) -> np.dtype[np.generic]:
        """The numpy type, little-endian as in a TFLite file."""
        return NUMPY[self]

    @property
    def size_bytes(self) -> int:
        return self.numpy.itemsize

    @property
    def is_float(self) -> bool:
        return self.numpy.kind == "f"


NUMPY: Mapping[DType, np.dtype[np.generic]] = {one: np.dtype(one.value).newbyteorder("<") for one in DType}


@dataclass(frozen=True, slots=True)
class Quantization:
    """real = scale · (q − zero_point). One entry for the tensor, or one for each index along `axis`.

    Scales are float32 values. Source: TFLite 8-bit quantization specification.
    """

    scales: tuple[float, ...]
    zero_points: tuple[int, ...]
    axis: int = 0

    @property
    def scale(self) -> float:
        assert len(self.scales) == 1, "a per-channel tensor has no single scale"
        return self.scales[0]

    @property
    def zero_point(self) -> int:
        assert len(set(self.zero_points)) == 1, "a per-channel tensor has no single zero point"
        return self.zero_points[0]

    @property
    def is_per_channel(self) -> bool:
        return len(self.scales) > 1


@dataclass(frozen=True, slots=True)
class Tensor:
    """A typed array. `data` holds the raw little-endian bytes of a constant, C order; None for an activation."""

    name: str
    shape: tuple[int, ...]
    dtype: DType
    quantization: Quantization | None = None
    data: bytes | None = field(default=None, repr=False)
    is_variable: bool = False

    @property
    def is_constant(self) -> bool:
        return self.data is not None

    @property
    def elements(self) -> int:
        return math.prod(self.shape)

    @property
    def size_bytes(self) -> int:
        return self.elements * self.dtype.size_bytes

    @property
    def value(self) -> Array:
        """The constant as a read-only array."""
        assert self.data is not None, f"{self.name} is not a constant"
        return np.frombuffer(self.data, dtype=self.dtype.numpy).reshape(self.shape)

    @property
    def scale(self) -> float:
        assert self.quantization is not None, f"{self.name} is not quantized"
        return self.quantization.scale

    @property
    def zero_point(self) -> int:
        assert self.quantization is not None, f"{self.name} is not quantized"
        return self.quantization.zero_point


@dataclass(frozen=True, slots=True)
class Op:
    """What all ops have: operands by name, in the order of the TFLite schema; None where an optional one is absent.

    Operands that shape the result (axes, perm, paddings, begin, size...) are constant tensors among the inputs.
    """

    inputs: tuple[str | None, ...]
    outputs: tuple[str, ...]

    @property
    def name(self) -> str:
        """An op is called by its first output."""
        return self.outputs[0] if self.outputs else ""

    @property
    def present_inputs(self) -> tuple[str, ...]:
        return tuple(name for name in self.inputs if name is not None)


@dataclass(frozen=True, slots=True)
class Signature:
    """A named entry of the model: which public name stands for which tensor."""

    key: str
    inputs: tuple[tuple[str, str], ...]
    outputs: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Graph:
    """tensors: by unique name, in the order of the file (TFLM's planner depends on it). ops: in order of execution.

    metadata: the file's metadata buffers by name, for instance OfflineMemoryAllocation.
    """

    name: str
    tensors: Mapping[str, Tensor]
    ops: tuple[Op, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    description: str = ""
    metadata: Mapping[str, bytes] = field(default_factory=dict)
    signatures: tuple[Signature, ...] = ()

    def operands(self, op: Op) -> tuple[Tensor | None, ...]:
        return tuple(None if name is None else self.tensors[name] for name in op.inputs)

    def results(self, op: Op) -> tuple[Tensor, ...]:
        return tuple(self.tensors[name] for name in op.outputs)

    def constants(self) -> Iterator[Tensor]:
        return (tensor for tensor in self.tensors.values() if tensor.is_constant)

    @cached_property
    def producers(self) -> Mapping[str, int]:
        """Index of the op that writes a tensor."""
        return {name: index for index, op in enumerate(self.ops) for name in op.outputs}

    @cached_property
    def readers(self) -> Mapping[str, tuple[int, ...]]:
        """Indices of the ops that read a tensor, in order; tensors that no op reads are absent."""
        readers: dict[str, list[int]] = {}
        for index, op in enumerate(self.ops):
            for name in dict.fromkeys(op.present_inputs):
                readers.setdefault(name, []).append(index)
        return {name: tuple(indices) for name, indices in readers.items()}
