# SPDX-License-Identifier: Apache-2.0
"""C of models whose inputs come row by row: the interface, and a run that stops where it waits for a row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from sapmcu.emit.c_source import c_list
from sapmcu.ir.cascade import Cascade
from sapmcu.ir.native import NativeProgram
from sapmcu.ir.parts import InputRows, OutputRows, program_cascades, program_parts, waits

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


def advance_functions(parts: Sequence[tuple[Cascade | int, Sequence[str]]]) -> Iterator[str]:
    """advance(): runs on until a row of an input is needed, 1, or to the end, 0.

    parts: each with the lines that run it. What runs from one part that waits for rows to the next is a stage of its
    own, so that nothing runs again when the row is there.
    """
    stages: list[list[str]] = [[]]
    for part, lines in parts:
        if waits(part) and stages[-1]:
            stages.append([])
        stages[-1] += lines
    yield "static sapmcu_progress progress;"
    yield from ("static uint8_t stage;",) if len(stages) > 1 else ()
    yield ""
    for number, lines in enumerate(stages):
        name = f"advance_{number}" if len(stages) > 1 else "advance"
        yield from (f"static int {name}(void) {{", *lines, "    return 0;", "}")
        yield from ("",) if len(stages) > 1 else ()
    if len(stages) > 1:
        yield "static int advance(void) {"
        for number in range(len(stages)):
            yield f"    if (stage == {number}) {{"
            yield from (f"        if (advance_{number}()) {{", "            return 1;", "        }")
            yield f"        stage = {(number + 1) % len(stages)};"
            yield "    }"
        yield from ("    return 0;", "}")


def waiting_cascades(program: NativeProgram) -> list[str]:
    """By stage, its cascade that waits for rows; NULL where what runs before the first row is a stage."""
    names = [f"&cascade{number}" for number, one in enumerate(program_cascades(program)) if waits(one)]
    return names if waits(program_parts(program)[0]) else ["NULL", *names]


def row_functions(program: NativeProgram, model: str, rows: Mapping[int, InputRows]) -> Iterator[str]:
    """What serves the interface, behind advance()."""
    waiting = waiting_cascades(program)
    is_one = len(waiting) == 1
    row_bytes = [rows[index].row_bytes if index in rows else 0 for index in range(len(program.inputs))]
    yield ""
    if not is_one:
        yield f"static const sapmcu_cascade *const waiting[{len(waiting)}] = {c_list(waiting)};"
        yield ""
    yield from (
        "static void find(sapmcu_input_row *next) {",
        f"    sapmcu_find_row({waiting[0] if is_one else 'waiting[stage]'}, arena, &progress, next);",
        "}",
        "",
        "static void take(void) {",
        "    progress.rows++;",
        "}",
        "",
        "static void restart(void) {",
        "    progress = (sapmcu_progress){0, 0};",
        *(() if is_one else ("    stage = 0;",)),
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
