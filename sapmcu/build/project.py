# SPDX-License-Identifier: Apache-2.0
"""build.json or tflm.json -> FirmwareProject, or one error that lists all that is wrong with it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from sapmcu.errors import UserError
from sapmcu.ir.build import Engine, Link, Prefer
from sapmcu.ir.filters import FilterForm
from sapmcu.ir.firmware import FILE_NAMES, SCHEMA, FirmwareProject, FirmwareTarget, MemoryRegion

HINT = "`sapmcu convert` writes this file; convert again"
NO_PROJECT_HINT = "give a directory that `sapmcu convert` wrote"
ADDRESS_END = 1 << 32
MODEL_SOURCE = re.compile(r"sapmcu_([a-z0-9_]+)\.c")
T = TypeVar("T")


def load_project(firmware: Path, engine: Engine = Engine.NATIVE) -> FirmwareProject:
    """Read an engine's file; all that it names is there. Raises: UserError with one detail per violation."""
    path = firmware / FILE_NAMES[engine]
    try:
        table = json.loads(path.read_bytes())
    except OSError as error:
        others = [one for one in Engine if (firmware / FILE_NAMES[one]).is_file()]
        hint = f"this project has a firmware for --engine {others[0]}" if others else NO_PROJECT_HINT
        raise UserError(f"{path} can't be read: {error.strerror}", hint=hint) from error
    except ValueError as error:
        raise UserError(f"{path} is not valid JSON: {error}", hint=HINT) from error
    if not isinstance(table, dict) or table.get("schema") != SCHEMA:
        raise UserError(f"{path} is not of schema {SCHEMA}, the one that this sapmcu knows", hint=HINT)
    reader = _Reader(table, "", [])
    project = _project(reader)
    missing = [one for one in _files(project) if not (firmware / one).exists()]
    violations = reader.violations + [f"{one}: there is no such file" for one in missing]
    if violations:
        raise UserError(f"{path} is not valid", hint=HINT, details=violations)
    return project


def model_name(project: FirmwareProject, path: Path) -> str:
    """The model's part of C names, from its source sapmcu_NAME.c. path: what an error names. Raises: UserError."""
    found = [MODEL_SOURCE.fullmatch(source) for source in project.model_sources]
    names = [match[1] for match in found if match is not None]
    if len(names) != 1:
        raise UserError(f"{path} has {len(names)} models in its firmware", hint="give a project of one model")
    return names[0]


def _files(project: FirmwareProject) -> list[str]:
    parts = [project.sources, project.includes, (project.linker_script,)]
    parts += [part for target in project.targets.values() for part in (target.sources, (target.linker_dir,))]
    return [one for part in parts for one in part if one]


def _project(reader: _Reader) -> FirmwareProject:
    project = FirmwareProject(
        board=reader.text("board"),
        core=reader.text("core"),
        core_options=reader.options("core_options"),
        unicorn_cpu=reader.text("unicorn_cpu") if reader.table.get("unicorn_cpu") is not None else None,
        sources=reader.paths("sources"),
        model_sources=reader.paths("model_sources"),
        includes=reader.paths("includes"),
        defines=reader.texts("defines"),
        linker_script=(*reader.paths("linker_script", single=True), "")[0],
        apart=reader.texts("apart") if "apart" in reader.table else (),
        prefer=reader.prefer("prefer") if reader.table.get("prefer") is not None else None,
        filters=reader.filters("filters") if "filters" in reader.table else (),
        targets={name: _target(one) for name, one in reader.tables("targets").items()},
    )
    if "board" not in project.targets:
        reader.complain("targets", "lacks `board`")
    for source in sorted(set(project.model_sources) - set(project.sources)):
        reader.complain("model_sources", f"names {source}, which is not in sources")
    return project


def _target(reader: _Reader) -> FirmwareTarget:
    return FirmwareTarget(
        link=reader.link("link"),
        linker_dir=(*reader.paths("linker_dir", single=True), "")[0],
        memory=tuple(_region(one) for one in reader.list_of_tables("memory")),
        machine=reader.text("machine", may_be_empty=True),
        sources=reader.paths("sources"),
        defines=reader.texts("defines"),
    )


def _region(reader: _Reader) -> MemoryRegion:
    region = MemoryRegion(
        reader.text("name"), reader.integer("base"), reader.integer("size_bytes"), reader.boolean("executable")
    )
    if region.size_bytes == 0 or region.end > ADDRESS_END:
        reader.complain("size_bytes", "must be positive and end within 32-bit addresses")
    return region


class _Reader:
    """Typed access to one JSON object; collects what is wrong and returns a harmless value in its place."""

    def __init__(self, table: Mapping[str, Any], place: str, violations: list[str]) -> None:
        self.table, self.place, self.violations = table, place, violations

    def complain(self, key: str, what: str) -> None:
        self.violations.append(f"{self.place}{key}: {what}")

    def _take(self, key: str, kind: type[T], fits: Callable[[T], bool], what: str, default: T) -> T:
        value = self.table.get(key)
        if isinstance(value, kind) and (kind is bool or not isinstance(value, bool)) and fits(value):
            return value
        self.complain(key, f"must be {what}")
        return default

    def text(self, key: str, *, may_be_empty: bool = False) -> str:
        return self._take(key, str, lambda value: may_be_empty or value != "", "a text", "")

    def link(self, key: str) -> Link:
        return Link(self._take(key, str, lambda value: value in list(Link), f"one of {', '.join(Link)}", "semihosting"))

    def prefer(self, key: str) -> Prefer:
        return Prefer(self._take(key, str, lambda one: one in list(Prefer), f"one of {', '.join(Prefer)}", "speed"))

    def filters(self, key: str) -> tuple[FilterForm, ...]:
        def fits(value: list[Any]) -> bool:
            return all(one in list(FilterForm) for one in value)

        values: list[Any] = self._take(key, list, fits, f"a list of {', '.join(FilterForm)}", [])
        return tuple(map(FilterForm, values))

    def integer(self, key: str) -> int:
        return self._take(key, int, lambda value: 0 <= value < ADDRESS_END, "an unsigned 32-bit number", 0)

    def boolean(self, key: str) -> bool:
        return self._take(key, bool, lambda _: True, "true or false", False)

    def texts(self, key: str) -> tuple[str, ...]:
        def fits(value: list[Any]) -> bool:
            return all(isinstance(one, str) and one for one in value)

        values: list[Any] = self._take(key, list, fits, "a list of texts", [])
        return tuple(values)

    def options(self, key: str) -> tuple[str, ...]:
        """Machine options of the compiler, and nothing else: the file may come from a stranger."""
        values = self.texts(key)
        for value in values:
            if not value.startswith("-m"):
                self.complain(key, f"has {value!r}, which is no option of the core")
        return values

    def paths(self, key: str, *, single: bool = False) -> tuple[str, ...]:
        """Paths that stay inside the directory and can't be taken for options."""
        values = (self.text(key),) if single else self.texts(key)
        for value in values:
            path = PurePosixPath(value)
            if path.is_absolute() or ".." in path.parts or value.startswith("-") or "\\" in value:
                self.complain(key, f"has {value!r}, which is no path inside the directory")
        return values

    def tables(self, key: str) -> dict[str, _Reader]:
        value = self._take(key, dict, lambda one: all(isinstance(part, dict) for part in one.values()), "objects", {})
        return {name: _Reader(one, f"{self.place}{key}.{name}.", self.violations) for name, one in value.items()}

    def list_of_tables(self, key: str) -> list[_Reader]:
        value = self._take(key, list, lambda one: all(isinstance(part, dict) for part in one), "a list of objects", [])
        return [_Reader(one, f"{self.place}{key}[{index}].", self.violations) for index, one in enumerate(value)]
