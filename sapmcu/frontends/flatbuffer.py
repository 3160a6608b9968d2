# SPDX-License-Identifier: Apache-2.0
"""Bounded reading of a flatbuffer that may be truncated, mutated or hostile.

The generated classes of ai-edge-litert read lazily and trust the file. This module reads vectors through them with a
budget: a valid file names each of its bytes about once, so one that names them many times over is refused before it
fills the memory.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from sapmcu.errors import UserError

BROKEN = (struct.error, IndexError, ValueError, TypeError, OverflowError, AttributeError, KeyError, MemoryError)
"""What the generated classes raise on a file that is not what it says."""


@contextmanager
def reading(path: str) -> Iterator[None]:
    """Turn what a broken file makes the generated classes raise into a sentence."""
    try:
        yield
    except BROKEN as error:
        raise UserError(
            f"{path} is damaged: its flatbuffer points outside the file or holds impossible values",
            hint="export the model again, or check that the file was copied whole",
            details=(str(error),) if str(error) else (),
        ) from error


class Vectors:
    """Vectors of one file, counted against a budget of `size_bytes`."""

    def __init__(self, size_bytes: int) -> None:
        self._left = 4 * size_bytes + 4096

    def _spend(self, amount: int) -> None:
        self._left -= amount
        if amount < 0 or self._left < 0:
            raise ValueError("vectors overlap or are longer than the file")

    def tables(self, owner: Any, name: str) -> list[Any]:
        """The tables of vector `name` of `owner`; empty where absent."""
        length = self._length(owner, name, 4)
        item: Callable[[int], Any] = getattr(owner, name)
        items = [item(index) for index in range(length)]
        if any(entry is None for entry in items):
            raise ValueError(f"{name} has an empty entry")
        return items

    def strings(self, owner: Any, name: str) -> list[str]:
        return [text(item) for item in self.tables(owner, name)]

    def numbers(self, owner: Any, name: str) -> tuple[Any, ...]:
        """The numbers of vector `name`; empty where absent."""
        self._length(owner, name, 4)
        array = getattr(owner, f"{name}AsNumpy")()
        return tuple(array.tolist()) if isinstance(array, np.ndarray) else ()

    def raw(self, owner: Any, name: str) -> bytes:
        """The bytes of vector `name`; empty where absent."""
        self._length(owner, name, 1)
        array = getattr(owner, f"{name}AsNumpy")()
        return array.tobytes() if isinstance(array, np.ndarray) else b""

    def _length(self, owner: Any, name: str, item_bytes: int) -> int:
        length: int = getattr(owner, f"{name}Length")()
        self._spend(length * item_bytes)
        return length


def text(raw: bytes | None) -> str:
    """A string of the file as printable text on one line."""
    decoded = (raw or b"").decode("utf-8", errors="replace")
    return "".join(char if char.isprintable() else "?" for char in decoded[:4096])
