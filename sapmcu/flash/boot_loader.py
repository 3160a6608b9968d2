# SPDX-License-Identifier: Apache-2.0
"""Boards whose serial port starts their boot loader when it is opened at a certain baud rate."""

from __future__ import annotations

import time
from dataclasses import replace

from sapmcu.errors import ToolError
from sapmcu.flash.job import Job
from sapmcu.run.serial_port import SerialStream, only_port, serial_ports

LIMIT_S = 10.0
POLL_S = 0.2


def start_boot_loader(job: Job) -> Job:
    """Touch the board's port, which --probe may name; the job with the boot loader's port, often another one.

    Raises: ToolError.
    """
    port = job.probe or only_port()
    before = {one.device for one in serial_ports()}
    SerialStream(port, job.number("baud", 1200)).close()
    end = time.monotonic() + LIMIT_S
    while time.monotonic() < end:
        time.sleep(POLL_S)
        now = {one.device for one in serial_ports()}
        if new := sorted(now - before):
            return replace(job, probe=new[0])
        before &= now  # the old port goes first, and may come back
    if port in {one.device for one in serial_ports()}:
        return replace(job, probe=port)  # the boot loader was there already
    raise ToolError(
        f"the boot loader of {job.board.title} doesn't show up", hint="press the reset button twice, then flash again"
    )
