# SPDX-License-Identifier: Apache-2.0
"""The file that `sapmcu test --junit` writes."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from full_disk import room_for

from sapmcu.errors import UserError
from sapmcu.ir.run import Identity, TestRun, VectorResult
from sapmcu.report.junit import render_junit, write_junit

IDENTITY = Identity("native", "cortex-m4", "gcc", "residual", "00" * 32, 1, 96, 3, (32,), (32,))
RUN = TestRun("unicorn", IDENTITY, tuple(VectorResult(number, 0.5, None) for number in range(3)))


def test_the_file_is_written_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for path in (tmp_path / "report.xml", Path("other.xml")):
        write_junit(RUN, path)
        assert path.read_text(encoding="utf-8") == render_junit(RUN)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other.xml", "report.xml"]


def test_a_full_disk_leaves_the_file_of_before(tmp_path: Path) -> None:
    path = tmp_path / "report.xml"
    with room_for(100), pytest.raises(UserError, match=r"report\.xml can't be written: File too large") as caught:
        write_junit(RUN, path)
    assert "--junit" in (caught.value.hint or "") and list(tmp_path.iterdir()) == []
    path.write_text("of before")
    with room_for(100), pytest.raises(UserError):
        write_junit(RUN, path)
    assert path.read_text() == "of before" and len(list(tmp_path.iterdir())) == 1


def test_a_pipe_is_written_to(tmp_path: Path) -> None:
    path, got = tmp_path / "pipe", []
    os.mkfifo(path)
    reader = threading.Thread(target=lambda: got.append(path.read_text(encoding="utf-8")))
    reader.start()
    write_junit(RUN, path)
    reader.join()
    assert got == [render_junit(RUN)] and path.is_fifo()
