# SPDX-License-Identifier: Apache-2.0
"""Vectors through a built firmware in an emulator."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sapmcu.errors import UserError
from sapmcu.ir.build import Build, Link
from sapmcu.ir.firmware import FirmwareProject, target_name
from sapmcu.ir.run import Difference, Identity, Measurement, Run, TestRun, VectorResult
from sapmcu.ir.vectors import Vector
from sapmcu.run import qemu, renode, unicorn
from sapmcu.run.protocol import Device

EMULATORS = (unicorn.NAME, qemu.NAME, renode.NAME)
Session = unicorn.UnicornSession | qemu.QemuSession | renode.RenodeSession


@dataclass(frozen=True, slots=True)
class Firmware:
    """What is run: a build for the target that its emulator takes."""

    project: FirmwareProject
    build: Build

    @property
    def directory(self) -> Path:
        """What `sapmcu convert` wrote: the ELF file lies in build/NAME/ of it."""
        return self.build.elf.parents[2]


def target_of(emulator: str, link: Link = Link.SEMIHOSTING) -> str:
    """The target that a firmware for this emulator is built for. Raises: UserError."""
    if emulator == unicorn.NAME and link is Link.UART:
        raise UserError("unicorn models no UART", hint="use --emulator qemu, or --link semihosting")
    if emulator == renode.NAME and link is Link.SEMIHOSTING:
        raise UserError("in Renode the host reaches the firmware through its UART", hint="use --link uart")
    return target_name(emulator, link)


def default_link(emulator: str) -> Link:
    """How the host reaches a firmware in this emulator unless the user says otherwise."""
    return Link.UART if emulator == renode.NAME else Link.SEMIHOSTING


@contextmanager
def start(firmware: Firmware, emulator: str, wait_states: int = 0) -> Iterator[Session]:
    """A running firmware. wait_states: of flash, for estimates of cycles. Raises: UserError, ToolError."""
    if emulator == unicorn.NAME:
        session: Session = unicorn.UnicornSession(firmware.build.elf, firmware.project, wait_states=wait_states)
    elif emulator == renode.NAME:
        session = renode.RenodeSession(firmware.build.elf, firmware.project, firmware.directory / "renode")
    else:
        link = firmware.project.targets[firmware.build.target].link
        session = qemu.start_qemu(firmware.build.elf, firmware.project, link)
    with session:
        yield session


def run_vectors(
    firmware: Firmware, emulator: str, vectors: Sequence[Vector], *, compare: bool = True, wait_states: int = 0
) -> Run:
    """Run the inputs of each vector; compare: whether the outputs are expected to be those of the vector.

    Raises: UserError, ToolError.
    """
    with start(firmware, emulator, wait_states) as session:
        identity = session.device.identify()
        check_inputs(identity, vectors)
        outputs = tuple(invoke(session.device, identity, vector) for vector in vectors)
        measurement = session.measure() if vectors else Measurement()
    sizes = firmware.build.sizes
    return Run(
        emulator=emulator,
        identity=identity,
        outputs=outputs,
        outputs_equal=all(got == one.outputs for got, one in zip(outputs, vectors, strict=True)) if compare else None,
        measurement=measurement,
        code_bytes=sizes.code_bytes,
        model_bytes=sizes.model_bytes,
        arena_bytes=identity.arena_bytes,
        stack_bytes=measurement.stack_bytes or 0,
        static_bytes=sizes.data_bytes + sizes.bss_bytes,
    )


def test_vectors(firmware: Firmware, emulator: str, vectors: Sequence[Vector]) -> TestRun:
    """Run all vectors and compare every byte. Raises: UserError, ToolError."""
    results = []
    with start(firmware, emulator) as session:
        identity = session.device.identify()
        check_inputs(identity, vectors)
        for number, vector in enumerate(vectors):
            begin = time.monotonic()
            got = invoke(session.device, identity, vector)
            results.append(VectorResult(number, time.monotonic() - begin, first_difference(number, vector, got)))
    return TestRun(emulator, identity, tuple(results))


test_vectors.__test__ = False  # type: ignore[attr-defined]  # not a test of pytest's


def invoke(device: Device, identity: Identity, vector: Vector) -> tuple[bytes, ...]:
    """Inputs in, one run, outputs out: those that go by rows came during the run."""
    if device.takes_rows():
        device.run_by_rows(vector.inputs)
    else:
        for index, data in enumerate(vector.inputs):
            device.write_input(index, data)
        device.run()
    given = device.given_rows()
    return tuple(
        given[index] if index in given else device.read_output(index, length)
        for index, length in enumerate(identity.output_bytes)
    )


def first_difference(number: int, vector: Vector, got: Sequence[bytes]) -> Difference | None:
    """The first byte of the first output that isn't as expected."""
    for output, (want, have) in enumerate(zip(vector.outputs, got, strict=True)):
        for index, (expected, actual) in enumerate(zip(want, have, strict=True)):
            if expected != actual:
                return Difference(number, output, index, expected, actual)
    return None


def check_inputs(identity: Identity, vectors: Sequence[Vector]) -> None:
    """A user's own input may have any size."""
    for vector in vectors:
        sizes = tuple(map(len, vector.inputs))
        if sizes != identity.input_bytes:
            raise UserError(
                f"the inputs have {list(sizes)} bytes; {identity.model} takes {list(identity.input_bytes)}",
                hint="one array per input, in the model's type and shape",
            )
