# SPDX-License-Identifier: Apache-2.0
"""Renode's platform descriptions and scripts, as far as sapmcu writes them; anything else is an error.

Source: Renode documentation, "Platform description format" (indent mode) and "Monitor and script syntax".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

NAME = r"[A-Za-z_]\w*"
NUMBER = r"(?:0x[0-9A-Fa-f]+|\d[\d_]*)"
ENTRY = re.compile(rf"({NAME}):(?: ({NAME}(?:\.{NAME})+))?(?: @ ({NAME})(?: (\S.*))?)?")
INTERRUPT = re.compile(rf"(?:({NAME}|\d+) )?-> ({NAME})@(\d+)")
ATTRIBUTE = re.compile(rf"({NAME}): (\S.*)", re.DOTALL)
RANGE = re.compile(rf"<({NUMBER}), (\+)?({NUMBER})>")
TAG = re.compile(rf'Tag (<{NUMBER}, {NUMBER}>) "([^"\\]+)" ({NUMBER})')
MULTILINE = "'''"


class PlatformSyntaxError(Exception):
    """What Renode would refuse, in a platform or a script."""


@dataclass
class Entry:
    """A peripheral. type: "" where the entry updates one. point: where it is registered. init: Monitor statements."""

    name: str
    type: str = ""
    register: str = ""
    point: int | tuple[int, int] | None = None
    attributes: dict[str, object] = field(default_factory=dict)
    interrupts: list[tuple[str, str, int]] = field(default_factory=list)
    init: list[str] = field(default_factory=list)


def number(text: str) -> int:
    if not re.fullmatch(NUMBER, text):
        raise PlatformSyntaxError(f"{text!r} is no number")
    return int(text.replace("_", ""), 0)


def value(text: str) -> object:
    """A simple value, or a reference as ("reference", name)."""
    if text in ("true", "false"):
        return text == "true"
    if re.fullmatch(NUMBER, text):
        return number(text)
    if match := RANGE.fullmatch(text):
        return range_value(match)
    if re.fullmatch(r'"(?:[^"\\]|\\")*"', text):
        return text[1:-1].replace('\\"', '"')
    if re.fullmatch(NAME, text):
        return ("reference", text)
    raise PlatformSyntaxError(f"{text!r} is no value")


def range_value(match: re.Match[str]) -> tuple[int, int]:
    """(first address, size)."""
    begin, end = number(match[1]), number(match[3])
    size = end if match[2] else end - begin + 1
    if size <= 0:
        raise PlatformSyntaxError(f"{match[0]} is empty")
    return begin, size


def parse_platform(text: str) -> dict[str, Entry]:
    """The entries of a .repl file by name."""
    entries: dict[str, Entry] = {}
    current: Entry | None = None
    in_init = False
    for indent, line in _lines(text):
        if indent == 0:
            current, in_init = _entry(line), False
            if current.name in entries:
                raise PlatformSyntaxError(f"{current.name} is declared twice")
            entries[current.name] = current
        elif current is None:
            raise PlatformSyntaxError(f"{line!r} belongs to nothing")
        elif in_init and indent == 2:
            current.init.append(line)
        elif indent == 1:
            in_init = line == "init:"
            if not in_init:
                _attribute(current, line)
        else:
            raise PlatformSyntaxError(f"{line!r} is indented too far")
    _check_references(entries)
    return entries


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """(level, text) of each line; a multi-line string is one line."""
    rows = iter(text.split("\n"))
    for row in rows:
        line = row.split("//", 1)[0].rstrip() if MULTILINE not in row else row.rstrip()
        if not line:
            continue
        indent = len(line) - len(line.lstrip(" "))
        if indent % 4 or "\t" in line:
            raise PlatformSyntaxError(f"{line!r}: levels are four spaces")
        if MULTILINE in line:
            head, string = line.split(MULTILINE, 1)
            while MULTILINE not in string:
                string += "\n" + next(rows)
            inside, behind = string.split(MULTILINE, 1)
            if behind:
                raise PlatformSyntaxError("something follows a multi-line string")
            quoted = inside.replace('"', '\\"')
            yield indent // 4, f'{head.strip()} "{quoted}"'
            continue
        yield indent // 4, line.strip()


def _entry(line: str) -> Entry:
    match = ENTRY.fullmatch(line)
    if match is None:
        raise PlatformSyntaxError(f"{line!r} is no entry")
    entry = Entry(match[1], match[2] or "", match[3] or "")
    if match[4]:
        point = value(match[4])
        if isinstance(point, (bool, str)) or (isinstance(point, tuple) and point[0] == "reference"):
            raise PlatformSyntaxError(f"{match[4]!r} is no place on a bus")
        entry.point = point
    return entry


def _attribute(entry: Entry, line: str) -> None:
    if match := INTERRUPT.fullmatch(line):
        entry.interrupts.append((match[1] or "", match[2], int(match[3])))
    elif (match := ATTRIBUTE.fullmatch(line)) and match[1] not in entry.attributes:
        text = match[2]
        entry.attributes[match[1]] = text[1:-1].replace('\\"', '"') if text.startswith('"') else value(text)
    else:
        raise PlatformSyntaxError(f"{line!r} is no attribute, or is there twice")


def _check_references(entries: dict[str, Entry]) -> None:
    for entry in entries.values():
        if entry.type and not entry.register:
            raise PlatformSyntaxError(f"{entry.name} is registered nowhere")
        if not entry.type and entry.name != "sysbus":
            raise PlatformSyntaxError(f"{entry.name} updates what is not there")
        names = [one[1] for one in entry.attributes.values() if isinstance(one, tuple) and one[0] == "reference"]
        for name in (*names, *(one for _, one, _ in entry.interrupts)):
            if name not in entries:
                raise PlatformSyntaxError(f"{entry.name} refers to {name}, which is not there")


TOKENS = (
    ("comment", r"[#:].*"),
    ("macro", r'"""(?:.|\n)+?"""'),
    ("string", r'"(?:[^"\\]|\\.)*"'),
    ("path", r"@(?:\\ |[^\s;])+"),
    ("variable", r"\$[\w.]+(?:/[^\s;]*)?"),
    ("range", rf"<{NUMBER}, {NUMBER}>"),
    ("number", rf"{NUMBER}(?![\w.])"),
    ("assign", r"\?=|="),
    ("word", r"[\w.\-?][\w.\-?:]*"),
    ("space", r"\s+"),
)
PATTERN = re.compile("|".join(f"(?P<{name}>{pattern})" for name, pattern in TOKENS))


def tokens(line: str) -> list[tuple[str, str]]:
    """(kind, text) of a command; comments only at its beginning."""
    found: list[tuple[str, str]] = []
    index = 0
    while index < len(line):
        match = PATTERN.match(line, index)
        if match is None or match.lastgroup is None or (match.lastgroup == "comment" and found):
            raise PlatformSyntaxError(f"could not tokenize here: {line[index:]}")
        if match.lastgroup not in ("space", "comment"):
            found.append((match.lastgroup, match[0]))
        index = match.end()
    return found


def script_commands(text: str) -> list[str]:
    """The commands of a .resc file: a line each, but for the string of several lines that follows `macro NAME`."""
    commands: list[str] = []
    lines = iter(text.split("\n"))
    for line in lines:
        if line.startswith('"""'):
            block = [line]
            for row in lines:
                block.append(row)
                if row.startswith('"""'):
                    break
            else:
                raise PlatformSyntaxError('""" is never closed')
            commands[-1] += "\n" + "\n".join(block)
        elif line.strip():
            commands.append(line)
    return commands
