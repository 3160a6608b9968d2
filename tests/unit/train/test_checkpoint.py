# SPDX-License-Identifier: Apache-2.0
"""Checkpoints are whole or as they were before."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sapmcu.errors import UserError
from sapmcu.train.checkpoint import Checkpoint, load_checkpoint, save_checkpoint, write_aside

STATE = Checkpoint(
    facts={"training": {"seed": 1}},
    history=[{"epoch": 1, "loss": 0.1}],
    variables=[np.float32([[1, 2]]), np.uint32([3, 4])],
    optimizer=[np.int64(5)] * 12,
    best=[],
)


def test_state_comes_back_to_the_bit(tmp_path: Path) -> None:
    save_checkpoint(STATE, tmp_path / "c.npz")
    again = load_checkpoint(tmp_path / "c.npz")
    assert (again.facts, again.history) == (STATE.facts, STATE.history)
    for group in ("variables", "optimizer", "best"):
        stored, wanted = getattr(again, group), getattr(STATE, group)
        assert [one.dtype for one in stored] == [one.dtype for one in wanted]
        assert [one.tolist() for one in stored] == [one.tolist() for one in wanted]
    assert [path.name for path in tmp_path.iterdir()] == ["c.npz"]


@pytest.mark.parametrize("keep", [0, 10, 300])
def test_cut_file_is_named(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "c.npz"
    save_checkpoint(STATE, path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(UserError, match=r"c\.npz is damaged") as caught:
        load_checkpoint(path)
    assert caught.value.hint == "delete it to start again"


def test_failed_write_leaves_the_file_before(tmp_path: Path) -> None:
    def fail(file: object) -> None:
        raise OSError(28, "No space left on device")

    path = tmp_path / "c.npz"
    path.write_text("before")
    with pytest.raises(UserError, match="can't be written: No space left"):
        write_aside(path, fail)
    assert path.read_text() == "before"
    assert len(list(tmp_path.iterdir())) == 1
