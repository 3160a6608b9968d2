# SPDX-License-Identifier: Apache-2.0
"""A serial port as the stream of a device, by pyserial; each way that it can fail is a sentence."""

from __future__ import annotations

import errno
import os
import sys
import time
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sapmcu.errors import ToolError
from sapmcu.run.protocol import DeviceError, LineError

if TYPE_CHECKING:
    from serial.tools.list_ports_common import ListPortInfo

WRITE_S = 10.0
"""What the driver may take to get rid of a request: 4 KB at 9,600 baud take 5 s."""
READ_S = 5.0
IN_USE = (errno.EBUSY, errno.EAGAIN, errno.EWOULDBLOCK)
GONE = (errno.EIO, errno.ENXIO, errno.ENODEV, errno.EBADF, errno.ENOENT)


class SerialStream:
    """An open port, 8N1 without flow control, for this process alone. Close it, or use it as a context manager."""

    def __init__(self, port: str, baud: int) -> None:
        """Raises: ToolError, which says what is wrong with the port."""
        require_pyserial()
        import serial

        self.port, self.baud = port, baud
        try:
            self._serial = serial.Serial(port, baud, timeout=READ_S, write_timeout=WRITE_S, exclusive=True)
        except Exception as error:  # OSError, ValueError, termios.error: pyserial passes on whatever comes
            raise _why_not(port, baud, error) from error

    def __enter__(self) -> SerialStream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def write(self, data: bytes) -> None:
        """Send all of it."""
        import serial

        try:
            self._serial.write(data)
        except serial.SerialTimeoutException:
            raise LineError(f"{self.port} took no bytes for {WRITE_S:g} s") from None
        except Exception as error:
            raise self._lost(error) from error

    def read(self, timeout_s: float | None = None) -> bytes:
        """What has arrived, one byte or more."""
        limit_s = READ_S if timeout_s is None else timeout_s
        try:
            self._serial.timeout = limit_s
            data: bytes = self._serial.read(1)
            if data:
                data += self._serial.read(self._serial.in_waiting)
        except Exception as error:
            raise self._lost(error) from error
        if not data:
            raise LineError(f"nothing came from {self.port} in {limit_s:.3g} s")
        return data

    def drain(self, quiet_s: float, limit_s: float) -> bytes:
        """Read until nothing comes for quiet_s, or for limit_s; what came. Raises: DeviceError."""
        end, found = time.monotonic() + limit_s, b""
        with suppress(LineError):
            while time.monotonic() < end:
                found += self.read(quiet_s)
        return found

    def close(self) -> None:
        """A port that is gone is closed, too."""
        with suppress(Exception):
            self._serial.close()

    def _lost(self, error: Exception) -> DeviceError:
        """pyserial's words for a device that is gone differ from system to system; the port's file tells."""
        lost = DeviceError(f"{self.port} is gone: the board was unplugged, or lost power, in mid-transfer")
        lost.hint = "connect it and run again; a cable or hub that loses contact does the same"
        number = _number(error)
        if number is not None and number not in GONE and Path(self.port).exists():
            lost = DeviceError(f"{self.port} failed: {os.strerror(number)}")
        return lost


def require_pyserial() -> None:
    """Raises: ToolError where it isn't installed."""
    if find_spec("serial") is None:
        raise ToolError("the package pyserial is not installed", hint="pip install 'sapmcu[serial]'")


def serial_ports() -> tuple[ListPortInfo, ...]:
    """The ports of this computer that something is connected to, by name. Raises: ToolError."""
    require_pyserial()
    from serial.tools.list_ports import comports

    return tuple(sorted(one for one in comports() if one.hwid != "n/a"))


def describe_ports() -> tuple[str, ...]:
    """One line each: "/dev/ttyACM0: STM32 STLink, serial number 066DFF"."""
    lines = []
    for one in serial_ports():
        number = f", serial number {one.serial_number}" if one.serial_number else ""
        lines.append(f"{one.device}: {one.description}{number}")
    return tuple(lines)


def only_port() -> str:
    """The port of the one thing that is connected. Raises: ToolError where there are none or more."""
    found = serial_ports()
    if len(found) == 1:
        name: str = found[0].device
        return name
    error = ToolError(
        f"{len(found)} serial ports are there" if found else "no serial port is there",
        hint="--port says which one" if found else "connect the board by USB",
    )
    error.details = describe_ports()
    raise error


def _why_not(port: str, baud: int, error: Exception) -> ToolError:
    """Why a port didn't open, and what to do."""
    number, text = _number(error), str(error)
    path = Path(port)
    if isinstance(error, OverflowError):
        return ToolError(f"no serial port takes {baud:,} baud", hint="--baud says another rate, most times 115200")
    if number in (errno.ENOENT, errno.ENODEV, errno.ENXIO) or "FileNotFoundError" in text:
        there = describe_ports()
        hint = "the ports above are there; --port takes one" if there else "no port is there; connect the board by USB"
        missing = ToolError(f"there is no port {port}", hint=hint)
        missing.details = there
        return missing
    if number in (errno.EACCES, errno.EPERM):
        return ToolError(f"you have no permission to use {port}", hint=group_hint(path))
    if number in IN_USE or "PermissionError" in text:  # Windows says so of a port that another program has
        users = port_users(port)
        by = f" by {' and '.join(users)}" if users else " by another program"
        return ToolError(f"{port} is in use{by}", hint="end it: a serial monitor, a debugger's console, ModemManager")
    if number in (errno.ENOTTY, errno.EINVAL, errno.EISDIR) or type(error).__module__ == "termios":
        return ToolError(
            f"{port} is no serial port that takes {baud:,} baud",
            hint="--port takes one as /dev/ttyACM0, --baud its rate",
        )
    return ToolError(f"{port} can't be opened: {os.strerror(number) if number else text}", hint="--port says which one")


def _number(error: Exception) -> int | None:
    """The system's error number in what pyserial raises, which may hide it in another exception or in no attribute."""
    seen: BaseException | None = error
    while seen is not None:
        first: Any = getattr(seen, "errno", None) or (seen.args[0] if seen.args else None)
        if isinstance(first, int):
            return first
        seen = seen.__context__
    return None


def group_hint(path: Path) -> str:
    """The group that a Linux host lets use the port: Debian's dialout, Arch's uucp."""
    if sys.platform == "win32":
        return "ask who administers this computer"
    import grp

    try:
        group = grp.getgrgid(path.stat().st_gid).gr_name
    except (OSError, KeyError):
        group = "dialout"
    if group == "root":
        group = "dialout"
    return f"join the group {group}: sudo usermod -aG {group} $USER; then log in again"


def port_users(port: str) -> tuple[str, ...]:
    """Programs that have the port open, as far as Linux tells this user: "minicom (process 123)"."""
    found = []
    real = os.path.realpath(port)
    for entry in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if os.path.realpath(entry) == real and (process := entry.parts[2]) != str(os.getpid()):
                name = Path("/proc", process, "comm").read_text().strip()
                found.append(f"{name} (process {process})")
        except OSError:
            continue  # it has ended, or it is another user's
    return tuple(dict.fromkeys(found))
