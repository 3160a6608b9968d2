# SPDX-License-Identifier: Apache-2.0
"""Boards: facts that live in one TOML file each, beside this module or wherever the user keeps their own."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

from sapmcu.boards.clock import NO_RESET_FLAGS, Clock, ClockChoice, ResetFlags
from sapmcu.boards.core import CORES, V6M_CORES, Core, Fpu, compiler_options
from sapmcu.boards.steps import RegisterStep
from sapmcu.boards.uart import Uart
from sapmcu.errors import UserError
from sapmcu.ir.twins import Twins

BOARD_DIR = Path(__file__).parent


class RegionKind(StrEnum):
    """What a memory region is made of. PSRAM and SDRAM are outside the MCU and need code that starts them."""

    FLASH = "flash"
    SRAM = "sram"
    ITCM = "itcm"
    DTCM = "dtcm"
    PSRAM = "psram"
    SDRAM = "sdram"


@dataclass(frozen=True, slots=True)
class Region:
    """A range of addresses. setup: what starts it, before it is first used; None where sapmcu doesn't know how."""

    name: str
    kind: RegionKind
    base: int
    size_bytes: int
    setup: tuple[RegisterStep, ...] | None = ()

    @property
    def end(self) -> int:
        """First address behind the region."""
        return self.base + self.size_bytes


@dataclass(frozen=True, slots=True)
class Defaults:
    """Which region holds what: names of regions; `arena` in order of preference. inputs, outputs: None for the arena.

    code_offset_bytes: where the vector table lies in the code region, behind a boot loader that stays.
    """

    code: str
    data: str
    stack: str
    arena: tuple[str, ...]
    code_offset_bytes: int = 0
    inputs: str | None = None
    outputs: str | None = None


class BootCode(StrEnum):
    """What the MCU's boot ROM wants to find in flash besides the vector table."""

    NONE = "none"
    RP2040_STAGE2 = "rp2040_stage2"
    RP2350_IMAGE = "rp2350_image"


@dataclass(frozen=True, slots=True)
class Emulator:
    """unicorn_cpu: None where unicorn lacks the core. is_exact: the QEMU machine models this very board."""

    unicorn_cpu: str | None
    qemu_machine: str
    is_exact: bool


@dataclass(frozen=True, slots=True)
class FlashMethod:
    """A tool that writes the firmware, with its arguments for this board."""

    tool: str
    arguments: Mapping[str, str | int]


@dataclass(frozen=True, slots=True)
class Source:
    """Where the facts come from."""

    document: str
    revision: str
    facts: str


@dataclass(frozen=True, slots=True)
class Board:
    """One board. flash_methods in order of preference. start: steps that come first after every reset.

    choice: the clock that firmware for it starts.
    """

    name: str
    title: str
    vendor: str
    mcu: str
    core: str
    fpu: Fpu
    dsp: bool
    mve: bool
    clock: Clock
    memory: tuple[Region, ...]
    defaults: Defaults
    uart: Uart | None
    emulator: Emulator
    flash_methods: tuple[FlashMethod, ...]
    sources: tuple[Source, ...]
    aliases: tuple[str, ...] = ()
    start: tuple[RegisterStep, ...] = ()
    reset: ResetFlags = NO_RESET_FLAGS
    boot: BootCode = BootCode.NONE
    choice: ClockChoice = ClockChoice.RESET

    def region(self, name: str) -> Region:
        """The region of this name. Raises: KeyError."""
        for region in self.memory:
            if region.name == name:
                return region
        raise KeyError(name)

    @property
    def core_facts(self) -> Core:
        return CORES[self.core]

    @property
    def twins(self) -> Twins:
        """Of the native engine's kernels."""
        if self.mve:
            return Twins.MVE
        if self.dsp:
            return Twins.DSP
        return Twins.V6M if self.core in V6M_CORES else Twins.NONE

    @property
    def compiler_options(self) -> tuple[str, ...]:
        return compiler_options(self.core, self.fpu, dsp=self.dsp, mve=self.mve)

    @property
    def flash_bytes(self) -> int:
        """Room for code and constants."""
        return self.region(self.defaults.code).size_bytes - self.defaults.code_offset_bytes

    @property
    def sram_bytes(self) -> int:
        """All memory inside the MCU that data may live in."""
        return sum(region.size_bytes for region in self.memory if region.kind in (RegionKind.SRAM, RegionKind.DTCM))


@cache
def all_boards() -> tuple[Board, ...]:
    """The boards that come with sapmcu, by name."""
    return tuple(_load_file(path) for path in sorted(BOARD_DIR.glob("*.toml")))


def load_board(name_or_path: str) -> Board:
    """The board of this name or alias, or the one that a TOML file describes.

    Raises: UserError for an unknown board (with near matches) and for a file that doesn't hold a valid one.
    """
    path = board_path(name_or_path)
    if path is not None:
        return _load_file(path)
    by_name = {name: board for board in all_boards() for name in (board.name, *board.aliases)}
    wanted = name_or_path.lower().replace("-", "_")
    if wanted in by_name:
        return by_name[wanted]
    near = difflib.get_close_matches(wanted, by_name, n=3, cutoff=0.5)
    raise UserError(
        f"there is no board {name_or_path!r}",
        hint=f"did you mean {' or '.join(near)}? `sapmcu boards` lists all; a path to a .toml file describes your own"
        if near
        else "`sapmcu boards` lists all; a path to a .toml file describes your own",
    )


def board_path(name_or_path: str) -> Path | None:
    """The user's own file; None for the name of one of sapmcu's boards."""
    is_path = name_or_path.endswith(".toml") or "/" in name_or_path or "\\" in name_or_path
    return Path(name_or_path) if is_path else None


def _load_file(path: Path) -> Board:
    from sapmcu.boards.parse import parse_board

    try:
        table = tomllib.loads(path.read_bytes().decode("utf-8"))
    except OSError as error:
        raise UserError(f"board file {path} can't be read: {error.strerror}", hint="check the path") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(
            f"board file {path} is not valid TOML: {error}", hint="https://toml.io/en/v1.0.0 is the format"
        ) from error
    return parse_board(table, str(path))
