# SPDX-License-Identifier: Apache-2.0
"""An Arduino library with a sketch. Source: Arduino library specification, rev. 2.2 (arduino-cli 1.x, docs/)."""

from __future__ import annotations

from sapmcu.emit.exports.template import fill
from sapmcu.errors import UserError
from sapmcu.ir.export import Library

MAX_NAME = 63
SKETCH = "selftest"
"""A sketch lies in a directory of its name. Source: Arduino sketch specification."""
ARCHITECTURES = (
    *("mbed", "mbed_edge", "mbed_giga", "mbed_nano", "mbed_nicla", "mbed_opta", "mbed_portenta", "mbed_rp2040"),
    *("nrf52", "renesas_portenta", "renesas_uno", "rp2040", "sam", "samd", "stm32", "zephyr"),
)
"""Cores with Cortex-M boards; others compile the library, too, with a warning of the IDE's."""


def emit_arduino(library: Library) -> dict[str, bytes]:
    """Path in the library -> bytes. Raises: UserError."""
    if len(library.name) > MAX_NAME:
        raise UserError(
            f"an Arduino library's name has at most {MAX_NAME} characters, {library.name} has {len(library.name)}",
            hint="rename the model's file, convert it again, then export",
        )
    example = {name: data for name, data in library.example.items() if name not in ("main.c", "sketch.cc")}
    return {
        "library.properties": fill("arduino/library.properties", library, architectures=",".join(ARCHITECTURES)),
        "README.md": fill("arduino/README.md", library),
        f"examples/{SKETCH}/{SKETCH}.ino": library.example["sketch.cc"],
        **{f"examples/{SKETCH}/{name}": data for name, data in example.items()},
        **{f"src/{path}": data for path, data in library.sources.items()},
    }
