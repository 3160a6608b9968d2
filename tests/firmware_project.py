# SPDX-License-Identifier: Apache-2.0
"""Firmware projects on disk, and the tools that build and run them, for tests."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from small_graphs import residual

from sapmcu.boards.board import Board
from sapmcu.emit.origin import Origin
from sapmcu.emit.project import emit_project
from sapmcu.ir.vectors import Vector

ORIGIN = Origin("0.0.0", "sapmcu convert residual.tflite")
WARNINGS = ("-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Werror")
C_OPTIONS = ("-std=c11", *WARNINGS, "-Wmissing-prototypes", "-Wstrict-prototypes")
CXX_OPTIONS = ("-std=c++17", *WARNINGS, "-fno-exceptions", "-fno-rtti", "-fno-threadsafe-statics")
QEMU_TIMEOUT_S = 120


def write_files(directory: Path, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def write_project(directory: Path, board: Board, arena_bytes: int = 2000) -> Path:
    """The project of a small graph (its model is no real file); returns its firmware directory."""
    vectors = (Vector((bytes(32),), (bytes(range(32)),)), Vector((bytes(range(32)),), (bytes(32),)))
    write_files(directory, emit_project(residual(), bytes(range(100)), board, arena_bytes, vectors, ORIGIN))
    return directory / "firmware"


def run(command: Sequence[str | Path], cwd: Path | None = None) -> str:
    """Run a tool that must succeed; returns what it says."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def compile_file(source: Path, output: Path, board: Board, firmware: Path) -> Path:
    """Compile one of the project's own files, warnings as errors."""
    is_c = source.suffix == ".c"
    has_vtor = ("-DSAPMCU_HAS_VTOR",) if board.core_facts.has_vtor else ()
    run(
        [
            "arm-none-eabi-gcc" if is_c else "arm-none-eabi-g++",
            *board.compiler_options,
            *(C_OPTIONS if is_c else CXX_OPTIONS),
            *has_vtor,
            "-O2",
            "-ffunction-sections",
            f"-I{firmware}",
            f"-I{firmware / 'include'}",
            "-c",
            source,
            "-o",
            output,
        ]
    )
    return output


def link(objects: Sequence[Path], output: Path, board: Board, firmware: Path) -> Path:
    """Link with the project's linker script, warnings as errors."""
    run(
        [
            "arm-none-eabi-gcc",
            *board.compiler_options,
            "-nostartfiles",
            "--specs=nano.specs",
            f"-L{firmware / 'ld'}",
            f"-T{firmware / 'ld' / 'sections.ld'}",
            "-Wl,--gc-sections,--fatal-warnings",
            *objects,
            "-o",
            output,
        ]
    )
    return output


def run_qemu(board: Board, elf: Path) -> tuple[int, str]:
    """Exit code and output of a program that talks through semihosting."""
    done = subprocess.run(
        [
            *("qemu-system-arm", "-machine", board.emulator.qemu_machine, "-nographic", "-monitor", "none"),
            *("-semihosting-config", "enable=on,target=native", "-kernel", str(elf)),
        ],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=QEMU_TIMEOUT_S,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr
