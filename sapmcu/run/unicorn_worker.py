# SPDX-License-Identifier: Apache-2.0
"""The process that holds unicorn, since it may crash. Started by unicorn.py.

argv[1]: a JSON object with `elf`, `core`, `cpu`, `memory`, `native`, `wait_states` and `control`, the file descriptor
that gets a line of JSON for each invoke and for how it ended. Standard input and output are the device's stream.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sapmcu.ir.firmware import MemoryRegion
from sapmcu.run.cycles import BlockTimer
from sapmcu.run.elf import load_program
from sapmcu.run.timing import core_timings
from sapmcu.run.unicorn_machine import Machine


def write_all(file: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(file, left) :]


def main() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    request = json.loads(sys.argv[1])

    def tell(event: str, **facts: Any) -> None:
        write_all(request["control"], json.dumps({"event": event, **facts}).encode() + b"\n")

    timings = core_timings(request["core"])
    machine = Machine(
        load_program(Path(request["elf"])),
        request["cpu"],
        [MemoryRegion(**region) for region in request["memory"]],
        receive=lambda room: os.read(0, room),
        send=lambda data: write_all(1, data),
        console=lambda data: write_all(2, data),
        on_invoke=lambda measurement: tell("invoke", **asdict(measurement)),
        native=request["native"],
        timer=None if timings is None else BlockTimer(timings, request["wait_states"]),
    )
    machine.run()
    if machine.fault is not None:
        tell("fault", **asdict(machine.fault))
        sys.exit(1)
    tell("exit", code=machine.exit_code)


if __name__ == "__main__":
    main()
