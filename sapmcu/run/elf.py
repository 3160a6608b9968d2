# SPDX-License-Identifier: Apache-2.0
"""What an emulator must know of an ELF file: symbols, marks of ops, lines of the source."""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

MARKS_SECTION = ".debug_sapmcu_ops"
"""Pairs of address and op index; an address of 0 belongs to a dropped function. Source: sapmcu/model.h."""
ROWS_SECTION = ".debug_sapmcu_rows"
"""Pairs of address and register, a string; rows of the op begin there whose index the register holds."""
PADDING = "$"
"""Mapping symbols of the Arm ABI begin with it."""


@dataclass(frozen=True, slots=True)
class Function:
    name: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Program:
    """segments: (load address, bytes). functions by address. marks: address -> indices of the ops that end there.

    row_marks: address -> the register that holds the index of the op whose rows begin there.
    """

    segments: tuple[tuple[int, bytes], ...]
    functions: tuple[Function, ...]
    symbols: Mapping[str, int]
    marks: Mapping[int, tuple[int, ...]]
    row_marks: Mapping[int, str]

    @property
    def vectors(self) -> int:
        """Address of the vector table: linker scripts put it first, but for what a boot ROM wants."""
        return self.symbols.get("sapmcu_vector_table", min(address for address, _ in self.segments))

    def function_at(self, address: int) -> Function | None:
        index = bisect_right(self.functions, address, key=lambda one: one.start) - 1
        return self.functions[index] if index >= 0 and address < self.functions[index].end else None


def load_program(elf: Path) -> Program:
    with elf.open("rb") as file:
        image = ELFFile(file)
        segments = tuple((one["p_paddr"], one.data()) for one in image.iter_segments("PT_LOAD") if one["p_filesz"])
        table = image.get_section_by_name(".symtab")
        assert isinstance(table, SymbolTableSection), "the ELF file is stripped"
        symbols: dict[str, int] = {}
        functions: dict[int, Function] = {}
        for symbol in table.iter_symbols():
            value = symbol["st_value"]
            if symbol.name and not symbol.name.startswith(PADDING) and symbol["st_shndx"] != "SHN_UNDEF":
                symbols.setdefault(symbol.name, value)
                if symbol["st_info"]["type"] == "STT_FUNC" and symbol["st_size"]:
                    start = value & ~1
                    functions.setdefault(start, Function(symbol.name, start, start + symbol["st_size"]))
        section = image.get_section_by_name(MARKS_SECTION)
        marks: dict[int, tuple[int, ...]] = {}
        for address, index in sorted(struct.iter_unpack("<II", section.data())) if section else ():
            if address:
                marks[address & ~1] = (*marks.get(address & ~1, ()), index)
        return Program(
            segments,
            tuple(sorted(functions.values(), key=lambda one: one.start)),
            symbols,
            marks,
            dict(_row_marks(image)),
        )


def _row_marks(image: ELFFile) -> Iterator[tuple[int, str]]:
    section = image.get_section_by_name(ROWS_SECTION)
    data = section.data() if section else b""
    while data:
        (address,) = struct.unpack_from("<I", data)
        register, _, data = data[4:].partition(b"\0")
        if address:
            yield address & ~1, register.decode("ascii")


def source_line(elf: Path, address: int) -> str | None:
    """file:line of an address, from the debug information; None where it has none."""
    with elf.open("rb") as file:
        image = ELFFile(file)
        if not image.has_dwarf_info():
            return None
        dwarf = image.get_dwarf_info()
        for unit in dwarf.iter_CUs():
            program = dwarf.line_program_for_CU(unit)
            if program is None:
                continue
            before = None
            for entry in program.get_entries():
                state = entry.state
                if state is None:
                    continue
                if before is not None and before.address <= address < state.address:
                    base = 0 if program.header["version"] >= 5 else 1
                    return f"{program['file_entry'][before.file - base].name.decode()}:{before.line}"
                before = None if state.end_sequence else state
    return None
