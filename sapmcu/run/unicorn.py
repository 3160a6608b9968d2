# SPDX-License-Identifier: Apache-2.0
"""Firmware in unicorn: the board's own memory map, exact instruction counts, faults with their place in the source."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

from sapmcu.errors import ToolError, UserError
from sapmcu.ir.build import Link
from sapmcu.ir.firmware import FirmwareProject, target_name
from sapmcu.ir.run import FunctionCost, Measurement
from sapmcu.run.process import ProcessStream
from sapmcu.run.protocol import Device, DeviceError
from sapmcu.run.timing import core_timings, timing_source

NAME = "unicorn"
TIMEOUT_S = 300.0
READ_BYTES = 1 << 16
PACKAGES = ("unicorn", "capstone")


class UnicornSession:
    """A running firmware. Close it, or use it as a context manager."""

    name = NAME

    def __init__(
        self,
        elf: Path,
        project: FirmwareProject,
        *,
        wait_states: int = 0,
        native: bool | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        """native: whether instructions are counted by machine code; None: where this host can. wait_states: of flash.

        Raises: ToolError where unicorn is not installed, UserError where it lacks the core.
        """
        for package in PACKAGES:
            if find_spec(package) is None:
                raise ToolError(f"the package {package} is not installed", hint="pip install 'sapmcu[emulator]'")
        if project.unicorn_cpu is None:
            raise UserError(f"unicorn has no {project.core}", hint="use --emulator qemu")
        self._elf = elf
        timings = core_timings(project.core)
        self._timing = None if timings is None else timing_source(timings, wait_states)
        self._rest = b""
        self._last = Measurement()
        # A file, not a pipe: nobody reads while a test runs vector after vector, and a full pipe stops its writer.
        self._events_file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  # lives as long as the process
        self._read_bytes = 0
        request = {
            "elf": str(elf),
            "core": project.core,
            "cpu": project.unicorn_cpu,
            "memory": [asdict(region) for region in project.targets[target_name(NAME, Link.SEMIHOSTING)].memory],
            "native": native,
            "wait_states": wait_states,
            "control": self._events_file.fileno(),
        }
        command = (sys.executable, "-P", "-m", "sapmcu.run.unicorn_worker", json.dumps(request))
        self._stream = _Stream(self, command, timeout_s, (self._events_file.fileno(),))
        self.device = Device(self._stream)

    def __enter__(self) -> UnicornSession:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the process."""
        self._stream.close()
        self._events_file.close()

    def measure(self) -> Measurement:
        """What the last invoke cost. The device has answered it, so that its event is in the file already."""
        invokes = [event for event in self._events() if event.pop("event") == "invoke"]
        if invokes:
            facts = invokes[-1]
            for key in ("instructions_by_op", "estimated_cycles_by_op"):
                facts[key] = None if facts[key] is None else tuple(facts[key])
            facts["profile"] = tuple(FunctionCost(**cost) for cost in facts["profile"])
            self._last = Measurement(**{**facts, "timing": self._timing})
        return self._last

    def _events(self) -> list[dict[str, Any]]:
        """What the process has told since the last call."""
        while data := os.pread(self._events_file.fileno(), READ_BYTES, self._read_bytes):
            self._rest += data
            self._read_bytes += len(data)
        *lines, self._rest = self._rest.split(b"\n")
        return [json.loads(line) for line in lines]

    def explain(self, error: DeviceError) -> DeviceError:
        """The fault that ended the process, if one did."""
        for event in self._events():
            if event["event"] == "fault":
                return DeviceError(
                    _sentence(event), output="\n".join(filter(None, (*self._place(event), self._stream.console())))
                )
        return error

    def _place(self, event: dict[str, Any]) -> list[str]:
        from sapmcu.run.elf import load_program, source_line

        program = load_program(self._elf)
        lines = []
        for what, address in (("at", event["pc"]), ("called from", (event["lr"] & ~1) - 2)):
            if (function := program.function_at(address & ~1)) is not None:
                line = source_line(self._elf, address & ~1)
                lines.append(f"{what} {function.name} ({line or 'no line known'}), pc {address & ~1:#010x}")
        return lines


def _sentence(event: dict[str, Any]) -> str:
    address = "" if event["address"] is None else f" at {event['address']:#010x}"
    return f"the firmware faulted: {event['what']}{address}"


class _Stream(ProcessStream):
    """Where the process ends, says by which fault."""

    def __init__(
        self, session: UnicornSession, command: tuple[str, ...], timeout_s: float, pass_fds: tuple[int, ...]
    ) -> None:
        super().__init__(command, timeout_s, pass_fds)
        self._session = session

    def _failure(self, what: str) -> DeviceError:
        error = super()._failure(what)
        return self._session.explain(error) if what == "ended" else error
