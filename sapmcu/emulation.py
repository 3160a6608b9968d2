# SPDX-License-Identifier: Apache-2.0
"""What `sapmcu build`, `run` and `test` do with a converted project: build its firmware, run it, compare it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from sapmcu.build.firmware import build_firmware
from sapmcu.build.project import load_project
from sapmcu.build.tflm import HINT as TFLM_HINT
from sapmcu.errors import ToolError, UserError
from sapmcu.first_difference import Rebuild, first_different_op
from sapmcu.ir.build import Engine, Link, Prefer
from sapmcu.ir.firmware import QEMU, target_name
from sapmcu.ir.run import Run, TestRun
from sapmcu.run.session import Firmware, Session, default_link, run_vectors, start, target_of, test_vectors
from sapmcu.vectors import load_vectors, vectors_to_run

DEFAULT_EMULATOR = "unicorn"


def build_project(
    project_dir: Path,
    emulator: str | None = None,
    toolchain: str | None = None,
    prefer: Prefer | None = None,
    *,
    tflm: Path | None = None,
    link: Link | None = None,
) -> Firmware:
    """Build for an emulator, None for the board. tflm: a TFLM library, whose engine it then is; None: the native one.

    link: None is the emulator's own, for a board its UART where sapmcu knows how to turn it on.
    Raises: UserError, ToolError.
    """
    project = load_project(project_dir / "firmware", _engine(tflm))
    if emulator is not None:
        link = link or default_link(emulator)
        target = target_of(emulator, link)
    else:
        has_uart = target_name(None, Link.UART) in project.targets
        target = target_name(None, link or (Link.UART if has_uart else Link.SEMIHOSTING))
    if link is Link.UART and target not in project.targets:
        raise UserError(
            f"this project has no firmware with the UART of {project.board}",
            hint="its board file lacks uart.family, clock_hz and setup; use --link semihosting",
        )
    return Firmware(project, build_firmware(project_dir, toolchain, prefer, target=target, tflm=tflm))


def _engine(tflm: Path | None) -> Engine:
    return Engine.NATIVE if tflm is None else Engine.TFLM


def tflm_directory(engine: Engine, tflm: Path | None) -> Path | None:
    """Where TFLM is, None for the native engine. Raises: ToolError where the user didn't say."""
    if engine is Engine.NATIVE:
        return None
    if tflm is None:
        raise ToolError(
            "--engine tflm needs your build of TensorFlow Lite Micro",
            hint=TFLM_HINT.format(core="the board's core"),
        )
    return tflm


def default_emulator(project_dir: Path, tflm: Path | None = None, link: Link | None = None) -> str:
    """unicorn where it has the core and what links it to the host, else QEMU. Raises: UserError."""
    has_unicorn = load_project(project_dir / "firmware", _engine(tflm)).unicorn_cpu is not None
    return DEFAULT_EMULATOR if has_unicorn and link is not Link.UART else QEMU


def run_project(
    project_dir: Path,
    emulator: str | None = None,
    inputs: Sequence[Path] | None = None,
    *,
    toolchain: str | None = None,
    prefer: Prefer | None = None,
    tflm: Path | None = None,
    link: Link | None = None,
    wait_states: int = 0,
) -> Run:
    """Build and run once: the first test vector, or the user's own inputs, one .npy file each.

    wait_states: of flash, for the estimate of cycles.
    Raises: UserError, ToolError.
    """
    chosen = emulator or default_emulator(project_dir, tflm, link)
    vectors = vectors_to_run(project_dir, inputs)
    firmware = build_project(project_dir, chosen, toolchain, prefer, tflm=tflm, link=link)
    done = run_vectors(firmware, chosen, vectors, compare=inputs is None, wait_states=wait_states)
    return done if tflm is None else replace(done, arena_predicted_bytes=predicted_arena_bytes(project_dir))


def test_project(
    project_dir: Path,
    emulator: str | None = None,
    *,
    toolchain: str | None = None,
    prefer: Prefer | None = None,
    tflm: Path | None = None,
    link: Link | None = None,
) -> TestRun:
    """Build and run all of testdata/; the first difference says which op is the first to differ, if that can be told.

    Raises: UserError, ToolError.
    """
    chosen = emulator or default_emulator(project_dir, tflm, link)
    vectors = load_vectors(project_dir)
    firmware = build_project(project_dir, chosen, toolchain, prefer, tflm=tflm, link=link)
    done = test_vectors(firmware, chosen, vectors)
    if tflm is not None:
        done = replace(done, arena_predicted_bytes=predicted_arena_bytes(project_dir))
    difference = done.first_difference
    if difference is None:
        return done
    if tflm is not None:
        return done
    rebuild = Rebuild(firmware.project.board, chosen, toolchain, prefer)
    return locate_difference(done, first_different_op(firmware, rebuild, project_dir, vectors[difference.vector]))


def locate_difference(done: TestRun, op: int | None) -> TestRun:
    """Say which op is the first to differ in the first vector that does."""
    assert done.first_difference is not None
    located = replace(done.first_difference, op=op)
    results = [replace(one, difference=located) if one.vector == located.vector else one for one in done.results]
    return replace(done, results=tuple(results))


test_project.__test__ = False  # type: ignore[attr-defined]  # not a test of pytest's


@contextmanager
def running_project(
    project_dir: Path, emulator: str | None = None, toolchain: str | None = None, link: Link | None = None
) -> Iterator[Session]:
    """The project's firmware, built and running. Raises: UserError, ToolError."""
    chosen = emulator or default_emulator(project_dir, link=link)
    with start(build_project(project_dir, chosen, toolchain, link=link), chosen) as session:
        yield session


def predicted_arena_bytes(project_dir: Path) -> int | None:
    """What report.json says that TFLM uses; None where there is no report."""
    try:
        return int(json.loads((project_dir / "report.json").read_bytes())["memory"]["tflm"]["used_bytes"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
