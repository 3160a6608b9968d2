# SPDX-License-Identifier: Apache-2.0
"""PlatformIO libraries: the manifest by PlatformIO's own rules, and the files that it names.

Sources: platformio/platformio-core, platformio/assets/schema/library.json and platformio/package/manifest/schema.py;
PlatformIO documentation, "library.json".
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from exported import CORES, write_converted, write_export
from firmware_project import C_OPTIONS, CXX_OPTIONS, run
from small_graphs import residual

from sapmcu.errors import UserError

FIELDS = (
    *("$schema", "name", "version", "description", "keywords", "homepage", "repository", "authors", "license"),
    *("frameworks", "platforms", "headers", "examples", "dependencies", "export", "scripts", "build"),
)
BUILD_FIELDS = (
    *("flags", "unflags", "includeDir", "srcDir", "srcFilter", "extraScript", "libArchive", "libLDFMode"),
    "libCompatMode",
)

ARDUINO_H = """
#include <stdint.h>
struct Port {
    void begin(long);
    void print(const char *);
    void print(unsigned long);
    void println(const char *);
};
extern Port Serial;
unsigned long micros();
void delay(unsigned long);
void setup();
void loop();
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("platformio")
    return write_export(write_converted(place / "project"), place / "out", "platformio")


@pytest.fixture(scope="module")
def manifest(library: Path) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((library / "library.json").read_text())
    return read


def test_the_manifest_keeps_the_rules(manifest: dict[str, Any]) -> None:
    assert set(manifest) <= set(FIELDS)
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", manifest["name"]) and len(manifest["name"]) <= 50
    assert re.fullmatch(r"\d+\.\d+\.\d+", manifest["version"]) and len(manifest["version"]) <= 20
    assert 1 <= len(manifest["description"]) <= 255
    assert all(re.fullmatch(r"[a-z\d\-+. ]{1,50}", keyword) for keyword in manifest["keywords"])
    assert manifest["frameworks"] == manifest["platforms"] == "*"


def test_the_sources_are_where_the_manifest_says(library: Path, manifest: dict[str, Any]) -> None:
    assert set(manifest["build"]) <= set(BUILD_FIELDS)
    source_dir = library / manifest["build"]["srcDir"]
    assert all((source_dir / header).is_file() for header in manifest["headers"])
    assert list(source_dir.rglob("*.c"))


def test_the_example_is_there(library: Path, manifest: dict[str, Any]) -> None:
    (example,) = manifest["examples"]
    assert re.fullmatch(r"[a-zA-Z\d\-_/]{1,100}", example["name"])
    base = library / example["base"]
    assert sorted(example["files"]) == sorted(path.name for path in base.iterdir())
    assert "main.cpp" in example["files"]


@pytest.mark.needs("arm-none-eabi-gcc")
def test_all_sources_below_srcdir_build_with_its_flags(tmp_path: Path, library: Path, manifest: dict[str, Any]) -> None:
    """As SCons does: all objects into one archive by one call."""
    source_dir = library / manifest["build"]["srcDir"]
    objects = []
    for source in sorted(source_dir.rglob("*.c")):
        target = tmp_path / f"{source.relative_to(source_dir)}.o"
        target.parent.mkdir(parents=True, exist_ok=True)
        options = (*CORES["cortex-m4"], *C_OPTIONS, "-Os", *manifest["build"]["flags"])
        run(["arm-none-eabi-gcc", *options, f"-I{source_dir}", "-c", source, "-o", target])
        objects.append(target)
    run(["arm-none-eabi-ar", "rc", tmp_path / "library.a", *objects])
    members = run(["arm-none-eabi-ar", "t", tmp_path / "library.a"]).split()
    assert len(members) == len(objects)


@pytest.mark.needs("g++")
def test_the_example_is_cxx(tmp_path: Path, library: Path) -> None:
    (tmp_path / "Arduino.h").write_text(ARDUINO_H)
    example = library / "examples/selftest"
    includes = (f"-I{tmp_path}", f"-I{library / 'src'}", f"-I{example}")
    run(["g++", *CXX_OPTIONS, "-fsyntax-only", *includes, example / "main.cpp"])


def test_a_name_that_is_too_long_is_refused(tmp_path: Path) -> None:
    project = write_converted(tmp_path / "project", graph=replace(residual(), name="n" * 44))
    with pytest.raises(UserError, match="at most 50 characters"):
        write_export(project, tmp_path / "out", "platformio")
    assert not (tmp_path / "out").exists()
