# SPDX-License-Identifier: Apache-2.0
"""The TOML of a board -> Board, or one error that lists all that is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import combinations

from sapmcu.boards.board import (
    Board,
    BootCode,
    Defaults,
    Emulator,
    FlashMethod,
    Region,
    RegionKind,
    Source,
)
from sapmcu.boards.clock import NO_RESET_FLAGS, parse_clock, parse_reset
from sapmcu.boards.core import CORES, Core, Fpu
from sapmcu.boards.flash_methods import flash_violations
from sapmcu.boards.parse_uart import parse_uart
from sapmcu.boards.steps import parse_steps
from sapmcu.errors import UserError
from sapmcu.toml_table import MAX_ADDRESS, TableReader

NAME = re.compile(r"[a-z][a-z0-9_]*")
CODE_KINDS = (RegionKind.FLASH, RegionKind.ITCM, RegionKind.SRAM)
EXTERNAL_KINDS = (RegionKind.PSRAM, RegionKind.SDRAM)
DATA_KINDS = (RegionKind.SRAM, RegionKind.DTCM, *EXTERNAL_KINDS)


def parse_board(table: Mapping[str, object], path: str) -> Board:
    """Read a board's facts; path: what an error calls the file. Raises: UserError with one detail per violation."""
    violations: list[str] = []
    board = _board(TableReader(table, "", violations, "a board file"), violations)
    if violations:
        raise UserError(
            f"board file {path} has {len(violations)} error{'s' if len(violations) > 1 else ''}",
            hint="docs/boards.md explains the keys; the files in sapmcu/boards are examples",
            details=violations,
        )
    return board


def _board(reader: TableReader, violations: list[str]) -> Board:
    core = reader.choice("core", CORES)
    facts = CORES[core]
    memory = _memory(reader)
    clock, start = parse_clock(reader.table("clock"), reader.table("start") if reader.has("start") else None)
    fast_uart_hz = None if clock.fast is None else clock.fast.uart_hz
    board = Board(
        name=_identifier(reader, "name"),
        title=reader.text("title"),
        vendor=reader.text("vendor"),
        mcu=reader.text("mcu"),
        core=core,
        fpu=Fpu(reader.choice("fpu", facts.fpus)),
        dsp=_option(reader, "dsp", facts.dsp, core),
        mve=_option(reader, "mve", facts.mve, core),
        clock=clock,
        memory=memory,
        defaults=_defaults(reader.table("defaults"), memory),
        uart=parse_uart(reader.table("uart"), fast_uart_hz) if reader.has("uart") else None,
        emulator=_emulator(reader, facts),
        flash_methods=_flash_methods(reader),
        sources=_sources(reader),
        aliases=reader.texts("aliases") if reader.has("aliases") else (),
        start=start,
        reset=parse_reset(reader.table("reset")) if reader.has("reset") else NO_RESET_FLAGS,
        boot=BootCode(reader.choice("boot", list(BootCode))) if reader.has("boot") else BootCode.NONE,
    )
    if not all(NAME.fullmatch(alias) for alias in board.aliases):
        reader.complain("aliases", f"must be names of lower-case letters, digits and _, are {list(board.aliases)}")
    reader.finish()
    return board


def _identifier(reader: TableReader, key: str) -> str:
    name = reader.text(key)
    if name and not NAME.fullmatch(name):
        reader.complain(key, f"must be lower-case letters, digits and _, is {name!r}")
    return name


def _option(reader: TableReader, key: str, allowed: tuple[bool, ...], core: str) -> bool:
    """An optional part of the core; may be left out where there is no choice."""
    if not reader.has(key) and len(allowed) == 1:
        return allowed[0]
    value = reader.boolean(key)
    if reader.has(key) and value not in allowed:
        reader.complain(key, f"can't be {str(value).lower()}: {core} {'always has' if not value else 'never has'} it")
    return value


def _memory(reader: TableReader) -> tuple[Region, ...]:
    regions = []
    for entry in reader.tables("memory"):
        kind = RegionKind(entry.choice("kind", [kind.value for kind in RegionKind]))
        region = Region(
            name=_identifier(entry, "name"),
            kind=kind,
            base=entry.integer("base", 0, MAX_ADDRESS - 1),
            size_bytes=entry.integer("size_bytes", 1),
            setup=None if kind in EXTERNAL_KINDS and not entry.has("setup") else parse_steps(entry, "setup"),
        )
        if region.end > MAX_ADDRESS:
            entry.complain("size_bytes", f"ends at {region.end:#x}, behind the last address")
        entry.finish()
        regions.append(region)
    for one, other in combinations(regions, 2):
        if one.name == other.name:
            reader.complain("memory", f"has two regions {one.name!r}")
        if one.base < other.end and other.base < one.end:
            reader.complain(
                "memory",
                f"{one.name} ({one.base:#010x} to {one.end:#010x}) and {other.name} ({other.base:#010x} to "
                f"{other.end:#010x}) overlap",
            )
    return tuple(regions)


def _defaults(reader: TableReader, memory: tuple[Region, ...]) -> Defaults:
    kinds = {region.name: region.kind for region in memory}

    def check(key: str, names: tuple[str, ...], allowed: tuple[RegionKind, ...]) -> None:
        for name in filter(None, names):
            if name not in kinds:
                reader.complain(key, f"names {name!r}; the regions are {', '.join(kinds)}")
            elif kinds[name] not in allowed:
                reader.complain(key, f"names {name}, which is {kinds[name]}; it must be {' or '.join(allowed)}")

    defaults = Defaults(
        code=reader.text("code"),
        data=reader.text("data"),
        stack=reader.text("stack"),
        arena=reader.texts("arena"),
        code_offset_bytes=reader.integer("code_offset_bytes", 0) if reader.has("code_offset_bytes") else 0,
    )
    check("code", (defaults.code,), CODE_KINDS)
    check("data", (defaults.data,), DATA_KINDS)
    check("stack", (defaults.stack,), DATA_KINDS)
    check("arena", defaults.arena, DATA_KINDS)
    if reader.has("arena") and not defaults.arena:
        reader.complain("arena", "must name one region or more")
    if any(region.name == defaults.code and region.size_bytes <= defaults.code_offset_bytes for region in memory):
        reader.complain("code_offset_bytes", "leaves no room for code")
    reader.finish()
    return defaults


def _emulator(reader: TableReader, core: Core) -> Emulator:
    """By default the machine of the same core, with this board's memory sizes."""
    if not reader.has("emulator"):
        return Emulator(core.unicorn_cpu, core.qemu_machine, is_exact=False)
    table = reader.table("emulator")
    machine = table.text("qemu_machine")
    table.finish()
    return Emulator(core.unicorn_cpu, machine, is_exact=True)


def _flash_methods(reader: TableReader) -> tuple[FlashMethod, ...]:
    if not reader.has("flash"):
        return ()
    methods = []
    for tool, table in reader.named_tables("flash"):
        methods.append(FlashMethod(tool, table.scalars()))
        for key, what in flash_violations(tool, methods[-1].arguments):
            table.complain(key, what)
    return tuple(methods)


def _sources(reader: TableReader) -> tuple[Source, ...]:
    sources = []
    for entry in reader.tables("source"):
        sources.append(Source(entry.text("document"), entry.text("revision"), entry.text("facts")))
        entry.finish()
    return tuple(sources)
