# SPDX-License-Identifier: Apache-2.0
"""A model as a library for other build systems."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class ExportFormat(StrEnum):
    """Whose library it is."""

    CMAKE = "cmake"
    ZEPHYR = "zephyr"
    ARDUINO = "arduino"
    PLATFORMIO = "platformio"


@dataclass(frozen=True, slots=True)
class Library:
    """What the libraries of all build systems hold.

    model: its part of C names. version: X.Y.Z. sources: path below the directory that is searched for headers -> bytes;
    all .c files are built, for any core. example: a program that runs a test vector, file name -> bytes; main.c and
    sketch.cc are its entries, of which one is taken. origin: lines of comments.
    """

    model: str
    version: str
    sources: Mapping[str, bytes]
    example: Mapping[str, bytes]
    origin: tuple[str, ...]

    @property
    def name(self) -> str:
        """Of the library, the target and the header."""
        return f"sapmcu_{self.model}"

    @property
    def c_files(self) -> tuple[str, ...]:
        return tuple(sorted(path for path in self.sources if path.endswith(".c")))
