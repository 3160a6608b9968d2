# SPDX-License-Identifier: Apache-2.0
"""Arduino libraries: metadata and layout by the specification; sketch and library built as Arduino's builder does.

Sources: arduino/arduino-cli, docs/library-specification.md (rev. 2.2) and docs/sketch-build-process.md;
arduino/arduino-lint, etc/schemas/arduino-library-properties-definitions-schema.json.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from exported import write_converted, write_converted_by_rows, write_export
from firmware_project import C_OPTIONS, CXX_OPTIONS, run
from small_graphs import residual

from sapmcu.errors import UserError

REQUIRED = ("name", "version", "author", "maintainer", "sentence", "paragraph", "category", "url", "architectures")
OPTIONAL = ("depends", "dot_a_linkage", "includes", "precompiled", "ldflags")
CATEGORIES = (
    *("Display", "Communication", "Signal Input/Output", "Sensors", "Device Control", "Timing"),
    *("Data Storage", "Data Processing", "Other"),
)
SEMVER = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _.-]{0,62}")
FOLDERS = ("src", "examples")
"""Of those that the specification knows; a library may have `extras`, too."""
ARDUINO_H = """
#pragma once
#include <stdint.h>
#include <stdio.h>
struct SerialPort {
    void begin(unsigned long) {}
    void print(const char *text) { fputs(text, stdout); }
    void print(unsigned long) { fputs("some", stdout); }
    void println(const char *text) { puts(text); }
};
extern SerialPort Serial;
unsigned long micros();
void delay(unsigned long);
void setup();
void loop();
"""
CORE = """
#include <Arduino.h>
SerialPort Serial;
unsigned long micros() { return 0; }
void delay(unsigned long) {}
int main() { setup(); loop(); }
"""
"""What the sketch needs of Arduino's core, on the host."""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("arduino")
    return write_export(write_converted(place / "project"), place / "sapmcu_residual", "arduino")


def properties(library: Path) -> dict[str, str]:
    lines = (library / "library.properties").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines)


def test_the_properties_are_those_of_the_specification(library: Path) -> None:
    found = properties(library)
    assert set(REQUIRED) <= set(found) <= {*REQUIRED, *OPTIONAL}
    assert all(found.values())
    assert NAME.fullmatch(found["name"]) and re.search("[A-Za-z]", found["name"])
    assert not found["name"].lower().startswith("arduino")
    assert not found["maintainer"].lower().startswith("arduino")
    assert SEMVER.fullmatch(found["version"])
    assert found["category"] in CATEGORIES
    assert re.fullmatch(r"https?://\S+", found["url"])
    assert all(re.fullmatch(r"[a-z0-9_]+", one) for one in found["architectures"].split(","))
    assert found["dot_a_linkage"] in ("true", "false")


def test_what_is_to_be_included_is_in_the_root_of_src_alone(library: Path) -> None:
    assert properties(library)["includes"].split(",") == [path.name for path in (library / "src").glob("*.h")]


def test_the_layout_is_that_of_the_specification(library: Path) -> None:
    assert {path.name for path in library.iterdir() if path.is_dir()} == set(FOLDERS)
    assert not [path for path in library.iterdir() if path.suffix in (".c", ".cpp", ".h", ".S")]
    (sketch,) = library.glob("examples/*/*.ino")
    assert sketch.stem == sketch.parent.name


@pytest.mark.needs("gcc", "g++")
@pytest.mark.parametrize("by_rows", [False, True])
def test_the_sketch_finds_the_outputs_right(tmp_path: Path, library: Path, by_rows: bool) -> None:
    """The library as an archive, one object after the other; the sketch as C++ behind an #include of Arduino.h."""
    if by_rows:
        library = write_export(write_converted_by_rows(tmp_path / "project"), tmp_path / "sapmcu_residual", "arduino")
    (tmp_path / "core").mkdir()
    (tmp_path / "core/Arduino.h").write_text(ARDUINO_H)
    (tmp_path / "core/main.cpp").write_text(CORE)
    sketch = library / "examples/selftest"
    merged = tmp_path / "selftest.ino.cpp"
    merged.write_text(f'#include <Arduino.h>\n#line 1 "selftest.ino"\n{(sketch / "selftest.ino").read_text()}')
    includes = (f"-I{tmp_path / 'core'}", f"-I{library / 'src'}", f"-I{sketch}")
    for number, source in enumerate(sorted((library / "src").rglob("*.c"))):
        target = tmp_path / f"{number}" / f"{source.name}.o"
        target.parent.mkdir()
        run(["gcc", *C_OPTIONS, "-Os", f"-I{library / 'src'}", "-c", source, "-o", target])
        run(["ar", "rcs", tmp_path / "library.a", target])
    run(["gcc", *C_OPTIONS, "-Os", *includes, "-c", sketch / "selftest.c", "-o", tmp_path / "selftest.o"])
    parts = [merged, tmp_path / "core/main.cpp", tmp_path / "selftest.o", tmp_path / "library.a"]
    run(["g++", *CXX_OPTIONS, *includes, *parts, "-o", tmp_path / "sketch"])
    assert run([tmp_path / "sketch"]) == "residual: outputs equal, some us with copying and comparing\n"


@pytest.mark.needs("arm-none-eabi-gcc", "arm-none-eabi-g++")
def test_the_sketch_is_cxx_for_arm(tmp_path: Path, library: Path) -> None:
    (tmp_path / "Arduino.h").write_text(ARDUINO_H)
    includes = (f"-I{tmp_path}", f"-I{library / 'src'}", f"-I{library / 'examples/selftest'}")
    source = library / "examples/selftest/selftest.ino"
    run(
        [
            "arm-none-eabi-g++",
            "-mcpu=cortex-m4",
            "-mthumb",
            "-fsyntax-only",
            *CXX_OPTIONS,
            *includes,
            "-x",
            "c++",
            source,
        ]
    )


def test_a_name_that_is_too_long_is_refused(tmp_path: Path) -> None:
    project = write_converted(tmp_path / "project", graph=replace(residual(), name="n" * 60))
    with pytest.raises(UserError, match="at most 63 characters") as caught:
        write_export(project, tmp_path / "out", "arduino")
    assert caught.value.hint is not None and not (tmp_path / "out").exists()
