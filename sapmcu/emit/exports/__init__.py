# SPDX-License-Identifier: Apache-2.0
"""Libraries for other build systems, one module each: Library -> files."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sapmcu.emit.exports.arduino import emit_arduino
from sapmcu.emit.exports.cmake import emit_cmake
from sapmcu.emit.exports.platformio import emit_platformio
from sapmcu.emit.exports.zephyr import emit_zephyr
from sapmcu.ir.export import ExportFormat, Library

EXPORTS: Mapping[ExportFormat, Callable[[Library], dict[str, bytes]]] = {
    ExportFormat.CMAKE: emit_cmake,
    ExportFormat.ZEPHYR: emit_zephyr,
    ExportFormat.ARDUINO: emit_arduino,
    ExportFormat.PLATFORMIO: emit_platformio,
}
"""Path in the library -> bytes. Raise UserError where the format has no place for such a library."""
