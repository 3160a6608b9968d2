# SPDX-License-Identifier: Apache-2.0
"""[flash.NAME] of a board file: methods that sapmcu knows, and those that the file describes by a command line."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping

KNOWN = ("pyocd", "openocd", "stlink", "jlink", "dfu", "uf2", "bossac")
COMMAND_KEYS = ("command", "probe", "verified", "get")
PLACES = ("elf", "bin", "hex", "base", "size", "probe")


def flash_violations(name: str, table: Mapping[str, str | int]) -> Iterator[tuple[str, str]]:
    """(key, what is wrong with it)"""
    if "command" not in table:
        if name not in KNOWN:
            yield "command", f"is missing: sapmcu has no method {name}, only {', '.join(KNOWN)}"
        return
    if name in KNOWN:
        yield "command", f"is for methods that sapmcu lacks; it has {name}"
    for key, value in table.items():
        if key not in COMMAND_KEYS:
            yield key, f"is unknown; a method with a command has {', '.join(COMMAND_KEYS)}"
        elif not isinstance(value, str):
            yield key, "is no text"
        else:
            yield from ((key, what) for what in _text_violations(key, value))


def _text_violations(key: str, text: str) -> Iterator[str]:
    try:
        words = shlex.split(text) if key in ("command", "probe") else []
        re.compile(text if key == "verified" else "")
    except (ValueError, re.error) as error:
        yield f"can't be read: {error}"
        return
    if key == "command" and not words:
        yield "is empty"
    places = PLACES if key == "command" else ("probe",)
    for word in words:
        unknown = [one for one in re.findall(r"\{(\w*)\}", word) if one not in places]
        if unknown:
            yield f"has {{{unknown[0]}}}; it can have {', '.join(f'{{{one}}}' for one in places)}"
        elif "{probe}" in word and word != "{probe}" and key == "command":
            yield "has {probe} in a longer word; `probe` has the words that stand for it"
