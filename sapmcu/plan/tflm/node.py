# SPDX-License-Identifier: Apache-2.0
"""An op as TFLM's Prepare sees it, and what Prepare can ask for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sapmcu.ir.graph import Graph, Op, Tensor
from sapmcu.ir.ops import Opaque, Padding, Pair
from sapmcu.ir.padding import VALID, same_padding
from sapmcu.ir.tflite import CODES, FORMATS

INT32_BYTES = 4
INT64_BYTES = 8
SAME_PADDING = 0
"""Padding_SAME of the TFLite schema."""


class UnknownAllocationError(Exception):
    """What an op allocates can't be told: it lacks operands or options that its kernel needs."""


@dataclass(frozen=True, slots=True)
class Temporary:
    """A TfLiteTensor with its quantization, freed after Prepare."""

    tensor: Tensor


@dataclass(frozen=True, slots=True)
class Persistent:
    """Bytes in the tail, 16-aligned."""

    size_bytes: int


@dataclass(frozen=True, slots=True)
class Scratch:
    """Bytes in the head while the op runs."""

    size_bytes: int


Request = Temporary | Persistent | Scratch
Requests = Iterator[Request]


@dataclass(frozen=True, slots=True)
class Node:
    """An op with its operands. Attributes are read alike from typed ops and from the option table of opaque ones.

    Every accessor raises UnknownAllocationError where the op hasn't got what is asked for.
    """

    op: Op
    code: str
    operands: tuple[Tensor | None, ...]
    results: tuple[Tensor, ...]

    @classmethod
    def of(cls, graph: Graph, op: Op) -> Node:
        return cls(op, facts_code(op), graph.operands(op), graph.results(op))

    def optional(self, index: int) -> Tensor | None:
        return self.operands[index] if index < len(self.operands) else None

    def operand(self, index: int) -> Tensor:
        return known(self.optional(index))

    def result(self, index: int = 0) -> Tensor:
        return known(self.results[index] if index < len(self.results) else None)

    def temporaries(self, *order: str) -> Requests:
        """Of the operands that are there; order as in facts.toml."""
        for reference in order:
            side = self.operands if reference[0] == "i" else self.results
            chosen = side if reference[1] == "*" else side[int(reference[1:]) : int(reference[1:]) + 1]
            yield from (Temporary(tensor) for tensor in chosen if tensor is not None)

    def flag(self, attribute: str) -> bool:
        value: bool = getattr(self.op, attribute, False)
        return bool(self.number(self._fields(attribute)[0])) if isinstance(self.op, Opaque) else value

    def pair(self, attribute: str) -> Pair:
        """(height, width); what is below 1 in a file counts as 1."""
        height, width = getattr(self.op, attribute, (1, 1))
        if isinstance(self.op, Opaque):
            height, width = (self.number(field) for field in self._fields(attribute))
        return max(height, 1), max(width, 1)

    def number(self, field: str) -> int:
        """A field of an opaque op's option table; 0 where the file leaves it out, as in the schema."""
        value = dict(self.op.options).get(field, 0) if isinstance(self.op, Opaque) else None
        return integer(value)

    def padding(self, size: Pair, window: Pair) -> Padding:
        """What TFLM computes for an input of this size (height, width)."""
        if not isinstance(self.op, Opaque):
            padding: Padding = getattr(self.op, "padding", VALID)
            return padding
        if self.number("padding") != SAME_PADDING:
            return VALID
        return same_padding(size, window, self.pair("stride"), self.pair("dilation"))

    def _fields(self, attribute: str) -> tuple[str, ...]:
        """The fields of the option table in which a typed op would have this attribute."""
        return FORMATS[CODES[self.code]].attributes[attribute]


def facts_code(op: Op) -> str:
    """The op's name in facts.toml."""
    if not isinstance(op, Opaque):
        return FORMATS[type(op)].code
    return f"custom:{op.custom_code}" if op.code == "CUSTOM" else op.code


def known(tensor: Tensor | None) -> Tensor:
    if tensor is None:
        raise UnknownAllocationError
    return tensor


def integer(value: object) -> int:
    if not isinstance(value, int):
        raise UnknownAllocationError
    return value


def axes(tensor: Tensor, rank: int) -> tuple[int, ...]:
    """The shape of a tensor that must have this rank."""
    if len(tensor.shape) != rank:
        raise UnknownAllocationError
    return tensor.shape


def axis(tensor: Tensor, index: int) -> int:
    """One length of the shape; index may count from the end."""
    if not -len(tensor.shape) <= index < len(tensor.shape):
        raise UnknownAllocationError
    return tensor.shape[index]


def scale_count(tensor: Tensor) -> int:
    return len(tensor.quantization.scales) if tensor.quantization is not None else 0


def dims_bytes(tensor: Tensor) -> int:
    """TfLiteIntArray of the shape: its length and its entries."""
    return INT32_BYTES * (1 + len(tensor.shape))
