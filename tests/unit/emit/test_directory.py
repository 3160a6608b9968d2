# SPDX-License-Identifier: Apache-2.0
"""An output directory is written whole or not at all."""

from pathlib import Path

import pytest

from sapmcu.emit import directory
from sapmcu.emit.directory import check_target, write_directory
from sapmcu.errors import UserError

FILES = {"report.json": b"{}", "firmware/main.cc": b"int main() {}\n"}


def tree(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_files_are_written_and_nothing_else(tmp_path: Path) -> None:
    write_directory(tmp_path / "a" / "out", FILES, force=False)
    assert tree(tmp_path / "a" / "out") == FILES
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["out"]


def test_an_existing_output_needs_force(tmp_path: Path) -> None:
    out = tmp_path / "out"
    write_directory(out, {**FILES, "old": b""}, force=False)
    with pytest.raises(UserError, match="exists"):
        write_directory(out, FILES, force=False)
    assert "old" in tree(out)
    write_directory(out, FILES, force=True)
    assert tree(out) == FILES
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_force_spares_what_sapmcu_did_not_write(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(UserError, match="not an output of sapmcu"):
        write_directory(tmp_path, FILES, force=True)
    assert tree(tmp_path) == {"thesis.tex": b"years of work"}


def test_an_empty_directory_is_taken(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    write_directory(out, FILES, force=False)
    assert tree(out) == FILES


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(UserError, match="out is not a directory"):
        check_target(tmp_path / "out", force=True)


def test_a_parent_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="can't be made"):
        check_target(tmp_path / "file" / "out", force=False)


@pytest.mark.parametrize("force", [False, True])
def test_a_full_disk_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, force: bool) -> None:
    """The disk fills up in the middle: the second write fails as the system would make it fail."""
    out = tmp_path / "new" / "out"
    if force:
        write_directory(out, {"report.json": b"old"}, force=False)
    write = Path.write_bytes

    def full(self: Path, data: bytes) -> int:
        if self.name == "main.cc":
            raise OSError(28, "No space left on device")
        return write(self, data)

    monkeypatch.setattr(directory.Path, "write_bytes", full)
    with pytest.raises(UserError, match="No space left on device") as caught:
        write_directory(out, FILES, force=force)
    assert caught.value.hint and "space" in caught.value.hint
    if force:
        assert tree(out) == {"report.json": b"old"}
        assert [path.name for path in out.parent.iterdir()] == ["out"]
    else:
        assert list(tmp_path.iterdir()) == []
