# SPDX-License-Identifier: Apache-2.0
"""What a firmware directory says of itself, in build.json or tflm.json: how to build it, and what runs it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from sapmcu.ir.build import Engine, Link, Prefer
from sapmcu.ir.filters import FilterForm
from sapmcu.ir.twins import Twins

FILE_NAMES: Mapping[Engine, str] = {Engine.NATIVE: "build.json", Engine.TFLM: "tflm.json"}
SCHEMA = 1
QEMU = "qemu"
RENODE = "renode"


def target_name(emulator: str | None, link: Link) -> str:
    """The target for QEMU, or else for the board and what maps its memory: board, uart, qemu, qemu-uart."""
    if emulator == QEMU:
        return QEMU if link is Link.SEMIHOSTING else f"{QEMU}-{link}"
    return "board" if link is Link.SEMIHOSTING else str(link)


@dataclass(frozen=True, slots=True)
class MemoryRegion:
    """Memory that a target has. executable: holds code and constants, which the program can't write."""

    name: str
    base: int
    size_bytes: int
    executable: bool

    @property
    def end(self) -> int:
        """First address behind the region."""
        return self.base + self.size_bytes


@dataclass(frozen=True, slots=True)
class FirmwareTarget:
    """One way to link the sources: for the board, or for an emulator's machine that stands in for it.

    link: how the host reaches it. sources, defines: in addition to those of all targets. linker_dir: has the files
    that the linker script includes. machine: QEMU's name for it, empty where it isn't one of QEMU's. memory: the
    regions in use.
    """

    link: Link
    linker_dir: str
    memory: tuple[MemoryRegion, ...]
    machine: str = ""
    sources: tuple[str, ...] = ()
    defines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FirmwareProject:
    """build.json or tflm.json. All paths are relative to its directory, with '/'.

    core_options: gcc's, Board.compiler_options. unicorn_cpu: None where unicorn lacks the core. model_sources: those
    of `sources` that hold models, whose constants are counted apart. targets: by target_name(); `board` is there, those
    for QEMU where it has a machine, those with a UART where sapmcu knows how to turn it on. apart: input, output: those
    that lie outside of the arena. prefer: what it was converted with, None for nothing; filters: the form that was
    chosen for each op of the native engine's graph, empty where nothing was.
    """

    board: str
    core: str
    core_options: tuple[str, ...]
    unicorn_cpu: str | None
    sources: tuple[str, ...]
    model_sources: tuple[str, ...]
    includes: tuple[str, ...]
    defines: tuple[str, ...]
    linker_script: str
    targets: Mapping[str, FirmwareTarget]
    apart: tuple[str, ...] = ()
    prefer: Prefer | None = None
    filters: tuple[FilterForm, ...] = ()

    @property
    def twins(self) -> Twins:
        """For which a model was lowered: packed filters are for DSP, lanes for ARMv6-M."""
        if self.filters or any("/sapmcu_packed_" in path for path in self.sources):
            return Twins.DSP
        return Twins.V6M if any("/sapmcu_lanes_" in path for path in self.sources) else Twins.NONE

    def to_json(self) -> bytes:
        """The bytes of the file, the same for the same project."""
        return (json.dumps({"schema": SCHEMA, **asdict(self)}, indent=2) + "\n").encode("ascii")
