# SPDX-License-Identifier: Apache-2.0
"""Options as frozen dataclasses whose fields say what they allow; read from TOML, with all violations collected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

from sapmcu.errors import UserError
from sapmcu.toml_table import TableReader

KEY = "allows"
T = TypeVar("T")


@dataclass(frozen=True)
class Whole:
    low: int
    high: int

    def read(self, reader: TableReader, key: str) -> int:
        return reader.integer(key, self.low, self.high)


@dataclass(frozen=True)
class Real:
    low: float
    high: float

    def read(self, reader: TableReader, key: str) -> float:
        return reader.number(key, self.low, self.high)


@dataclass(frozen=True)
class Word:
    """One of `choices`; any line of text where there are none."""

    choices: tuple[str, ...] = ()

    def read(self, reader: TableReader, key: str) -> str:
        return reader.choice(key, self.choices) if self.choices else reader.text(key)


@dataclass(frozen=True)
class Flag:
    def read(self, reader: TableReader, key: str) -> bool:
        return reader.boolean(key)


def whole(default: int, low: int, high: int) -> Any:
    """A field for a whole number from low to high."""
    return field(default=default, metadata={KEY: Whole(low, high)})


def real(default: float, low: float, high: float) -> Any:
    return field(default=default, metadata={KEY: Real(low, high)})


def word(default: str, *choices: str) -> Any:
    return field(default=default, metadata={KEY: Word(choices)})


def flag(default: bool) -> Any:
    return field(default=default, metadata={KEY: Flag()})


def read_options(kind: type[T], reader: TableReader) -> T:
    """A `kind` of what the table has, with its defaults for the rest; complaints go to the reader."""
    values = {}
    for one in fields(kind):  # type: ignore[arg-type]  # T is a dataclass
        if KEY in one.metadata and reader.has(one.name):
            values[one.name] = one.metadata[KEY].read(reader, one.name)
    reader.finish()
    return kind(**values)


def check_options(kind: type[T], options: Mapping[str, object], what: str) -> T:
    """The same for a dictionary. Raises: UserError with one detail per violation; what: "the data set digits"."""
    violations: list[str] = []
    made = read_options(kind, TableReader(options, "", violations, f"the options of {what}"))
    if violations:
        raise violations_error(f"the options of {what}", violations, f"it has {option_names(kind)}")
    return made


def option_names(kind: type) -> str:
    """Names for a hint."""
    names = [one.name for one in fields(kind) if KEY in one.metadata]
    return "the options " + ", ".join(names) if names else "no options"


def violations_error(what: str, violations: Sequence[str], hint: str) -> UserError:
    count = len(violations)
    verb = "have" if what.startswith("the options") else "has"
    return UserError(f"{what} {verb} {count} error{'s' if count > 1 else ''}", hint=hint, details=violations)
