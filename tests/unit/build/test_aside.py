# SPDX-License-Identifier: Apache-2.0
"""Builds made aside: what stands stays until the next one is whole."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from native_project import write_native_project

from sapmcu.build.aside import built_aside
from sapmcu.build.firmware import build_firmware
from sapmcu.errors import ToolError, UserError


def build(out: Path, result: str) -> None:
    with built_aside(out, ("log",), "result") as directory:
        (directory / "result").write_text(result)
        (directory / "log").write_text(f"made {directory}/result")


def test_a_build_takes_the_place_of_the_one_before_and_its_texts_name_the_place(tmp_path: Path) -> None:
    out = tmp_path / "build" / "gcc"
    build(out, "one")
    build(out, "two")
    assert (out / "result").read_text() == "two"
    assert (out / "log").read_text() == f"made {out}/result"
    assert sorted(path.name for path in out.parent.iterdir()) == [".lock", "gcc"]


def test_the_same_build_stays_for_those_who_read_it(tmp_path: Path) -> None:
    out = tmp_path / "gcc"
    build(out, "one")
    before = (out / "result").stat().st_ino
    build(out, "one")
    assert (out / "result").stat().st_ino == before


def test_a_build_that_fails_leaves_the_one_before_and_the_compilers_words(tmp_path: Path) -> None:
    out = tmp_path / "gcc"
    build(out, "one")
    with pytest.raises(ToolError) as caught, built_aside(out, (), "result") as directory:
        (directory / "error.log").write_text("undefined reference")
        raise ToolError("it doesn't link", hint=f"{directory}/error.log", command=f"gcc -o {directory}/result")
    assert (out / "result").read_text() == "one" and (out / "error.log").read_text() == "undefined reference"
    assert (caught.value.hint, caught.value.command) == (f"{out}/error.log", f"gcc -o {out}/result")
    assert caught.value.details == (f"command: gcc -o {out}/result",)
    build(out, "one")
    assert not (out / "error.log").exists()
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["gcc"]


def test_a_build_that_is_interrupted_leaves_the_one_before(tmp_path: Path) -> None:
    out = tmp_path / "gcc"
    build(out, "one")
    with pytest.raises(KeyboardInterrupt), built_aside(out, (), "result") as directory:
        (directory / "result").write_text("half")
        raise KeyboardInterrupt
    assert (out / "result").read_text() == "one"
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["gcc"]


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "build").write_text("a file")
    with pytest.raises(UserError, match=r"gcc can't be written: (File exists|Not a directory)") as caught:
        build(tmp_path / "build" / "gcc", "one")
    assert caught.value.exit_code == 1 and caught.value.hint is not None


@pytest.mark.needs("arm-none-eabi-gcc")
def test_two_builds_at_once_are_both_right(tmp_path: Path) -> None:
    write_native_project(tmp_path, "nucleo_f446re")
    with ThreadPoolExecutor() as pool:
        builds = list(pool.map(lambda _: build_firmware(tmp_path, "gcc"), range(3)))
    assert len({one.elf.read_bytes() for one in builds}) == 1 and len({one.elf for one in builds}) == 1
