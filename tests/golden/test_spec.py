# SPDX-License-Identifier: Apache-2.0
"""docs/SPEC.md names the tests that pin its sentences: all of them exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SPEC = (ROOT / "docs" / "SPEC.md").read_text(encoding="utf-8")
FILES = sorted(set(re.findall(r"`((?:tests|sapmcu|firmware)/[\w/.]+?\.(?:py|c|h))(?:::\w+)?`", SPEC)))
TESTS = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", SPEC)))


def test_the_specification_names_tests() -> None:
    assert len(TESTS) >= 20
    assert len(re.findall(r"\.py::", SPEC)) == len(re.findall(r"`tests/[\w/]+\.py::\w+`", SPEC))


@pytest.mark.parametrize("path", FILES)
def test_file_that_the_specification_names_exists(path: str) -> None:
    assert (ROOT / path).is_file()


@pytest.mark.parametrize(("path", "name"), TESTS)
def test_test_that_the_specification_names_exists(path: str, name: str) -> None:
    assert re.search(rf"^def {name}\(", (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE)
