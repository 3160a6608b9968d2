# SPDX-License-Identifier: Apache-2.0
"""The hand-written C that comes with sapmcu: beside the package in its source tree, inside it when installed."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


def firmware_dir() -> Path:
    """The directory `firmware`."""
    for directory in (PACKAGE / "firmware", PACKAGE.parent / "firmware"):
        if directory.is_dir():
            return directory
    raise FileNotFoundError(f"sapmcu is installed without its firmware directory; looked beside and in {PACKAGE}")


def firmware_file(path: str) -> bytes:
    """The bytes of a file below it."""
    return (firmware_dir() / path).read_bytes()
