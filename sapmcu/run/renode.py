# SPDX-License-Identifier: Apache-2.0
"""Firmware in Renode, which the user has: the board with its UART; instructions by Renode's own counter."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO

from sapmcu.errors import ToolError, UserError
from sapmcu.ir.firmware import RENODE, FirmwareProject
from sapmcu.ir.run import Measurement
from sapmcu.run.process import LOG_BYTES
from sapmcu.run.protocol import Device
from sapmcu.run.renode_monitor import Monitor, monitor_path
from sapmcu.run.tcp import TcpStream, connect, free_port

NAME = RENODE
COMMAND = "renode"
VARIABLE = "SAPMCU_RENODE"
HINT = f"https://github.com/renode/renode has releases; put `{COMMAND}` on PATH or its path into {VARIABLE}"
MIN_VERSION = (1, 16, 0)
MIN_VERSION_OF_CORE = {"cortex-m55": (1, 16, 1)}
"""Source: Renode's CHANGELOG."""
START_TIMEOUT_S = 120.0
TIMEOUT_S = 300.0
VERSION_TIMEOUT_S = 60.0
END_TIMEOUT_S = 5.0
BEGIN, END = "sapmcu_begin_invoke", "sapmcu_end_invoke"
EMPTY_CALL_INSTRUCTIONS = 2
"""The device calls an empty function first, MOVS and BX: what lies around a call is what its count has more."""
COUNT_HOOK = "import sys; sys.sapmcu_counts.append(self.ExecutedInstructions)"
PRINT_COUNTS = "import sys; print('counts ' + ' '.join(map(str, sys.sapmcu_counts)))"
COUNTS = re.compile(r"^counts((?: \d+)*)$", re.MULTILINE)


class RenodeSession:
    """A running firmware. Close it, or use it as a context manager."""

    name = NAME

    def __init__(self, elf: Path, project: FirmwareProject, scripts: Path, timeout_s: float = TIMEOUT_S) -> None:
        """scripts: the project's renode/.

        Raises: ToolError where Renode is not there, too old, or refuses something; UserError where renode/ is missing.
        """
        script = scripts / f"{project.board}.resc"
        if not script.is_file():
            raise UserError(
                f"{script} is not there: Renode has no UART for {project.board}, or another sapmcu converted the model",
                hint="convert the model again, or use --emulator unicorn",
            )
        with ExitStack() as stack:
            process = _Process(find_renode(project.core))
            stack.callback(process.close)
            self._monitor = process.monitor()
            stack.callback(self._monitor.close)
            port = free_port()
            for line in _setup(elf, script, port):
                self._monitor.command(line)
            stream = process.device(port, timeout_s)
            stack.callback(stream.close)
            self._monitor.command("start")
            stream.read()  # the UART sends END when it is on
            self.device = Device(stream)
            self._open = stack.pop_all()

    def __enter__(self) -> RenodeSession:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End Renode."""
        self._monitor.quit(END_TIMEOUT_S)
        self._open.close()

    def measure(self) -> Measurement:
        """What the last invoke cost: instructions by Renode's counter, the stack by the device."""
        counters = self.device.read_counters()
        printed = COUNTS.search(self._monitor.command(f'python "{PRINT_COUNTS}"'))
        counts = [int(one) for one in printed[1].split()] if printed else []
        return Measurement(instructions=_instructions(counts, self.device.calls), stack_bytes=counters.stack_bytes)


def _setup(elf: Path, script: Path, port: int) -> Iterator[str]:
    """The commands from an empty Monitor to a machine that only has to be started."""
    from sapmcu.run.elf import load_program

    yield "logLevel 3"
    yield f"$bin={monitor_path(elf)}"
    yield f"$port={port}"
    yield f"include {monitor_path(script)}"
    yield "runMacro $serve"
    yield 'python "import sys; sys.sapmcu_counts = []"'
    symbols = load_program(elf).symbols
    for name in (BEGIN, END):
        if name in symbols:
            yield f'sysbus.cpu AddHook {symbols[name] & ~1:#x} "{COUNT_HOOK}"'


def _instructions(counts: list[int], calls: int) -> int | None:
    """counts: at the begin and end of each call since the start, the first of which is of an empty function.

    calls: the last ones, which are one invoke.
    """
    spans = [end - begin for begin, end in zip(counts[::2], counts[1::2], strict=False)]
    if len(spans) <= calls or calls == 0:
        return None
    return sum(spans[-calls:]) - calls * (spans[0] - EMPTY_CALL_INSTRUCTIONS)


def find_renode(core: str) -> str:
    """The command. Raises: ToolError where there is none, or one too old for the core."""
    named = os.environ.get(VARIABLE)
    command = shutil.which(named or COMMAND)
    if command is None:
        what = f"{VARIABLE} names {named}, which is no program" if named else "Renode is not installed"
        raise ToolError(what, hint=HINT)
    try:
        done = subprocess.run(
            [command, "--version"], capture_output=True, text=True, timeout=VERSION_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ToolError(f"{command} doesn't run: {error}", hint=HINT) from error
    found = re.search(r"Renode\D{0,12}(\d+)\.(\d+)\.(\d+)", done.stdout)
    if done.returncode != 0 or found is None:
        raise ToolError(
            f"{command} doesn't tell its version",
            hint=HINT,
            command=f"{command} --version",
            returncode=done.returncode,
            output=done.stdout + done.stderr,
        )
    version = tuple(map(int, found.groups()))
    needed = MIN_VERSION_OF_CORE.get(core, MIN_VERSION)
    if version < needed:
        has, needs = (".".join(map(str, one)) for one in (version, needed))
        raise ToolError(f"Renode {has} is too old: a {core} needs {needs} or newer", hint=HINT)
    return command


class _Process:
    """Renode without windows, in a process group of its own: `renode` may be a script around the program."""

    def __init__(self, command: str) -> None:
        self._port = free_port()
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  # lives as long as the process
        self._process = subprocess.Popen(
            [command, "--disable-gui", "--plain", "--port", str(self._port)],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
        )

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def monitor(self) -> Monitor:
        """Raises: ToolError."""
        connection = connect(self._port, START_TIMEOUT_S, self.is_alive)
        if connection is None:
            what = f"opened no Monitor in {START_TIMEOUT_S:g} s" if self.is_alive() else "ended when it started"
            raise ToolError(f"Renode {what}", output=self.console())
        return Monitor(connection, START_TIMEOUT_S)

    def device(self, port: int, timeout_s: float) -> TcpStream:
        """The stream of the UART. Raises: ToolError."""
        connection = connect(port, START_TIMEOUT_S, self.is_alive)
        if connection is None:
            raise ToolError(f"Renode opened no port {port} for the UART", output=self.console())
        return TcpStream(connection, timeout_s, self.console)

    def console(self) -> str:
        """The end of what Renode has logged."""
        size = self._log.seek(0, os.SEEK_END)
        self._log.seek(max(0, size - LOG_BYTES))
        return self._log.read().decode(errors="replace")

    def close(self) -> None:
        """End all of it."""
        for how in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, how)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(END_TIMEOUT_S)
        self._log.close()
