# SPDX-License-Identifier: Apache-2.0
"""Zephyr modules: module.yml by Zephyr's schema, Kconfig by Zephyr's parser, CMake by what Zephyr's functions do.

Sources: zephyrproject-rtos/zephyr, scripts/zephyr_module.py (METADATA_SCHEMA, validate_setting, kconfig_snippet),
cmake/modules/extensions.cmake (zephyr_library_named and the like); Zephyr documentation, "Modules", "Twister".
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import kconfiglib
import pytest
import yaml
from exported import named, write_converted, write_converted_by_rows, write_export
from firmware_project import run

SCHEMA: dict[str, Any] = {
    "name": str,
    "build": {
        **dict.fromkeys(("cmake", "kconfig", "sysbuild-cmake", "sysbuild-kconfig"), str),
        **dict.fromkeys(("cmake-ext", "kconfig-ext", "sysbuild-cmake-ext", "sysbuild-kconfig-ext"), bool),
        "depends": [str],
        "settings": dict.fromkeys(
            ("board_root", "dts_root", "soc_root", "arch_root", "module_ext_root", "sca_root"), str
        ),
    },
    "tests": [str],
    "samples": [str],
    "boards": [str],
}
"""What module.yml may hold, but for blobs; nothing is required."""
ZEPHYR = """
# What Zephyr's build system does with a module, as far as a module sees it; for the host.
function(zephyr_include_directories)
  target_include_directories(zephyr_interface INTERFACE ${ARGN})
endfunction()
macro(zephyr_library_named name)
  set(ZEPHYR_CURRENT_LIBRARY ${name})
  add_library(${name} STATIC "")
  set_property(GLOBAL APPEND PROPERTY ZEPHYR_LIBS ${name})
  target_link_libraries(${name} PUBLIC zephyr_interface)
endmacro()
function(zephyr_library_sources)
  target_sources(${ZEPHYR_CURRENT_LIBRARY} PRIVATE ${ARGN})
endfunction()
function(zephyr_library_compile_options)
  target_compile_options(${ZEPHYR_CURRENT_LIBRARY} PRIVATE ${ARGN})
endfunction()
enable_language(C)
add_library(zephyr_interface INTERFACE)
target_compile_definitions(zephyr_interface INTERFACE __ZEPHYR__)
file(STRINGS ${CMAKE_CURRENT_SOURCE_DIR}/prj.conf lines REGEX "^CONFIG_")
foreach(line IN LISTS lines EXTRA_CONF)
  string(REGEX MATCH "^(CONFIG_[A-Z0-9_]+)=(.*)$" matched "${line}")
  set(${CMAKE_MATCH_1} "${CMAKE_MATCH_2}")
endforeach()
set(number 0)
foreach(module IN LISTS ZEPHYR_EXTRA_MODULES)
  math(EXPR number "${number}+1")
  add_subdirectory(${module}/zephyr modules/${number})
endforeach()
get_property(libraries GLOBAL PROPERTY ZEPHYR_LIBS)
file(WRITE ${CMAKE_BINARY_DIR}/empty.c "typedef int nothing;\\n")
add_executable(app ${CMAKE_BINARY_DIR}/empty.c)
target_link_libraries(app PRIVATE zephyr_interface -Wl,--whole-archive ${libraries} -Wl,--no-whole-archive)
"""


@pytest.fixture(scope="module")
def module(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("zephyr")
    return write_export(write_converted(place / "project"), place / "out", "zephyr")


@pytest.fixture(scope="module")
def zephyr(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package Zephyr."""
    directory = tmp_path_factory.mktemp("package")
    (directory / "ZephyrConfig.cmake").write_text(ZEPHYR)
    return directory


def check(value: object, schema: Any, place: str) -> None:
    """A value against SCHEMA."""
    if isinstance(schema, dict):
        assert isinstance(value, dict) and set(value) <= set(schema), place
        for key, one in value.items():
            check(one, schema[key], f"{place}.{key}")
    elif isinstance(schema, list):
        assert isinstance(value, list), place
        for one in value:
            check(one, schema[0], place)
    else:
        assert isinstance(value, schema), place


def test_module_yml_keeps_zephyrs_schema_and_names_what_is_there(module: Path) -> None:
    meta = yaml.safe_load((module / "zephyr/module.yml").read_text())
    check(meta, SCHEMA, "module.yml")
    assert meta["name"] == "sapmcu_residual"
    assert (module / meta["build"]["cmake"] / "CMakeLists.txt").is_file()
    assert (module / meta["build"]["kconfig"]).is_file()
    assert all((module / sample).is_dir() for sample in meta["samples"])


def kconfig(module: Path, tmp_path: Path, *lines: str) -> kconfiglib.Kconfig:
    """The tree as zephyr_module.py sources a module's Kconfig, with a configuration."""
    root = tmp_path / "Kconfig"
    root.write_text(
        f'menu "sapmcu_residual"\nosource "{module}/zephyr/Kconfig"\n'
        "config ZEPHYR_SAPMCU_RESIDUAL_MODULE\n\tbool\n\tdefault y\nendmenu\n"
    )
    (tmp_path / "prj.conf").write_text("".join(f"{line}\n" for line in lines))
    tree = kconfiglib.Kconfig(str(root), warn_to_stderr=False)
    tree.load_config(str(tmp_path / "prj.conf"))
    assert tree.warnings == []
    return tree


def test_the_model_is_off_until_the_application_wants_it(module: Path, tmp_path: Path) -> None:
    tree = kconfig(module, tmp_path)
    assert tree.syms["SAPMCU_RESIDUAL"].str_value == "n" and tree.syms["SAPMCU_RESIDUAL_SPEED"].str_value == "n"
    tree = kconfig(module, tmp_path, "CONFIG_SAPMCU_RESIDUAL=y")
    assert tree.syms["SAPMCU_RESIDUAL"].str_value == tree.syms["SAPMCU_RESIDUAL_SPEED"].str_value == "y"


def test_the_samples_configuration_names_symbols_of_the_module(module: Path) -> None:
    lines = (module / "samples/selftest/prj.conf").read_text().splitlines()
    assert "CONFIG_SAPMCU_RESIDUAL=y" in lines


def test_the_sample_is_described_for_twister(module: Path) -> None:
    sample = yaml.safe_load((module / "samples/selftest/sample.yaml").read_text())
    (test,) = sample["tests"].values()
    assert sample["sample"]["name"] and test["harness"] == "console"
    assert test["harness_config"] == {"type": "one_line", "regex": ["outputs equal"]}


def build(source: Path, zephyr: Path, out: Path, *options: str) -> Path:
    """The application, and its path."""
    environment = {**os.environ, "ZEPHYR_BASE": str(zephyr)}
    command = ["cmake", "-S", source, "-B", out, f"-DZephyr_DIR={zephyr}", *options]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    run(["cmake", "--build", out])
    return out / "app"


@pytest.mark.needs("cmake", "gcc")
@pytest.mark.parametrize("by_rows", [False, True])
def test_the_sample_finds_its_module_and_the_outputs_right(
    tmp_path: Path, module: Path, zephyr: Path, by_rows: bool
) -> None:
    if by_rows:
        module = write_export(write_converted_by_rows(tmp_path / "project"), tmp_path / "out", "zephyr")
    app = build(module / "samples/selftest", zephyr, tmp_path / "build")
    assert run([app]) == "residual: outputs equal\n"


@pytest.mark.needs("cmake", "gcc")
def test_two_modules_bring_each_kernel_once(tmp_path: Path, zephyr: Path) -> None:
    """All of every library is linked: a function that came twice would be an error."""
    modules = [
        write_export(
            write_converted(tmp_path / f"project-{name}", graph=named(name)), tmp_path / f"out-{name}", "zephyr"
        )
        for name in ("a", "b")
    ]
    sample = modules[0] / "samples/selftest"
    options = (f"-DZEPHYR_EXTRA_MODULES={modules[1]}", "-DEXTRA_CONF=CONFIG_SAPMCU_B=y")
    app = build(sample, zephyr, tmp_path / "build", *options)
    assert run([app]) == "a: outputs equal\n"
    assert "sapmcu_b_invoke" in run(["nm", app])


@pytest.mark.needs("cmake", "gcc")
def test_a_module_that_is_off_adds_nothing(tmp_path: Path, module: Path, zephyr: Path) -> None:
    app = tmp_path / "app"
    app.mkdir()
    (app / "prj.conf").write_text("")
    (app / "CMakeLists.txt").write_text(
        f"cmake_minimum_required(VERSION 3.20)\nlist(APPEND ZEPHYR_EXTRA_MODULES {module})\n"
        "find_package(Zephyr REQUIRED)\nproject(app LANGUAGES C)\ntarget_sources(app PRIVATE main.c)\n"
    )
    (app / "main.c").write_text("int main(void) { return 0; }\n")
    program = build(app, zephyr, tmp_path / "build")
    assert "sapmcu" not in run(["nm", program])
