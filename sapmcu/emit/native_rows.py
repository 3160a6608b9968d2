# SPDX-License-Identifier: Apache-2.0
"""C of models whose inputs come row by row: the interface, and a run that stops where it waits for a row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sapmcu.emit.c_source import c_list
from sapmcu.ir.native import NativeProgram
from sapmcu.ir.parts import InputRows, OutputRows

ENGINE = ("sapmcu_find_row", "sapmcu_invoke_by_rows", "sapmcu_push_row", "sapmcu_run_to_row")
"""Functions of firmware/engine/ that such a model calls."""


def can_be_pushed(rows: Mapping[int, InputRows]) -> bool:
    """Whether a camera's lines are enough: one input, each of its rows once and whole, from top to bottom."""
    return len(rows) == 1 and all(one.are_whole and one.order == tuple(range(one.rows)) for one in rows.values())


def row_declarations(model: str, macro: str, rows: Mapping[int, InputRows]) -> Iterator[str]:
    """Of the header."""
    yield "/* Inputs that come by rows are never in the arena as a whole. */"
    for index, one in rows.items():
        yield f"#define {macro}_INPUT_{index}_ROWS {one.rows}"
        yield f"#define {macro}_INPUT_{index}_ROW_BYTES {one.row_bytes}"
    yield ""
    if can_be_pushed(rows):
        yield "/* The next row of the input, from top to bottom. 1: that was the last one, read the outputs; else 0."
        yield " * Outputs are valid until the next row. Not reentrant: there is one arena. */"
        yield f"int sapmcu_{model}_push_row(const void *row);"
        yield ""
        yield "/* Forget the rows so far: the next one is row 0. */"
        yield f"void sapmcu_{model}_restart(void);"
        yield ""
    yield "/* Run the model once: read() writes the rows that it asks for, some perhaps again or in parts. */"
    yield f"void sapmcu_{model}_invoke_by_rows(sapmcu_read_row_fn *read, void *context);"


def taken_declarations(model: str, macro: str, rows: Mapping[int, OutputRows]) -> Iterator[str]:
    """Of the header, for outputs that go by rows."""
    yield ""
    yield "/* Outputs that go by rows are never in the arena as a whole: write() gets each row as soon as it is made,"
    yield " * from top to bottom, and what it points to is valid until write() returns. Say so before a run. */"
    for index, one in rows.items():
        yield f"#define {macro}_OUTPUT_{index}_ROWS {one.rows}"
        yield f"#define {macro}_OUTPUT_{index}_ROW_BYTES {one.row_bytes}"
    yield f"void sapmcu_{model}_give_rows(sapmcu_write_row_fn *write, void *context);"


def taken_functions(model: str) -> Iterator[str]:
    yield from (
        f"void sapmcu_{model}_give_rows(sapmcu_write_row_fn *write, void *context) {{",
        "    taker = (sapmcu_row_taker){write, context};",
        "}",
        "",
    )


def row_functions(program: NativeProgram, model: str, rows: Mapping[int, InputRows]) -> Iterator[str]:
    """What serves the interface, behind advance()."""
    row_bytes = [rows[index].row_bytes if index in rows else 0 for index in range(len(program.inputs))]
    yield from (
        "",
        "static void find(sapmcu_input_row *next) {",
        "    sapmcu_find_row(&cascade0, arena, &progress, next);",
        "}",
        "",
        "static void take(void) {",
        "    progress.rows++;",
        "}",
        "",
        "static void restart(void) {",
        "    progress = (sapmcu_progress){0, 0};",
        "}",
        "",
        f"static const uint32_t row_bytes[{len(row_bytes)}] = {c_list(map(str, row_bytes))};",
        "static const sapmcu_row_inputs rows = {row_bytes, advance, find, take, restart};",
        "",
    )
    if can_be_pushed(rows):
        yield from (
            f"int sapmcu_{model}_push_row(const void *row) {{",
            "    return sapmcu_push_row(&rows, row);",
            "}",
            "",
            f"void sapmcu_{model}_restart(void) {{",
            "    restart();",
            "}",
            "",
        )
    yield from (
        f"void sapmcu_{model}_invoke_by_rows(sapmcu_read_row_fn *read, void *context) {{",
        "    sapmcu_invoke_by_rows(&rows, read, context);",
        "}",
        "",
    )
