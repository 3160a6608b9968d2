# SPDX-License-Identifier: Apache-2.0
"""The device's side of the protocol as a program of this host, with sanitizers."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from sapmcu.firmware_files import firmware_dir

needs_gcc = pytest.mark.needs("gcc")
SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")
WARNINGS = ("-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Wmissing-prototypes", "-Werror")


def compile_device(directory: Path, model: str) -> Path:
    (directory / "adder.c").write_text(model)
    firmware = firmware_dir()
    sources = [firmware / name for name in ("apps/native/main.c", "engine/sapmcu_serve.c", "port/host/pipe.c")]
    program = directory / "device"
    defines = (
        "-D_POSIX_C_SOURCE=200809L",
        '-DSAPMCU_CORE="host"',
        '-DSAPMCU_BUILD="gcc"',
        '-DSAPMCU_BOARD="host_board"',
    )
    options = (*WARNINGS, *defines, "-O1", "-g", *SANITIZERS, f"-I{firmware / 'include'}")
    subprocess.run(["gcc", *options, *sources, directory / "adder.c", "-o", program], check=True)
    return program
