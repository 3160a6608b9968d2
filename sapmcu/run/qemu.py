# SPDX-License-Identifier: Apache-2.0
"""Firmware in QEMU: a second opinion on another emulator, and the only one for Cortex-M55."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sapmcu.errors import ToolError, UserError
from sapmcu.ir.build import Link
from sapmcu.ir.firmware import QEMU, FirmwareProject, target_name
from sapmcu.ir.run import Measurement
from sapmcu.run.process import ProcessStream
from sapmcu.run.protocol import Device, DeviceError

NAME = QEMU
QEMU_COMMAND = "qemu-system-arm"
LINK_OPTIONS: Mapping[Link, tuple[str, ...]] = {
    Link.SEMIHOSTING: ("-serial", "none", "-semihosting-config", "enable=on,target=native"),
    Link.UART: ("-serial", "stdio"),
}
"""What standard input and output are. The first serial port is the UART that the board's file names."""
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


def start_qemu(
    elf: Path, project: FirmwareProject, link: Link = Link.SEMIHOSTING, *, timeout_s: float = TIMEOUT_S
) -> QemuSession:
    """Run a firmware that was built for the target of this link in QEMU.

    Raises: ToolError where QEMU is not installed, UserError where it has no machine for the board.
    """
    if shutil.which(QEMU_COMMAND) is None:
        raise ToolError(f"{QEMU_COMMAND} is not installed", hint="Debian, Ubuntu: apt install qemu-system-arm")
    target = target_name(QEMU, link)
    if target not in project.targets:
        raise UserError(f"QEMU has no machine for {project.board}", hint="use --emulator unicorn")
    machine = project.targets[target].machine
    command = (
        *(QEMU_COMMAND, "-machine", machine, "-display", "none", "-monitor", "none", "-no-reboot"),
        *("-icount", f"shift={ICOUNT_SHIFT}", *LINK_OPTIONS[link], "-kernel", str(elf)),
    )
    stream = ProcessStream(command, timeout_s)
    session = QemuSession(machine, Device(stream), stream)
    if link is Link.UART:
        _wait_until_it_listens(session, stream)
    return session


def _wait_until_it_listens(session: QemuSession, stream: ProcessStream) -> None:
    """A UART sends END when it is on; what is sent to it before is lost."""
    try:
        stream.read()
    except DeviceError:
        session.close()
        raise
