# SPDX-License-Identifier: Apache-2.0
"""`sapmcu flash`: build a project's firmware for its board, write it by one of the board's methods, verify it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from sapmcu.boards.board import Board, FlashMethod, load_board
from sapmcu.boards.converted import converted_board, without_own_code
from sapmcu.build.project import load_project
from sapmcu.emit.directory import write_files
from sapmcu.emulation import build_project
from sapmcu.errors import ToolError, UserError
from sapmcu.flash import drive
from sapmcu.flash.failures import Kind, explain, failure
from sapmcu.flash.job import Job, image_range
from sapmcu.flash.method import Method, Probe, Step
from sapmcu.flash.table import method_of
from sapmcu.flash.tool import find_tool, require_tool, run_command
from sapmcu.ir.build import Engine, Link, Prefer

UF2 = "uf2"
LIMIT_S = 120.0


@dataclass(frozen=True, slots=True)
class FlashOptions:
    """method, probe, board: None for what there is one of. limit_s: for each command.

    board: a name or a file, in place of what the project has.
    """

    method: str | None = None
    probe: str | None = None
    board: str | None = None
    is_dry: bool = False
    limit_s: float = LIMIT_S
    toolchain: str | None = None
    prefer: Prefer | None = None
    tflm: Path | None = None
    link: Link | None = None


@dataclass(frozen=True, slots=True)
class Flashed:
    """What was done, or would be. commands: as a shell takes them. is_verified: all was read back and is equal."""

    board: str
    method: str
    commands: tuple[str, ...]
    elf: Path
    size_bytes: int
    is_dry: bool
    is_verified: bool


def flash_project(project_dir: Path, options: FlashOptions, progress: Callable[[str], None]) -> Flashed:
    """Raises: UserError for what can't be flashed, ToolError for tools, probes and chips."""
    board = project_board(project_dir, options, progress)
    chosen = choose_method(board, options.method, needs_tool=not options.is_dry)
    built = build_project(
        project_dir, None, options.toolchain, options.prefer, tflm=options.tflm, link=options.link
    ).build
    base, size_bytes = image_range(built.elf, board)
    job = Job(board, built.elf, built.bin, built.hex, base, size_bytes, chosen.arguments, options.probe)
    if chosen.tool == UF2:
        commands, is_verified = flash_uf2(job, options, progress)
    else:
        commands, is_verified = flash_by_tool(method_of(chosen), job, options, progress)
    return Flashed(board.name, chosen.tool, commands, built.elf, size_bytes, options.is_dry, is_verified)


def project_board(project_dir: Path, options: FlashOptions, progress: Callable[[str], None]) -> Board:
    """The board that the project was converted for. Raises: UserError for another one."""
    firmware = project_dir / "firmware"
    name = load_project(firmware, Engine.NATIVE if options.tflm is None else Engine.TFLM).board
    if options.board is not None:
        board = load_board(options.board)
        if board.name != name:
            raise UserError(
                f"{project_dir} is for {name}, not for {board.name}", hint=f"convert the model for --board {board.name}"
            )
        return board
    found = converted_board(firmware, name)
    if found is None:
        raise UserError(
            f"{project_dir} is for the board {name}, which isn't one of sapmcu's",
            hint="--board FILE.toml names its file",
        )
    board, own = without_own_code(found)
    for method in own:
        progress(f"note: [flash.{method}] of the project runs a command of its own; give --board FILE.toml to have it")
    return board


def choose_method(board: Board, wanted: str | None, *, needs_tool: bool = True) -> FlashMethod:
    """The one that is wanted, else the board's first whose tool is there. Raises: UserError, ToolError.

    needs_tool: else the board's first where no tool is there.
    """
    known = [one for one in board.flash_methods if wanted in (None, one.tool)]
    if not known:
        names = ", ".join(one.tool for one in board.flash_methods) or "none"
        how = f"by {wanted}" if wanted else "at all"
        raise UserError(
            f"sapmcu doesn't know how to flash {board.name} {how}",
            hint=f"its board file has {names}; [flash.{wanted or 'NAME'}] there adds one",
        )
    chosen = known[0] if wanted else next((one for one in known if _is_ready(one)), None)
    if chosen is None and not needs_tool:
        chosen = known[0]
    if chosen is None:
        error = ToolError(f"no tool that flashes {board.name} is installed", hint=method_of(known[0]).tool.get)
        error.details = tuple(f"{tool.name}: {tool.get}" for tool in (method_of(one).tool for one in known))
        raise error
    keys = drive.KEYS if chosen.tool == UF2 else method_of(chosen).keys
    missing = [f"flash.{chosen.tool}.{key}" for key in keys if key not in chosen.arguments]
    if missing:
        raise UserError(f"the file of board {board.name} lacks {', '.join(missing)}", hint="CONTRIBUTING.md says more")
    return chosen


def _is_ready(method: FlashMethod) -> bool:
    return method.tool == UF2 or find_tool(method_of(method).tool) is not None


def flash_uf2(job: Job, options: FlashOptions, progress: Callable[[str], None]) -> tuple[tuple[str, ...], bool]:
    image = drive.write_uf2(job)
    if options.is_dry:
        return (shlex.join(("cp", str(image), _dry_place(job, progress))),), False
    place = drive.find_drive(job)
    progress(f"copying {image} to {place}")
    drive.copy_to_drive(image, place, options.limit_s)
    return (shlex.join(("cp", str(image), str(place))),), False


def _dry_place(job: Job, progress: Callable[[str], None]) -> str:
    """Where the drive is; a word for it where it can't be told, and the reason."""
    if job.probe is not None:
        return job.probe
    try:
        return str(drive.find_drive(job))
    except ToolError as error:
        progress(f"note: {error.message}; DRIVE stands for where it is mounted, --probe PATH names it")
        return "DRIVE"


def flash_by_tool(
    method: Method, job: Job, options: FlashOptions, progress: Callable[[str], None]
) -> tuple[tuple[str, ...], bool]:
    if options.is_dry:
        path = find_tool(method.tool) or Path(method.tool.name)
        steps = method.steps(job)
        _write_files(steps)
        if method.unnamed and job.probe is None:
            progress(f"note: {method.unnamed}; --probe names it")
        return tuple(shlex.join((str(path), *step.arguments)) for step in steps), False
    path = require_tool(method.tool)
    job = method.prepare(_with_probe(job, method, path))
    steps = method.steps(job)
    _write_files(steps)
    lines = []
    for step in steps:
        command = (str(path), *step.arguments)
        progress(shlex.join(command))
        lines.append(shlex.join(command))
        _run(command, step, method, job, options.limit_s)
    return tuple(lines), method.verifies


def _with_probe(job: Job, method: Method, path: Path) -> Job:
    """Name the probe where there is one; two are never a choice of the tool's. Raises: ToolError."""
    probes = method.list_probes(path)
    if probes is None:
        return job
    if job.probe is not None:
        fitting = [one for one in probes if one.id.lower().startswith(job.probe.lower())]
        if len(fitting) == 1:
            return replace(job, probe=fitting[0].id)
        raise _choice(failure(Kind.NO_PROBE, method.tool.name, job, method.tool.get), probes)
    if len(probes) > 1:
        raise _choice(failure(Kind.SEVERAL, method.tool.name, job, method.tool.get), probes)
    if not probes and method.lists_all:
        raise failure(Kind.NO_PROBE, method.tool.name, job, method.tool.get)
    return replace(job, probe=probes[0].id or None) if probes else job


def _choice(error: ToolError, probes: tuple[Probe, ...]) -> ToolError:
    error.details = tuple(f"{one.id or 'no serial number'}: {one.what}" for one in probes)
    return error


def _write_files(steps: tuple[Step, ...]) -> None:
    for step in steps:
        for path, text in step.files.items():
            write_files(path.parent, {path.name: text.encode()})
        if step.equal is not None:
            step.equal[1].unlink(missing_ok=True)


def _run(command: tuple[str, ...], step: Step, method: Method, job: Job, limit_s: float) -> None:
    done = run_command(command, limit_s)
    has_said = re.search(step.says, done.output) is not None
    if done.returncode != 0 or not has_said:
        raise explain(done, method.patterns, job, method.tool.get)
    if step.equal is not None:
        written, back = step.equal
        if not back.is_file() or back.read_bytes() != written.read_bytes():
            raise failure(Kind.NOT_VERIFIED, method.tool.name, job, method.tool.get, done)
