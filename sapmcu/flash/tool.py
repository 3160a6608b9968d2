# SPDX-License-Identifier: Apache-2.0
"""Command line tools that write flash: found, asked for their version, run with a limit of time."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sapmcu.errors import ToolError

VERSION_S = 30.0
NUMBER = re.compile(r"(\d+)\.(\d+)(?:\.(\d+))?")


@dataclass(frozen=True, slots=True)
class Tool:
    """name: of the command. get: the command or place that installs it. least: the oldest version that will do.

    version: the arguments that print it.
    """

    name: str
    get: str
    least: tuple[int, ...] = ()
    version: tuple[str, ...] = ("--version",)


@dataclass(frozen=True, slots=True)
class Done:
    """A command that ran. output: both streams, as they came."""

    command: tuple[str, ...]
    returncode: int
    output: str

    @property
    def line(self) -> str:
        return shlex.join(self.command)


def find_tool(tool: Tool) -> Path | None:
    """On PATH, or beside the Python that runs sapmcu: where pip puts commands."""
    found = shutil.which(tool.name) or shutil.which(tool.name, path=str(Path(sys.executable).parent))
    return None if found is None else Path(found)


def require_tool(tool: Tool) -> Path:
    """Raises: ToolError where it is missing or too old."""
    path = find_tool(tool)
    if path is None:
        raise ToolError(f"{tool.name} is not installed", hint=tool.get)
    if tool.least:
        version = tool_version(tool, path)
        if version is not None and version < tool.least:
            raise ToolError(
                f"{path} is version {_dotted(version)}; sapmcu needs {_dotted(tool.least)} or newer", hint=tool.get
            )
    return path


def tool_version(tool: Tool, path: Path) -> tuple[int, ...] | None:
    """What it says; None where that is no number. Raises: ToolError where it doesn't start."""
    done = run_command((str(path), *tool.version), VERSION_S)
    found = NUMBER.search(done.output)
    return None if found is None else tuple(int(part) for part in found.groups() if part is not None)


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


def run_command(command: Sequence[str], limit_s: float) -> Done:
    """Run it to its end. Raises: ToolError where it doesn't start, or doesn't end in time."""
    environment = {**os.environ, "LC_ALL": "C", "NO_COLOR": "1"}
    line = shlex.join(command)
    try:
        done = subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=limit_s,
            check=False,
        )
    except OSError as error:
        raise ToolError(f"{command[0]} can't be started: {error.strerror}", command=line) from error
    except subprocess.TimeoutExpired as error:
        raise ToolError(
            f"{Path(command[0]).name} didn't end in {limit_s:g} s",
            hint="unplug the board and connect it again; --timeout gives it more time",
            command=line,
            output=(error.stdout or b"").decode(errors="replace"),
        ) from error
    return Done(tuple(command), done.returncode, done.stdout.decode(errors="replace"))
