# SPDX-License-Identifier: Apache-2.0
"""What a build made: files and sizes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Engine(StrEnum):
    """What runs the model on the board."""

    NATIVE = "native"
    TFLM = "tflm"


class Prefer(StrEnum):
    """What convert chooses kernels for, where it is told, and what the compiler optimises for: -O2 or -Os."""

    SPEED = "speed"
    SIZE = "size"


class Link(StrEnum):
    """How the host reaches a firmware."""

    SEMIHOSTING = "semihosting"
    UART = "uart"


@dataclass(frozen=True, slots=True)
class SectionSize:
    """A section that occupies memory on the board. in_flash: its bytes are part of the image."""

    name: str
    address: int
    size_bytes: int
    in_flash: bool


@dataclass(frozen=True, slots=True)
class SymbolSize:
    """A function or an object. of_model: one of the model's constants."""

    name: str
    section: str
    address: int
    size_bytes: int
    is_function: bool
    of_model: bool = False


@dataclass(frozen=True, slots=True)
class FrameSize:
    """The stack that one call of a function takes, as the compiler says; without what it calls.

    is_bounded: False where the compiler can't say how much more there may be (alloca, VLA).
    """

    function: str
    bytes: int
    is_bounded: bool = True


@dataclass(frozen=True, slots=True)
class Sizes:
    """Of one ELF file. Sections and symbols by address.

    code_bytes: all of the image but the model's constants and the initial values of data. model_bytes: constants that
    the model's sources define. data_bytes: in SRAM and, as initial values, in the image. bss_bytes: without the arena.
    arena_bytes, stack_bytes: what the linker script reserves.
    """

    code_bytes: int
    model_bytes: int
    data_bytes: int
    bss_bytes: int
    arena_bytes: int
    stack_bytes: int
    sections: tuple[SectionSize, ...]
    symbols: tuple[SymbolSize, ...]

    @property
    def flash_bytes(self) -> int:
        """The image."""
        return self.code_bytes + self.model_bytes + self.data_bytes

    @property
    def sram_bytes(self) -> int:
        """All that is reserved: data, bss, arena and stack."""
        return self.data_bytes + self.bss_bytes + self.arena_bytes + self.stack_bytes


@dataclass(frozen=True, slots=True)
class Build:
    """One firmware for one of its project's targets. frames: largest first; empty where the compiler said nothing.

    worst_stack_bytes: the most that one inference can take below its caller, by the graph of calls; None where that
    isn't known.
    """

    engine: Engine
    target: str
    toolchain: str
    prefer: Prefer
    elf: Path
    bin: Path
    hex: Path
    map: Path
    log: Path
    sizes: Sizes
    frames: tuple[FrameSize, ...]
    worst_stack_bytes: int | None
