# SPDX-License-Identifier: Apache-2.0
"""`sapmcu export` and what a user gets wrong with it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from command import Ran, sapmcu
from exported import write_converted

Run = Callable[..., Ran]


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_converted(tmp_path_factory.mktemp("project"))


@pytest.fixture
def project(converted: Path, tmp_path: Path) -> Path:
    """One that a test may spoil."""
    return Path(shutil.copytree(converted, tmp_path / "project"))


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """`sapmcu export ARGUMENTS` in a directory of its own; a failure is one sentence and a hint."""

    def ran(*arguments: object, code: int = 0) -> Ran:
        monkeypatch.chdir(tmp_path)
        done = sapmcu(capsys, monkeypatch, "export", *arguments)
        assert done.code == code, done.err
        if code == 1:
            assert done.err.count("error: ") == 1 and done.err.count("hint: ") == 1 and "Traceback" not in done.err
        return done

    return ran


def test_it_says_what_it_wrote(run: Run, project: Path, tmp_path: Path) -> None:
    for kind in ("cmake", "zephyr", "arduino", "platformio"):
        done = run(project, "--as", kind, "-o", kind)
        count = sum(path.is_file() for path in (tmp_path / kind).rglob("*"))
        assert done.out == f"wrote {count} files to {kind}/; {kind}/README.md says how to use them\n"
        mark = json.loads((tmp_path / kind / "sapmcu-export.json").read_text())
        assert (mark["format"], mark["model"]) == (kind, "residual")
        for path in (tmp_path / kind).rglob("*"):
            assert not path.is_file() or b"@" not in path.read_bytes(), f"{path} has a place that nobody filled in"


def test_an_export_is_replaced_only_by_force(run: Run, project: Path) -> None:
    run(project, "--as", "cmake", "-o", "out")
    assert "--force replaces it" in run(project, "--as", "arduino", "-o", "out", code=1).err
    run(project, "--as", "arduino", "-o", "out", "--force")
    assert Path("out/library.properties").is_file() and not Path("out/lib").exists()


def test_another_directory_is_never_replaced(run: Run, project: Path, tmp_path: Path) -> None:
    done = run(project, "--as", "cmake", "-o", project, "--force", code=1)
    assert "is not empty and not an output of sapmcu" in done.err
    (tmp_path / "file").write_text("")
    assert "is not a directory" in run(project, "--as", "cmake", "-o", "file", code=1).err


def test_a_directory_that_is_no_project(run: Run, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for directory in ("empty", "absent"):
        assert (
            "give a directory that `sapmcu convert` wrote" in run(directory, "--as", "zephyr", "-o", "out", code=1).err
        )
    assert not (tmp_path / "out").exists()


def test_a_project_of_tflm_alone(run: Run, project: Path) -> None:
    (project / "firmware/build.json").rename(project / "firmware/tflm.json")
    assert "this project has a firmware for --engine tflm" in run(project, "--as", "cmake", "-o", "out", code=1).err


def test_a_project_without_test_vectors(run: Run, project: Path) -> None:
    shutil.rmtree(project / "testdata")
    assert "testdata/vectors.json can't be read" in run(project, "--as", "cmake", "-o", "out", code=1).err


def test_a_project_without_its_model(run: Run, project: Path) -> None:
    (project / "firmware/sapmcu_residual.c").unlink()
    assert "sapmcu_residual.c: there is no such file" in run(project, "--as", "cmake", "-o", "out", code=1).err


def test_options_that_are_missing_or_wrong(run: Run, project: Path) -> None:
    assert "--as" in run(project, "-o", "out", code=2).err
    assert "--out" in run(project, "--as", "cmake", code=2).err
    assert "zephyr" in run(project, "--as", "bazel", "-o", "out", code=2).err
