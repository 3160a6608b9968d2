# SPDX-License-Identifier: Apache-2.0
"""What CMake says about a TFLM_DIR that is missing or wrong."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from firmware_project import run, write_project

from sapmcu.boards.board import load_board

HEADERS = (
    "tensorflow/lite/micro/micro_interpreter.h",
    "flatbuffers/flatbuffers.h",
    "fixedpoint/fixedpoint.h",
    "ruy/profiler/instrumentation.h",
)
LIBRARY = "libtensorflow-microlite.a"

pytestmark = pytest.mark.needs("cmake", "arm-none-eabi-gcc")


def configure(tmp_path: Path, board: str, *options: str) -> tuple[int, str]:
    """CMake's exit code and what it says, its line breaks undone."""
    firmware = write_project(tmp_path / "out", load_board(board))
    done = subprocess.run(
        ["cmake", "-S", firmware, "-B", tmp_path / "build", *options], capture_output=True, text=True, check=False
    )
    return done.returncode, " ".join((done.stdout + done.stderr).split())


def make_headers(directory: Path) -> Path:
    for header in HEADERS:
        path = directory / "include" / header
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    return directory


def make_library(path: Path, *options: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    source = path.parent / "empty.c"
    source.write_text("float twice(float x);\nfloat twice(float x) { return 2 * x; }\n")
    run(["arm-none-eabi-gcc", *options, "-c", source, "-o", path.parent / "empty.o"])
    run(["arm-none-eabi-ar", "qcs", path, path.parent / "empty.o"])


def test_without_tflm_dir_it_says_what_to_give(tmp_path: Path) -> None:
    code, output = configure(tmp_path, "mps2_an386")
    assert code != 0
    assert "TFLM_DIR is not set" in output
    assert "-DTFLM_DIR=<directory> with the headers" in output
    assert "TARGET_ARCH=cortex-m4+fp" in output


def test_a_directory_that_is_not_there_is_named(tmp_path: Path) -> None:
    code, output = configure(tmp_path, "mps2_an386", f"-DTFLM_DIR={tmp_path / 'absent'}")
    assert code != 0
    assert f"TFLM_DIR is not a directory: {tmp_path / 'absent'}" in output


def test_missing_headers_are_named_with_the_places_looked_at(tmp_path: Path) -> None:
    code, output = configure(tmp_path, "mps2_an386", f"-DTFLM_DIR={tmp_path}")
    assert code != 0
    assert f"TFLM_DIR lacks {HEADERS[0]}; looked in {tmp_path} {tmp_path / 'include'}" in output


def test_a_missing_library_is_named(tmp_path: Path) -> None:
    code, output = configure(tmp_path, "mps2_an386", f"-DTFLM_DIR={make_headers(tmp_path / 'tflm')}")
    assert code != 0
    assert f"TFLM_DIR holds no {LIBRARY}" in output


def test_with_several_libraries_it_asks_which(tmp_path: Path) -> None:
    tflm = make_headers(tmp_path / "tflm")
    for target in ("a", "b"):
        make_library(tflm / "gen" / target / "lib" / LIBRARY, "-mcpu=cortex-m4", "-mfloat-abi=soft")
    code, output = configure(tmp_path, "mps2_an386", f"-DTFLM_DIR={tflm}")
    assert code != 0
    assert "TFLM_DIR holds 2 libraries; choose with -DTFLM_LIBRARY=" in output


@pytest.mark.parametrize(
    ("board", "options", "expected"),
    [
        ("mps2_an386", ("-mcpu=cortex-m4", "-mfloat-abi=soft"), "soft float ABI, the board mps2_an386 needs hard"),
        ("mps2_an385", ("-mcpu=cortex-m4", "-mfloat-abi=soft"), "built for Arm v7E-M, which a cortex-m3 doesn't run"),
        (
            "mps2_an386",
            ("-march=armv8-m.main+fp", "-mfloat-abi=hard"),
            "built for Arm v8-M.mainline, which a cortex-m4",
        ),
    ],
)
def test_a_library_for_another_core_or_abi_is_refused(
    tmp_path: Path, board: str, options: tuple[str, ...], expected: str
) -> None:
    tflm = make_headers(tmp_path / "tflm")
    make_library(tflm / LIBRARY, "-mthumb", *options)
    code, output = configure(tmp_path, board, f"-DTFLM_DIR={tflm}")
    assert code != 0
    assert expected in output


def test_a_file_that_is_no_library_is_refused(tmp_path: Path) -> None:
    tflm = make_headers(tmp_path / "tflm")
    (tflm / LIBRARY).write_text("not an archive")
    code, output = configure(tmp_path, "mps2_an386", f"-DTFLM_DIR={tflm}")
    assert code != 0
    assert "not a library of Arm objects" in output


def test_a_matching_library_is_accepted(tmp_path: Path) -> None:
    tflm = make_headers(tmp_path / "tflm")
    make_library(tflm / "lib" / LIBRARY, *load_board("mps2_an386").compiler_options)
    code, output = configure(tmp_path, "mps2_an386", f"-DTFLM_DIR={tflm}")
    assert code == 0, output
