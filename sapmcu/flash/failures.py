# SPDX-License-Identifier: Apache-2.0
"""What tools say when they fail -> one sentence and what to do."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sapmcu.boards.board import Board
from sapmcu.errors import ToolError
from sapmcu.flash.job import Job
from sapmcu.flash.tool import Done


class Kind(StrEnum):
    NO_PROBE = "no probe"
    SEVERAL = "several probes"
    PERMISSION = "permission"
    BUSY = "busy"
    NO_CHIP = "no chip"
    WRONG_CHIP = "wrong chip"
    LOCKED = "locked"
    NO_POWER = "no power"
    TOO_LARGE = "too large"
    NOT_VERIFIED = "not verified"
    TOO_OLD = "too old"
    NO_PACK = "no pack"


@dataclass(frozen=True, slots=True)
class Sentence:
    """Both with {tool}, {board}, {mcu}, {size}, {flash}, {unlock}, {get}, {target}, {probe} filled in."""

    message: str
    hint: str


SENTENCES: Mapping[Kind, Sentence] = {
    Kind.NO_PROBE: Sentence(
        "{tool} finds no probe{probe}",
        "connect the debugger of {board} by USB; on Linux the tool's udev rules let users reach it",
    ),
    Kind.SEVERAL: Sentence("{tool} finds several probes", "--probe ID says which one"),
    Kind.PERMISSION: Sentence(
        "you have no permission to use the probe", "install the udev rules of {tool}, then connect the board again"
    ),
    Kind.BUSY: Sentence(
        "another program uses the probe", "end it: a debugger, an IDE, another flash tool; then connect the board again"
    ),
    Kind.NO_CHIP: Sentence(
        "the probe finds no chip",
        "is the board powered, are its SWD jumpers set? hold its reset button while it starts",
    ),
    Kind.WRONG_CHIP: Sentence(
        "the chip at the probe is no {mcu}", "connect {board}, or --probe ID; convert for --board of the one you have"
    ),
    Kind.LOCKED: Sentence("the {mcu} is locked", "this unlocks it, and erases all its flash: {unlock}"),
    Kind.NO_POWER: Sentence("the chip has too little voltage to write flash", "power the board by its own connector"),
    Kind.TOO_LARGE: Sentence(
        "the image, {size} bytes, is larger than the flash of the chip", "is it {board}, with {flash} bytes of flash?"
    ),
    Kind.NOT_VERIFIED: Sentence(
        "what was read back differs from what was written", "flash again; if it stays so, try another cable or board"
    ),
    Kind.TOO_OLD: Sentence("this {tool} is too old for {mcu}", "{get}"),
    Kind.NO_PACK: Sentence("pyocd doesn't know {target} yet", "pyocd pack install {target}"),
}

UNLOCK = (
    ("STM32", "STM32_Programmer_CLI -c port=SWD mode=UR -rdu"),
    ("nRF", "nrfjprog --recover, or pyocd erase --chip -t {target}"),
)
"""By the beginning of the MCU's name. Sources: ST UM2237, STM32CubeProgrammer, -rdu; Nordic nRF Command Line Tools."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A regular expression that finds the failure in what a tool says."""

    regex: str
    kind: Kind


def explain(done: Done, patterns: Sequence[Pattern], job: Job, get: str) -> ToolError:
    """The error of a command that failed: the first pattern that fits, else its last lines."""
    tool = done.command[0].rsplit("/", 1)[-1]
    for pattern in patterns:
        if re.search(pattern.regex, done.output, re.IGNORECASE):
            return failure(pattern.kind, tool, job, get, done)
    return ToolError(
        f"{tool} failed", hint="the lines above are the tool's", command=done.line, returncode=done.returncode,
        output=done.output,
    )  # fmt: skip


def failure(kind: Kind, tool: str, job: Job, get: str, done: Done | None = None) -> ToolError:
    sentence, board = SENTENCES[kind], job.board
    words = {
        "tool": tool,
        "board": board.title,
        "mcu": board.mcu,
        "size": f"{job.size_bytes:,}",
        "flash": f"{board.flash_bytes:,}",
        "target": str(job.arguments.get("target", board.mcu.lower())),
        "probe": "" if job.probe is None else f" {job.probe}",
        "get": get,
    }
    words["unlock"] = _unlock(board).format(**words)
    return ToolError(
        sentence.message.format(**words),
        hint=sentence.hint.format(**words),
        command=None if done is None else done.line,
        returncode=None if done is None else done.returncode,
        output="" if done is None else done.output,
    )


def _unlock(board: Board) -> str:
    return next((how for start, how in UNLOCK if board.mcu.startswith(start)), "see the reference manual of {mcu}")
