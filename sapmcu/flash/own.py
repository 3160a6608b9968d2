# SPDX-License-Identifier: Apache-2.0
"""A method that a board file describes by the command line of a tool that sapmcu doesn't know."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping

from sapmcu.boards.flash_methods import COMMAND_KEYS, PLACES
from sapmcu.errors import UserError
from sapmcu.flash.failures import Kind, Pattern
from sapmcu.flash.job import Job
from sapmcu.flash.method import Method, Step
from sapmcu.flash.tool import Tool

PATTERNS = (
    Pattern(r"LIBUSB_ERROR_ACCESS|access denied|insufficient permissions|permission denied", Kind.PERMISSION),
    Pattern(r"LIBUSB_ERROR_BUSY|resource busy|already (used|in use|opened)", Kind.BUSY),
    Pattern(r"no (debug )?probe|no .*probe.* found|probe not found", Kind.NO_PROBE),
)


def own_method(name: str, table: Mapping[str, str | int]) -> Method:
    """table: [flash.NAME] of a board file, which parse.py has checked."""
    texts = {key: str(table.get(key, "")) for key in COMMAND_KEYS}
    program, *_ = shlex.split(texts["command"])

    def steps(job: Job) -> tuple[Step, ...]:
        if job.probe and not texts["probe"]:
            raise UserError(
                f"[flash.{name}] of {job.board.name} doesn't say how its tool is told a probe",
                hint='probe = "--serial {probe}" there, and {probe} in its command',
            )
        _, *words = (filled for word in shlex.split(texts["command"]) for filled in _filled(word, texts["probe"], job))
        return (Step(tuple(words), says=texts["verified"]),)

    return Method(
        Tool(program, texts["get"] or f"[flash.{name}] of the board's file names it", version=()),
        ("command",),
        steps,
        PATTERNS,
        lambda _: None,
        verifies=bool(texts["verified"]),
    )


def _filled(word: str, probe: str, job: Job) -> list[str]:
    """The words that stand for one: `{probe}` for as many as tell the tool the probe, none where there is none."""
    if word == "{probe}":
        return [one.replace("{probe}", job.probe) for one in shlex.split(probe)] if job.probe else []
    values = {"elf": job.elf, "bin": job.bin, "hex": job.hex, "base": f"{job.base:#010x}", "size": job.size_bytes}
    assert set(values) | {"probe"} == set(PLACES)
    return [re.sub(r"\{(\w+)\}", lambda found: str(values[found[1]]), word)]
