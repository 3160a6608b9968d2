# SPDX-License-Identifier: Apache-2.0
"""A graph as the native engine runs it: constants for flash, offsets in one arena, and a straight list of C calls."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

from sapmcu.ir.filters import FilterForm
from sapmcu.ir.graph import DType, Tensor

if TYPE_CHECKING:
    from sapmcu.ir.cascade import CascadePlan, RowForm


@dataclass(frozen=True, slots=True)
class Constant:
    """A const array of C. values: numbers, or tuples of them for an array of structs.

    role: what its name tells behind the op's ("filter", "loops"); constants that are equal but for it are shared.
    """

    c_type: str
    values: tuple[Element, ...] = field(repr=False)
    role: str = field(compare=False)


Element: TypeAlias = "int | float | tuple[Element, ...]"


@dataclass(frozen=True, slots=True)
class Params:
    """A const parameter struct of C: the values of its fields by name, in their order.

    role: as in Constant; "" for the one that an op is mainly about.
    """

    c_type: str
    fields: tuple[tuple[str, Value], ...]
    role: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Pointer:
    """The address of a const struct, as a field of another."""

    target: Params


@dataclass(frozen=True, slots=True)
class StaticRef:
    """The address of a variable that the model's source defines, as a field of a struct."""

    name: str


Value: TypeAlias = "Element | Constant | Params | Pointer | StaticRef | FunctionRef | None"
"""Of a field: numbers, a pointer to a constant, struct or variable, a struct inside the struct, a function, or NULL."""


@dataclass(frozen=True, slots=True)
class TensorRef:
    """An address in the arena: of an activation, or offset_bytes into it."""

    tensor: str
    dtype: DType
    offset_bytes: int = 0


@dataclass(frozen=True, slots=True)
class FunctionRef:
    """A C function as an argument. header: the file in firmware/include/ that declares it."""

    name: str
    header: str


@dataclass(frozen=True, slots=True)
class Scratch:
    """The address of arena memory that a call needs only while it runs."""

    size_bytes: int


Argument: TypeAlias = TensorRef | Constant | Params | FunctionRef | Scratch | int | None
"""A constant or struct is passed by its address, None is NULL."""


@dataclass(frozen=True, slots=True)
class Call:
    """function(arguments...). header: the file in firmware/include/ that declares it; at most one Scratch."""

    function: str
    header: str
    arguments: tuple[Argument, ...]

    @property
    def scratch_bytes(self) -> int:
        return max((one.size_bytes for one in self.arguments if isinstance(one, Scratch)), default=0)


@dataclass(frozen=True, slots=True)
class Lowered:
    """What an op becomes.

    aliases: (result, operand) that are the same bytes; such an op may have no calls. in_place: (result, operand) that
    may lie at one place if the operand dies here, because the kernel's header says so for all calls. forms: the same
    op row by row; empty where it only runs whole.
    """

    calls: tuple[Call, ...]
    aliases: tuple[tuple[str, str], ...] = ()
    in_place: tuple[tuple[str, str], ...] = ()
    forms: tuple[RowForm, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """The calls of op `index` of the graph, and a line that describes it."""

    index: int
    comment: str
    lowered: Lowered


class Apart(StrEnum):
    """What may lie in memory of its own, outside of the arena: all inputs, all outputs."""

    INPUT = "input"
    OUTPUT = "output"


@dataclass(frozen=True, slots=True)
class ArenaPlan:
    """offset_bytes: of every activation; aliases: tensors that share another's bytes, by name, down to the owner.

    scratch_bytes: offset of the scratch of each step that has one. bound_bytes: no plan of this order is smaller.
    homes: tensors that lie apart, whose offset counts from there; apart_bytes: how much each of these memories takes.
    """

    offset_bytes: Mapping[str, int]
    aliases: Mapping[str, str]
    scratch_offset_bytes: Mapping[int, int]
    arena_bytes: int
    bound_bytes: int
    homes: Mapping[str, Apart] = field(default_factory=dict)
    apart_bytes: Mapping[Apart, int] = field(default_factory=dict)

    def home_bytes(self, name: str) -> int:
        """Size of the memory that a tensor lies in."""
        return self.apart_bytes[self.homes[name]] if name in self.homes else self.arena_bytes


@dataclass(frozen=True, slots=True)
class NativeProgram:
    """name: of the graph. constants, params: by C identifier, in the order of their first use.

    cascades: which ops run interleaved, and where their rows lie; None where all run whole, one behind the other. plan
    has the tensors that lie together. filters: the form that was chosen for each op; empty where nothing was.
    """

    name: str
    constants: Mapping[str, Constant]
    params: Mapping[str, Params]
    steps: tuple[Step, ...]
    plan: ArenaPlan
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    cascades: CascadePlan | None = None
    filters: tuple[FilterForm, ...] = ()

    @property
    def constants_bytes(self) -> int:
        """What the arrays of constants take of flash; parameter structs and tables of cascades come on top."""
        return sum(map(constant_bytes, self.constants.values()))


WORD_BYTES = 4
C_BYTES = {"int8_t": 1, "uint8_t": 1, "int16_t": 2, "uint16_t": 2, "int64_t": 8}
"""Of a number of a type; words else, also in structs."""


def constant_bytes(one: Constant) -> int:
    """What an array takes of flash."""
    return C_BYTES.get(one.c_type, WORD_BYTES) * sum(1 for _ in _numbers(one.values))


def _numbers(values: Iterable[Element]) -> Iterator[int | float]:
    for value in values:
        if isinstance(value, tuple):
            yield from _numbers(value)
        else:
            yield value
