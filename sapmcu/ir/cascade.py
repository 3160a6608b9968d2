# SPDX-License-Identifier: Apache-2.0
"""Ops row by row: what each step reads and writes, and a plan that interleaves the steps of several ops.

A store is memory for the rows of one activation: of a graph's tensor, of a copy of it that is computed once more, or
of sums that an op keeps from row to row. Rows of a store may lie anywhere, each by itself; a ring of line buffers is a
store whose row r + n lies where row r lay.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sapmcu.ir.native import Constant, FunctionRef, Params

GIVE_ROW = "sapmcu_give_row"
"""The kernel of forms that give rows of outputs."""


@dataclass(frozen=True, slots=True)
class RowReads:
    """What step o reads of a store: rows o · stride − before + k · dilation, k = 0..window−1.

    rows, row_bytes: of the store as this op sees it. A k whose row is outside of 0..rows−1 reads zero_row, NULL where
    there is none. stride 0: each step reads the same. is_whole: each step reads all rows, which lie together then
    (window = 1 pointer, to the first). offset_bytes: where in each row the op's columns begin. first_rows: uint16_t, by
    step the row of k = 0, in place of o · stride − before.
    """

    store: str
    rows: int
    row_bytes: int
    window: int = 1
    stride: int = 1
    dilation: int = 1
    before: int = 0
    is_whole: bool = False
    offset_bytes: int = 0
    zero_row: Constant | None = None
    first_rows: Constant | None = None

    def of_step(self, step: int) -> range:
        """The rows inside that step `step` reads."""
        if self.is_whole:
            return range(self.rows)
        first = step * self.stride - self.before if self.first_rows is None else self._first_row(step)
        wanted = range(first, first + (self.window - 1) * self.dilation + 1, self.dilation)
        inside = [row for row in wanted if 0 <= row < self.rows]
        return range(inside[0], inside[-1] + 1, self.dilation) if inside else range(0)

    def _first_row(self, step: int) -> int:
        assert self.first_rows is not None
        row = self.first_rows.values[step]
        assert isinstance(row, int)
        return row


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns of what it reads a column of y needs: c · stride − before + k · dilation, k = 0..window−1.

    reads: how many columns each read has. scratch_bytes: of the form's, what each column of y adds. A form that has
    this can compute some columns of its rows alone; its parameters then tell the sizes of the part.
    """

    columns: int
    reads: tuple[int, ...]
    window: int = 1
    stride: int = 1
    dilation: int = 1
    before: int = 0
    scratch_bytes: int = 0


@dataclass(frozen=True, slots=True)
class RowForm:
    """An op, or a part of one, as steps: step o calls kernel(params, rows, y, scratch) once.

    rows holds the pointers of all reads, in their order: `window` for each. y is row first_row + o of `store` (rows,
    row_bytes), offset_bytes into it. part_bytes: how many bytes are written there, 0 for any of the row. is_update: all
    steps write row 0, and behind its reads the kernel gets that row as the step before left it, NULL in step 0: sums
    over rows. is_continued: step 0 gets it, too, as another form left it. is_numbered: behind its reads the kernel gets
    the address of o, a uint32_t. in_place: reads on a row of which y may lie where that row dies in this step. A form
    of a graph's input has no kernel and no reads: the application delivers its rows. Where they come more than once or
    in part, its one read names the input, and tells where in its rows the row_bytes of the store begin. macs: of one
    step. columns: None where a step needs all of them. scratch_offset_bytes: in the arena, of a form that is part of a
    plan. scratch_offsets: by step, where they differ.
    """

    store: str
    rows: int
    row_bytes: int
    steps: int
    reads: tuple[RowReads, ...] = ()
    kernel: FunctionRef | None = None
    params: Params | None = None
    scratch_bytes: int = 0
    scratch_offset_bytes: int = 0
    scratch_offsets: tuple[int, ...] = ()
    is_update: bool = False
    is_continued: bool = False
    is_numbered: bool = False
    first_row: int = 0
    offset_bytes: int = 0
    part_bytes: int = 0
    in_place: tuple[int, ...] = ()
    macs: int = 0
    columns: Columns | None = None

    def scratch_at(self, step: int) -> int:
        """Where in the arena a step has its scratch."""
        return self.scratch_offsets[step] if self.scratch_offsets else self.scratch_offset_bytes

    def bytes_of(self, row: int) -> tuple[int, int]:
        """(first byte of the store that a step writes, or may write, of a row, the byte behind the last)."""
        start = row * self.row_bytes
        if not self.part_bytes:
            return start, start + self.row_bytes
        return start + self.offset_bytes, start + self.offset_bytes + self.part_bytes

    @property
    def gives_output(self) -> bool:
        """Whether its steps give rows of an output to the application; y is a byte that means nothing."""
        return self.kernel is not None and self.kernel.name == GIVE_ROW


@dataclass(frozen=True, slots=True)
class RowRun:
    """Steps first..first+count−1 of form `form` of a cascade."""

    form: int
    first: int
    count: int


@dataclass(frozen=True, slots=True)
class Cascade:
    """Forms whose steps run interleaved.

    ops: the graph's ops that they compute, all of them, in the graph's order; ops without calls are among them.
    form_ops: the op of each form; that of a graph's input, which is delivered by rows, is −1.
    """

    ops: tuple[int, ...]
    forms: tuple[RowForm, ...]
    form_ops: tuple[int, ...]
    runs: tuple[RowRun, ...]


@dataclass(frozen=True, slots=True)
class Store:
    """offset_bytes: of each row in the arena."""

    row_bytes: int
    offset_bytes: tuple[int, ...]

    @property
    def is_together(self) -> bool:
        """Whether the rows lie one behind the other, as a tensor does."""
        first = self.offset_bytes[0]
        return all(offset == first + row * self.row_bytes for row, offset in enumerate(self.offset_bytes))


@dataclass(frozen=True, slots=True)
class CascadePlan:
    """parts: cascades, and indices of ops that run whole, in the order of running. stores: by name.

    A tensor that a whole op reads or writes, and the graph's inputs and outputs unless they come and go by rows, lie
    together. scratch_offset_bytes: of whole ops. bound_bytes: the most bytes that live at any step;
    no places for this order of steps need less.
    """

    parts: tuple[Cascade | int, ...]
    stores: Mapping[str, Store]
    scratch_offset_bytes: Mapping[int, int]
    arena_bytes: int
    bound_bytes: int
    macs: int
