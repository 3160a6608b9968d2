# SPDX-License-Identifier: Apache-2.0
"""A board at a serial port: the same vectors as in an emulator, over a line that may lose and damage what it carries.

Each request and reply has a CRC, so that damage is seen. What isn't seen is what a damaged or lost request has done:
a write goes to the arena as it arrives. So after an error of the line a vector is begun again from its first input, and
its outputs count only where the device's own count of runs has grown by exactly one: a board that started again in
between, or got a request twice, gives itself away.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sapmcu.errors import ToolError
from sapmcu.ir.run import Counters, Fault, Identity
from sapmcu.ir.vectors import Vector
from sapmcu.run.protocol import END, Device, LineError, Patience
from sapmcu.run.serial_port import SerialStream, port_users
from sapmcu.run.session import invoke

REPLY_S = 1.0
"""Beside the line: what a device that doesn't run its model may take, and USB with it."""
RUN_S = 60.0
ATTEMPTS = 4
"""Of a vector."""
GREETINGS = 3
QUIET_S = 0.1
DRAIN_S = 1.0
BITS_PER_BYTE = 10
"""8N1."""
FAILED_HINT = "`sapmcu test DIR --emulator qemu` says where, if it fails there, too"
EXCEPTIONS = {2: "NMI", 3: "HardFault", 4: "MemManage", 5: "BusFault", 6: "UsageFault", 7: "SecureFault"}
"""Source: Armv8-M Architecture Reference Manual (DDI 0553), exception numbers."""
SHORTEST_TEXT = 4
"""What is shorter may be garbage that happens to be letters."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What the project says that its firmware is: sha256 of the model, and the board."""

    sha256: str
    board: str


class BoardSession:
    """A firmware that answers at a serial port. Close it, or use it as a context manager."""

    def __init__(
        self,
        port: str,
        baud: int,
        expected: Expected,
        *,
        run_s: float = RUN_S,
        place: Callable[[Fault], tuple[str, ...]] = lambda _: (),
    ) -> None:
        """run_s: how long a run of the model may take. place: where in the source a fault was. Raises: ToolError."""
        self._stream = SerialStream(port, baud)
        self._expected = expected
        self._place = place
        patience = Patience(REPLY_S, run_s, baud / BITS_PER_BYTE)
        self.device = Device(self._stream, tries=1, patience=patience)
        try:
            self.identity = self._greet()
            check_identity(self.identity, expected, port)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> BoardSession:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the port back."""
        self._stream.close()

    def invoke(self, vector: Vector) -> tuple[tuple[bytes, ...], Counters]:
        """The outputs of one run that nothing disturbed, and its counters.

        Raises: DeviceError for what the device refuses, ToolError where the port is gone or the line too bad.
        """
        problems = []
        for _ in range(ATTEMPTS):
            try:
                return self._invoke_once(vector)
            except LineError as error:
                problems.append(error)
                self._recover(error)
        failed = ToolError(
            f"the line of {self._stream.port} is too bad: {ATTEMPTS} attempts at a run failed",
            hint="try a shorter cable, another USB port, a lower baud rate in the board's file; end programs that read "
            "the same port",
        )
        failed.details = (*dict.fromkeys(error.message for error in problems), *self._others())
        raise failed

    def _invoke_once(self, vector: Vector) -> tuple[tuple[bytes, ...], Counters]:
        """Raises: LineError also where the device counted more or fewer runs than were asked for."""
        before, strays = self.device.read_counters().runs, self.device.stray_replies
        if before == 0:
            # After a start the count is 0 or 1 as after this run: a start in the middle of the first would go unseen.
            invoke(self.device, self.identity, vector)
            before = 1
        outputs = invoke(self.device, self.identity, vector)
        counters = self.device.read_counters()
        if counters.runs != before + 1:
            raise LineError(f"the board started again or ran twice: it counts {counters.runs} runs, not {before + 1}")
        if self.device.stray_replies != strays:
            raise LineError("a request reached the board twice")
        return outputs, counters

    def _recover(self, error: LineError) -> None:
        """End what frame there may be, forget what comes late, and make sure who answers."""
        self._stream.write(bytes([END]))
        self._stream.drain(QUIET_S, DRAIN_S)
        self.device.forget()
        try:
            again = self._greet()
        except LineError as silence:
            error.details += silence.details
            error.hint = "--timeout gives a run more time; the board's reset button ends one that hangs"
            raise error from None
        if again != self.identity:
            check_identity(again, self._expected, self._stream.port)
        if error.details and self.device.read_counters().runs == 0:
            raise self._failed(error)

    def _failed(self, error: LineError) -> ToolError:
        """The firmware has printed something and started again; it may know why."""
        state = self.device.read_board()
        fault = None if state is None else state.fault
        what = "" if fault is None else f", by {EXCEPTIONS.get(fault.exception, f'exception {fault.exception}')}"
        failed = ToolError(f"the firmware at {self._stream.port} failed and started again{what}", hint=FAILED_HINT)
        failed.details = (*error.details, *(() if fault is None else self._place(fault)))
        return failed

    def _greet(self) -> Identity:
        """Raises: LineError, which says what came instead of an identity."""
        heard = b""
        for _ in range(GREETINGS):
            try:
                return self.device.identify()
            except LineError:
                heard += self._stream.drain(QUIET_S, DRAIN_S)
        raise self._silence(heard)

    def _others(self) -> tuple[str, ...]:
        """Programs that have opened the port without a lock: they read what is meant for this one."""
        return tuple(f"{user} has {self._stream.port} open, too: end it" for user in port_users(self._stream.port))

    def _silence(self, drained: bytes) -> LineError:
        """Nothing, text, or garbage came: each has its own cause."""
        port, baud = self._stream.port, self._stream.baud
        has_heard, lines = self.device.heard()
        text = tuple(line for line in lines if line.isascii() and len(line) >= SHORTEST_TEXT)
        if not (has_heard or drained or lines):
            error = LineError(f"nothing answers at {port}")
            error.details = self._others()
            error.hint = (
                "`sapmcu flash DIR` writes the firmware, the reset button starts it; is it the board's own port, are "
                f"TX and RX crossed, does the board take {baud:,} baud (--baud)?"
            )
            return error
        error = LineError(f"what comes from {port} at {baud:,} baud is no reply")
        error.details = (*text, *self._others())
        other = "" if text else "another baud rate (--baud), or "
        error.hint = f"{other}another firmware: `sapmcu flash DIR` writes this one"
        return error


def check_identity(identity: Identity, expected: Expected, port: str) -> None:
    """Raises: ToolError where another firmware answers than the project's."""
    hint = "`sapmcu flash DIR` writes the project's firmware"
    if identity.sha256 != expected.sha256:
        error = ToolError(f"the firmware at {port} is of another model: {identity.model}", hint=hint)
        error.details = (f"on the board {identity.sha256}", f"in the project {expected.sha256}")
        raise error
    if identity.board not in ("", expected.board):
        raise ToolError(f"the firmware at {port} is for {identity.board}, the project for {expected.board}", hint=hint)
