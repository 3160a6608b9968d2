# SPDX-License-Identifier: Apache-2.0
"""Pieces of C and C++: comments, literals, initialisers. Names from a model may hold anything."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

MAX_COMMENT = 100
BYTES_PER_LINE = 20
LINE_WIDTH = 110


def c_comment(text: str) -> str:
    """Text that can't end a comment, nest one, splice a line or form a trigraph: printable ASCII on one line."""
    plain = "".join(char if " " <= char <= "~" else "." for char in text)
    plain = plain.replace("*/", "* /").replace("/*", "/ *").replace("??", "?.").replace("\\", "/")
    return plain if len(plain) <= MAX_COMMENT else f"{plain[: MAX_COMMENT - 3]}..."


def c_string(text: str) -> str:
    """A string literal of printable ASCII; anything else becomes a dot."""
    plain = "".join(char if " " <= char <= "~" else "." for char in text)
    return '"' + plain.replace("\\", "\\\\").replace('"', '\\"').replace("?", "\\?") + '"'


def c_float(value: float) -> str:
    """The shortest float literal that reads back as the same float32."""
    assert math.isfinite(value), "a scale is finite"
    return f"{np.format_float_scientific(np.float32(value), unique=True, trim='0', exp_digits=1)}f"


def c_integer(value: int) -> str:
    """A literal that can stand in any expression."""
    return str(value) if value >= 0 else f"({value})"


def c_list(items: Iterable[str]) -> str:
    return f"{{{', '.join(items)}}}"


def byte_rows(data: bytes) -> Iterator[str]:
    """The lines of an initialiser of `data`."""
    for start in range(0, len(data), BYTES_PER_LINE):
        yield "    " + ",".join(map(str, data[start : start + BYTES_PER_LINE])) + ","


def wrapped(opening: str, items: Sequence[str], closing: str) -> Iterator[str]:
    """opening, the items with commas between, closing: on one line if they fit, else on lines of their own."""
    line = opening + ", ".join(items) + closing
    if len(line) <= LINE_WIDTH:
        yield line
        return
    indent = " " * (len(opening) - len(opening.lstrip()) + 4)
    yield opening
    line = indent
    for number, item in enumerate(items, 1):
        piece = item + ("," if number < len(items) or closing.startswith("}") else "")
        if len(line) + len(piece) > LINE_WIDTH and line.strip():
            yield line.rstrip()
            line = indent
        line += f"{piece} "
    if closing.startswith("}"):
        yield line.rstrip()
        yield indent[4:] + closing
    else:
        yield line.rstrip() + closing
