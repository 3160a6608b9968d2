# SPDX-License-Identifier: Apache-2.0
"""The graph after every pass, in files: all that were asked for or none."""

from __future__ import annotations

from pathlib import Path

import pytest
from full_disk import room_for
from small_graphs import residual

from sapmcu.dump_ir import IrDump
from sapmcu.errors import UserError


def test_each_graph_is_there_at_once(tmp_path: Path) -> None:
    dump = IrDump(tmp_path / "a" / "ir")
    for name in ("0-as-read", "1-order"):
        dump.write(residual(), name)
        text = (tmp_path / "a/ir" / f"{name}.txt").read_text(encoding="utf-8")
        assert text.startswith("graph residual") and len(text) > 200


def test_a_full_disk_leaves_nothing_of_it(tmp_path: Path) -> None:
    dump = IrDump(tmp_path / "a" / "ir")
    dump.write(residual(), "0-as-read")
    with room_for(100), pytest.raises(UserError, match=r"--dump-ir .*1-order\.txt can't be written") as caught:
        dump.write(residual(), "1-order")
    assert "free some space" in (caught.value.hint or "")
    assert list(tmp_path.iterdir()) == []


def test_what_lies_in_the_directory_stays(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    dump = IrDump(tmp_path)
    dump.write(residual(), "0-as-read")
    (tmp_path / "1-order.txt").mkdir()
    with pytest.raises(UserError, match="Is a directory"):
        dump.write(residual(), "1-order")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1-order.txt", "mine.txt"]
