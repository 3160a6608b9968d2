# SPDX-License-Identifier: Apache-2.0
"""What a model's names can't do to the C around them."""

from __future__ import annotations

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sapmcu.emit.c_source import MAX_COMMENT, byte_rows, c_comment, c_float, c_integer, c_string


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("conv1/Relu", "conv1/Relu"),
        ("evil */ int x; /*", "evil * / int x; / *"),
        ("two\nlines\r", "two.lines."),
        ("ends with \\", "ends with /"),
        ("trigraph ??/", "trigraph ?./"),
        ("größe \u202e", "gr..e ."),
    ],
)
def test_a_comment_stays_a_comment(text: str, expected: str) -> None:
    assert c_comment(text) == expected


@given(st.text(max_size=300))
def test_no_text_escapes_from_a_comment(text: str) -> None:
    comment = c_comment(text)
    assert comment.isascii()
    assert comment.isprintable()
    assert len(comment) <= MAX_COMMENT
    assert not any(bad in comment for bad in ("*/", "/*", "??", "\\"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [("kws", '"kws"'), ('a"; b("', '"a\\"; b(\\""'), ("back\\slash", '"back\\\\slash"'), ("a\nb", '"a.b"')],
)
def test_a_string_stays_a_string(text: str, expected: str) -> None:
    assert c_string(text) == expected


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_a_float_literal_reads_back_as_the_same_float32(value: float) -> None:
    literal = c_float(value)
    assert literal.endswith("f")
    assert "." in literal or "e" in literal
    assert struct.pack("<f", float(literal[:-1])) == struct.pack("<f", value)


def test_a_scale_that_is_no_number_is_our_bug() -> None:
    with pytest.raises(AssertionError):
        c_float(math.nan)


def test_negative_integers_come_in_brackets() -> None:
    assert (c_integer(-128), c_integer(0), c_integer(7)) == ("(-128)", "0", "7")


@given(st.binary(max_size=200))
def test_all_bytes_are_in_the_rows(data: bytes) -> None:
    rows = list(byte_rows(data))
    assert bytes(int(item) for row in rows for item in row.strip(" ,").split(",")) == data
    assert all(len(row) <= 110 for row in rows)
