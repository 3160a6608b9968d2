# SPDX-License-Identifier: Apache-2.0
"""A way to write flash: a tool, the commands for a job, what must come of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sapmcu.flash.failures import Pattern
from sapmcu.flash.job import Job
from sapmcu.flash.tool import Tool


@dataclass(frozen=True, slots=True)
class Probe:
    """Something that a board is connected by. id: what --probe takes."""

    id: str
    what: str


@dataclass(frozen=True, slots=True)
class Step:
    """One command, its program left out. says: a regular expression in the output without which it has failed.

    tool: the program, where it is another than the method's. files: to write before. equal: two files that are
    to be equal after.
    """

    arguments: tuple[str, ...]
    says: str = ""
    files: Mapping[Path, str] = field(default_factory=dict)
    equal: tuple[Path, Path] | None = None


def _as_it_is(job: Job) -> Job:
    return job


@dataclass(frozen=True, slots=True)
class Method:
    """keys: what the board file's table must have. list_probes: those that are connected; None: nobody can tell.
    lists_all: where it lists none, there is none.

    verifies: whether what was written is read back. prepare: what to do to the board before, which may move its probe.
    unnamed: what a word in the commands stands for where no probe is named and nobody has looked for one.
    """

    tool: Tool
    keys: tuple[str, ...]
    steps: Callable[[Job], tuple[Step, ...]]
    patterns: tuple[Pattern, ...]
    list_probes: Callable[[Path], tuple[Probe, ...] | None]
    verifies: bool = True
    lists_all: bool = False
    prepare: Callable[[Job], Job] = _as_it_is
    unnamed: str = ""
