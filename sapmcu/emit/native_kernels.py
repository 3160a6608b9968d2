# SPDX-License-Identifier: Apache-2.0
"""The hand-written C that a native program needs: its kernels, what they call, and what they include."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from sapmcu.emit.native_rows import ENGINE
from sapmcu.firmware_files import firmware_dir
from sapmcu.ir.cascade import Cascade
from sapmcu.ir.native import FunctionRef, NativeProgram, Params, Pointer, Value
from sapmcu.ir.parts import input_rows, output_rows, program_parts
from sapmcu.ir.twins import Twins

SENDER = "sapmcu_send_row"
"""Takes the rows of outputs in a firmware that serves a host."""


def functions(program: NativeProgram) -> tuple[str, ...]:
    """The C functions that a program names, sorted."""
    return tuple(sorted(set(_functions(program))))


def _functions(program: NativeProgram) -> Iterator[str]:
    if input_rows(program):
        yield from ENGINE
    if output_rows(program):
        yield SENDER
    for part in program_parts(program):
        if isinstance(part, Cascade):
            yield "sapmcu_run_cascade"
            for form in part.forms:
                yield from _named_in(form.kernel)
                yield from _named_in(form.params)
            continue
        for call in program.steps[part].lowered.calls:
            yield call.function
            yield from (one.name for one in call.arguments if isinstance(one, FunctionRef))


def _named_in(value: Value) -> Iterator[str]:
    if isinstance(value, FunctionRef):
        yield value.name
    elif isinstance(value, Pointer):
        yield from _named_in(value.target)
    elif isinstance(value, Params):
        for _, field in value.fields:
            yield from _named_in(field)


def kernel_files(program: NativeProgram, twins: Twins) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(.c files, .h files) below firmware/, sorted: those of the functions, and all that they lead to."""
    return files_of(functions(program), twins)


def files_of(names: Iterable[str], twins: Twins) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The same for functions of these names; names that have no file, of types for instance, lead nowhere."""
    directories = twins.directories
    found: set[str] = set()
    left = [_source(name, directories) for name in names]
    while left:
        path = left.pop()
        if path is None or path in found:
            continue
        found.add(path)
        text = (firmware_dir() / path).read_text(encoding="utf-8")
        left += _included(path, text)
        if path.endswith(".c"):
            left += [_source(name, directories) for name in re.findall(r"\bsapmcu_\w+", text)]
    return (
        tuple(sorted(path for path in found if path.endswith(".c"))),
        tuple(sorted(path for path in found if path.endswith(".h"))),
    )


def _source(function: str, directories: tuple[str, ...]) -> str | None:
    """The file of a function; None for names that have none: types, inline functions."""
    for directory in directories:
        if (firmware_dir() / directory / f"{function}.c").is_file():
            return f"{directory}/{function}.c"
    return None


def _included(path: str, text: str) -> Iterator[str]:
    """Files that a file includes with quotes: beside it, in kernels/ or in include/."""
    for name in re.findall(r'^#include "([^"]+)"', text, re.MULTILINE):
        places = (PurePosixPath(path).parent, PurePosixPath("kernels"), PurePosixPath("include"))
        yield next(str(place / name) for place in places if Path(firmware_dir(), place, name).is_file())
