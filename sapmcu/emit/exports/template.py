# SPDX-License-Identifier: Apache-2.0
"""Files of text with places like @name@ to fill in: CMake and C have other uses for the usual signs."""

from __future__ import annotations

import re
from pathlib import Path

from sapmcu.ir.export import Library

TEMPLATES = Path(__file__).parent / "templates"
PLACE = re.compile(r"@(\w+)@")


def fill(template: str, library: Library, **more: str) -> bytes:
    """The file below templates/ with its places filled in; @origin@ and the like stand for one line each."""
    values = {
        "model": library.model,
        "name": library.name,
        "macro": library.name.upper(),
        "version": library.version,
        "generated": library.origin[0],
        "command": library.origin[1],
        **more,
    }
    text = (TEMPLATES / template).read_text(encoding="utf-8")
    return PLACE.sub(lambda place: values[place[1]], text).encode("utf-8")
