# SPDX-License-Identifier: Apache-2.0
"""Inputs with the outputs that every engine must give for them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Vector:
    """One run: the raw little-endian bytes of each input and of each output, in the graph's order."""

    inputs: tuple[bytes, ...]
    outputs: tuple[bytes, ...]

    @property
    def size_bytes(self) -> int:
        return sum(map(len, (*self.inputs, *self.outputs)))


@dataclass(frozen=True, slots=True)
class ExecutionCheck:
    """How many vectors agreed in every byte, and what ran them."""

    vectors: int
    engines: tuple[str, ...]
