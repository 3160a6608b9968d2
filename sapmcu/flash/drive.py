# SPDX-License-Identifier: Apache-2.0
"""A board whose boot loader shows itself as a USB drive: found, checked, given a UF2 file."""

from __future__ import annotations

import os
import string
import sys
import time
from contextlib import suppress
from pathlib import Path

from sapmcu.boards.board import Board
from sapmcu.build.image import image_parts
from sapmcu.emit.directory import write_files
from sapmcu.errors import ToolError, UserError
from sapmcu.flash.job import Job
from sapmcu.flash.uf2 import FAMILIES, uf2

INFO = "INFO_UF2.TXT"
MOUNTS = Path("/proc/mounts")
LABELS = Path("/dev/disk/by-label")
POLL_S = 0.1
KEYS = ("family_id", "volume")
STARTS_AT_ROM = (FAMILIES["RP2040"], FAMILIES["RP2350"])
"""Families whose ROM starts what lies at the very beginning of flash."""


def write_uf2(job: Job) -> Path:
    """The image as firmware.uf2 beside the ELF file. Raises: UserError where the chip wouldn't start it."""
    family, flash = int(job.arguments["family_id"]), job.board.region(job.board.defaults.code)
    if family in STARTS_AT_ROM and job.base != flash.base:
        raise UserError(
            f"the image begins at {job.base:#010x}; the {job.board.mcu} starts what is at {flash.base:#010x}",
            hint="convert again with a sapmcu that knows this chip's boot code",
        )
    path = job.elf.with_suffix(".uf2")
    write_files(path.parent, {path.name: uf2(image_parts(job.elf), family)})
    return path


def find_drive(job: Job) -> Path:
    """Where the board's drive is: --probe, or the one whose INFO_UF2.TXT names the board. Raises: ToolError."""
    volume = job.text("volume")
    if job.probe is not None:
        drive = Path(job.probe)
        check_drive(drive, job.board, volume)
        return drive
    drives = [place for place in mount_points() if (place / INFO).is_file()]
    found = [drive for drive in drives if _board_id(drive).startswith(volume)]
    if len(found) > 1:
        raise _error(f"{len(found)} drives {volume} are there", "--probe PATH says which one", found)
    if found:
        return found[0]
    if drives:
        raise _error(f"no drive is of {job.board.title}", f"connect {job.board.title}; those above are others", drives)
    raise ToolError(f"there is no drive {volume}", hint=_mount_hint(volume))


def check_drive(drive: Path, board: Board, volume: str) -> None:
    """Raises: ToolError where it is none of this board's boot loader."""
    if not (drive / INFO).is_file():
        raise ToolError(
            f"{drive} is no drive of a boot loader: it has no {INFO}", hint="--probe PATH takes the mounted drive"
        )
    board_id = _board_id(drive)
    if not board_id.startswith(volume):
        raise ToolError(
            f"the board at {drive} is {board_id or 'of an unknown kind'}, not {board.title}",
            hint="connect the other one; or convert for this one",
        )


def copy_to_drive(image: Path, drive: Path, limit_s: float) -> None:
    """Write the file; the board takes the blocks and starts, and its drive goes. Raises: ToolError.

    The ROM counts the blocks and starts only when it has all of them: that is the check that this method has.
    """
    try:
        with (drive / image.name).open("wb") as file:
            file.write(image.read_bytes())
            file.flush()
            with suppress(OSError):  # it may be gone as soon as the last block has arrived
                os.fsync(file.fileno())
    except OSError as error:
        if (drive / INFO).is_file():
            raise ToolError(
                f"{drive} can't be written: {error.strerror}", hint="is it mounted for you, and not read-only?"
            ) from error
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        if not (drive / INFO).exists():
            return
        time.sleep(POLL_S)
    raise ToolError(
        f"the board hasn't started: its drive is still at {drive} after {limit_s:g} s",
        hint="unplug it, hold BOOTSEL, connect it and flash again",
    )


def mount_points() -> tuple[Path, ...]:
    """Where drives are mounted on this computer."""
    if sys.platform == "win32":
        return tuple(Path(f"{letter}:\\") for letter in string.ascii_uppercase)
    if sys.platform == "darwin":
        return tuple(sorted(Path("/Volumes").glob("*")))
    try:
        fields = [line.split() for line in MOUNTS.read_text(errors="replace").splitlines()]
    except OSError:
        return ()
    return tuple(Path(_unescape(one[1])) for one in fields if len(one) > 2 and one[2] in ("vfat", "msdos"))


def _unescape(field: str) -> str:
    """Source: fstab(5): white space and the backslash as \\ and three octal digits."""
    for octal in ("040", "011", "012", "134"):
        field = field.replace(f"\\{octal}", chr(int(octal, 8)))
    return field


def _board_id(drive: Path) -> str:
    try:
        lines = (drive / INFO).read_text(errors="replace").splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("Board-ID:")), "")


def _mount_hint(volume: str) -> str:
    label = LABELS / volume
    if label.exists():
        return f"it is connected, but not mounted: udisksctl mount -b {label}; or --probe PATH"
    return "hold the board's BOOTSEL button while you connect it; or --method with a debug probe"


def _error(message: str, hint: str, drives: list[Path]) -> ToolError:
    error = ToolError(message, hint=hint)
    error.details = tuple(f"{drive}: {_board_id(drive)}" for drive in drives)
    return error
