# SPDX-License-Identifier: Apache-2.0
"""Firmware in QEMU: a second opinion on another emulator, and the only one for Cortex-M55."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from sapmcu.errors import ToolError, UserError
from sapmcu.ir.firmware import FirmwareProject
from sapmcu.ir.run import Measurement
from sapmcu.run.process import ProcessStream
from sapmcu.run.protocol import Device

NAME = "qemu"
QEMU = "qemu-system-arm"
TIMEOUT_S = 300.0
ICOUNT_SHIFT = 8
"""One instruction takes 2^8 ns of the machine's time: several ticks of its counter, so that rounding loses none."""
COUNTER_HZ = {"mps2-an385": 25e6, "mps2-an386": 25e6, "mps2-an500": 25e6, "mps2-an505": 20e6, "mps3-an547": 32e6}
"""Of the cycle-up counter. Source: QEMU 7.2, hw/arm/mps2.c and mps2-tz.c, `prescale-clk`."""
EMPTY_CALL_INSTRUCTIONS = 2
"""The device takes an empty function's cost off its count: MOVS and BX, which a call of a model has no less of."""


@dataclass(frozen=True, slots=True)
class QemuSession:
    """A running firmware. Close it, or use it as a context manager."""

    machine: str
    device: Device
    _stream: ProcessStream

    name = NAME
    target = "qemu"

    def __enter__(self) -> QemuSession:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the process."""
        self._stream.close()

    def measure(self) -> Measurement:
        """What the last invoke cost, by the device's own counters."""
        counters = self.device.read_counters()
        hz = COUNTER_HZ.get(self.machine)
        instructions = None
        if counters.ticks is not None and hz is not None:
            instructions = round(counters.ticks * 1e9 / hz / (1 << ICOUNT_SHIFT)) + EMPTY_CALL_INSTRUCTIONS
        return Measurement(instructions=instructions, stack_bytes=counters.stack_bytes)


def start_qemu(elf: Path, project: FirmwareProject, *, timeout_s: float = TIMEOUT_S) -> QemuSession:
    """Run a firmware that was built for target `qemu`.

    Raises: ToolError where QEMU is not installed, UserError where it has no machine for the board.
    """
    if shutil.which(QEMU) is None:
        raise ToolError(f"{QEMU} is not installed", hint="Debian, Ubuntu: apt install qemu-system-arm")
    if QemuSession.target not in project.targets:
        raise UserError(f"QEMU has no machine for {project.board}", hint="use --emulator unicorn")
    machine = project.targets[QemuSession.target].machine
    command = (
        *(QEMU, "-machine", machine, "-display", "none", "-monitor", "none", "-serial", "none"),
        *("-icount", f"shift={ICOUNT_SHIFT}"),
        *("-semihosting-config", "enable=on,target=native", "-kernel", str(elf)),
    )
    stream = ProcessStream(command, timeout_s)
    return QemuSession(machine, Device(stream), stream)
