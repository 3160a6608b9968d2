# SPDX-License-Identifier: Apache-2.0
"""CMake packages, used as their readers would: found, versioned, built and run."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from exported import CORES, named, write_converted, write_converted_by_rows, write_export
from firmware_project import run

pytestmark = pytest.mark.needs("cmake", "gcc")
MAIN = """
#include "sapmcu_a.h"
#include "sapmcu_b.h"
int main(void) { return sapmcu_a_invoke() + sapmcu_b_invoke(); }
"""
TOOLCHAIN = """
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR arm)
set(CMAKE_C_COMPILER arm-none-eabi-gcc)
set(CMAKE_C_FLAGS_INIT "{options}")
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
"""


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("package")
    return write_export(write_converted(place / "project"), place / "out", "cmake")


def consumer(directory: Path, lines: str, languages: str = "C") -> Path:
    """A project whose CMakeLists.txt has these lines."""
    directory.mkdir(parents=True, exist_ok=True)
    head = f"cmake_minimum_required(VERSION 3.15)\nproject(consumer LANGUAGES {languages})\n"
    (directory / "CMakeLists.txt").write_text(head + lines)
    return directory


def configure(source: Path, *options: str | Path) -> tuple[int, str]:
    """CMake's exit code, and what it says on one line."""
    command = ["cmake", "-S", source, "-B", source / "build", "-DCMAKE_BUILD_TYPE=Release", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, " ".join((done.stdout + done.stderr).split())


@pytest.mark.parametrize("by_rows", [False, True])
def test_the_example_runs_on_the_host(tmp_path: Path, package: Path, by_rows: bool) -> None:
    if by_rows:
        package = write_export(write_converted_by_rows(tmp_path / "project"), tmp_path / "out", "cmake")
    run(["cmake", "-S", package / "example", "-B", tmp_path / "build"])
    run(["cmake", "--build", tmp_path / "build"])
    assert run([tmp_path / "build/selftest"]) == "residual: outputs equal\n"


@pytest.mark.needs("arm-none-eabi-gcc")
@pytest.mark.parametrize("core", ["cortex-m0plus", "cortex-m7"])
def test_it_is_compiled_by_the_projects_toolchain(tmp_path: Path, package: Path, core: str) -> None:
    (tmp_path / "arm.cmake").write_text(TOOLCHAIN.format(options=" ".join(CORES[core])))
    lines = "find_package(sapmcu_residual REQUIRED CONFIG)\n"
    source = consumer(tmp_path / "consumer", lines)
    code, said = configure(source, f"-DCMAKE_PREFIX_PATH={package}", f"-DCMAKE_TOOLCHAIN_FILE={tmp_path / 'arm.cmake'}")
    assert code == 0, said
    run(["cmake", "--build", source / "build"])
    code_of = run(["arm-none-eabi-objdump", "-d", source / "build/libsapmcu_residual.a"])
    assert ("sxtb16" in code_of) == (core == "cortex-m7")


@pytest.mark.parametrize(
    ("wanted", "is_found"),
    [
        *(("", True), ("0.1", True), ("0.1.0", True), ("0.1.0 EXACT", True), ("0", True)),
        *(("0.1.1", False), ("0.2", False), ("1", False), ("0.0.9", False), ("0.1.1 EXACT", False)),
        *(("0.1...<0.2", True), ("0.0.1...1", True), ("0.0.1...<0.1.0", False), ("0.0.1...0.1.0", True)),
    ],
)
def test_versions_of_the_same_minor_are_compatible_while_the_major_is_0(
    tmp_path: Path, package: Path, wanted: str, is_found: bool
) -> None:
    """As a script, which knows no language: the package is considered, and then says so."""
    lines = (
        "cmake_minimum_required(VERSION 3.19)",
        f'set(CMAKE_PREFIX_PATH "{package}")',
        f"find_package(sapmcu_residual {wanted} CONFIG)",
        'message("version=${sapmcu_residual_VERSION}")',
    )
    (tmp_path / "check.cmake").write_text("\n".join(lines))
    done = subprocess.run(["cmake", "-P", tmp_path / "check.cmake"], capture_output=True, text=True, check=False)
    is_considered = "version=0.1.0" in done.stderr
    assert is_considered == is_found, done.stderr


def test_a_project_without_c_is_told_so(tmp_path: Path, package: Path) -> None:
    source = consumer(tmp_path / "consumer", "find_package(sapmcu_residual REQUIRED CONFIG)\n", "NONE")
    code, said = configure(source, f"-DCMAKE_PREFIX_PATH={package}")
    assert code != 0 and "its sources are C, which the project doesn't enable" in said


def test_a_component_that_there_is_not_is_named(tmp_path: Path, package: Path) -> None:
    source = consumer(tmp_path / "consumer", "find_package(sapmcu_residual REQUIRED CONFIG COMPONENTS gpu)\n")
    code, said = configure(source, f"-DCMAKE_PREFIX_PATH={package}")
    assert code != 0 and "it has no component gpu" in said


def test_two_models_go_into_one_program_and_may_be_found_twice(tmp_path: Path) -> None:
    packages = [
        write_export(
            write_converted(tmp_path / f"project-{name}", graph=named(name)), tmp_path / f"out-{name}", "cmake"
        )
        for name in ("a", "b")
    ]
    lines = (
        "find_package(sapmcu_a REQUIRED CONFIG)\nfind_package(sapmcu_a REQUIRED CONFIG)\n"
        f'add_subdirectory("{packages[1]}" b)\n'
        "add_executable(both main.c)\ntarget_link_libraries(both PRIVATE sapmcu::a sapmcu::b)\n"
    )
    source = consumer(tmp_path / "consumer", lines)
    (source / "main.c").write_text(MAIN)
    code, said = configure(source, f"-DCMAKE_PREFIX_PATH={packages[0]}")
    assert code == 0, said
    run(["cmake", "--build", source / "build"])
    run([source / "build/both"])
