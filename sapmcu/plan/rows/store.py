# SPDX-License-Identifier: Apache-2.0
"""The rows of a tensor by numbers, and the pieces that rows may have."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class Store:
    """Bytes that one or several tensors share, as rows; first: the number of its row 0.

    tensors: the graph's tensors that are these bytes. is_kept: it lives to the end. edges: the bytes at which pieces of
    a row begin; pieces live each by itself, but lie one behind the other. Each has a number; numbers() go row by row.
    """

    name: str
    rows: int
    row_bytes: int
    first: int
    tensors: tuple[str, ...]
    is_kept: bool
    edges: tuple[int, ...] = (0,)

    def numbers(self) -> range:
        return range(self.first, self.first + self.rows * len(self.edges))

    def row_numbers(self) -> range:
        """Of each row's first piece."""
        return self.numbers()[:: len(self.edges)]

    def starts(self) -> list[int]:
        """The first byte of each piece, by number."""
        return [row * self.row_bytes + edge for row in range(self.rows) for edge in self.edges]

    def sizes(self) -> list[int]:
        """The bytes of each piece of a row."""
        return [end - start for start, end in pairwise((*self.edges, self.row_bytes))]

    def covering(self, start: int, end: int) -> range:
        """The numbers of the rows, or pieces of rows, that have the bytes start..end−1 of the store."""
        if len(self.edges) == 1:
            return range(self.first + start // self.row_bytes, self.first + -(-end // self.row_bytes))
        return range(self.piece_at(start), self.piece_at(end - 1) + 1)

    def piece_at(self, byte: int) -> int:
        row, inside = divmod(byte, self.row_bytes)
        return self.first + row * len(self.edges) + bisect_right(self.edges, inside) - 1
