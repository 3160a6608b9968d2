# SPDX-License-Identifier: Apache-2.0
"""Running sapmcu's command line inside the test's process."""

from __future__ import annotations

import sys
from dataclasses import dataclass

import pytest

from sapmcu import cli


@dataclass(frozen=True)
class Ran:
    """What a user would see."""

    code: int
    out: str
    err: str


def sapmcu(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *arguments: object) -> Ran:
    """Run `sapmcu ARGUMENTS` as the console script does."""
    monkeypatch.setattr(sys, "argv", ["sapmcu", *map(str, arguments)])
    capsys.readouterr()
    with pytest.raises(SystemExit) as exit_info:
        cli.main()
    captured = capsys.readouterr()
    assert isinstance(exit_info.value.code, int)
    return Ran(exit_info.value.code, captured.out, captured.err)
