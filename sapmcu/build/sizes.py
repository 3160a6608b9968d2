# SPDX-License-Identifier: Apache-2.0
"""What the sections, symbols and frames of a firmware take, from its ELF file and its objects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import Section, SymbolTableSection

from sapmcu.ir.build import FrameSize, SectionSize, Sizes, SymbolSize

KINDS = {"STT_FUNC": True, "STT_OBJECT": False}


def measure(elf: Path, model_objects: Sequence[Path]) -> Sizes:
    """Sizes of a firmware; model_objects: those of its objects that hold models."""
    constants: Counter[tuple[str, int]] = Counter()
    for path in model_objects:
        constants.update(_constants(path))
    with elf.open("rb") as file:
        image = ELFFile(file)
        sections = _sections(image)
        symbols = tuple(_mark(_symbols(image), constants))
    by_name = {section.name: section.size_bytes for section in sections}
    in_flash = sum(section.size_bytes for section in sections if section.in_flash)
    model_bytes = sum(symbol.size_bytes for symbol in symbols if symbol.of_model)
    data_bytes = by_name.get(".data", 0)
    return Sizes(
        code_bytes=in_flash - model_bytes - data_bytes,
        model_bytes=model_bytes,
        data_bytes=data_bytes,
        bss_bytes=by_name.get(".bss", 0),
        arena_bytes=by_name.get(".arena", 0),
        stack_bytes=by_name.get(".stack", 0),
        sections=sections,
        symbols=symbols,
    )


def _sections(image: ELFFile) -> tuple[SectionSize, ...]:
    found = [
        SectionSize(one.name, one["sh_addr"], one["sh_size"], one["sh_type"] != "SHT_NOBITS")
        for one in image.iter_sections()
        if one["sh_flags"] & SH_FLAGS.SHF_ALLOC and one["sh_size"]
    ]
    return tuple(sorted(found, key=lambda section: section.address))


def _table(image: ELFFile) -> Iterable[tuple[SymbolSize, Section]]:
    """Functions and objects with a size, and the section of each."""
    table = image.get_section_by_name(".symtab")
    assert isinstance(table, SymbolTableSection), "the ELF file is stripped"
    for symbol in table.iter_symbols():
        kind, index = symbol["st_info"]["type"], symbol["st_shndx"]
        if kind in KINDS and symbol["st_size"] and isinstance(index, int):
            section, is_function = image.get_section(index), KINDS[kind]
            address = symbol["st_value"] & ~1 if is_function else symbol["st_value"]
            yield SymbolSize(symbol.name, section.name, address, symbol["st_size"], is_function), section


def _symbols(image: ELFFile) -> list[SymbolSize]:
    """One name per address: aliases and the compiler's own names for the same bytes count once."""
    named: dict[tuple[int, bool], SymbolSize] = {}
    for symbol, section in _table(image):
        if section["sh_flags"] & SH_FLAGS.SHF_ALLOC:
            named.setdefault((symbol.address, symbol.is_function), symbol)
    return sorted(named.values(), key=lambda symbol: symbol.address)


def _constants(path: Path) -> Iterable[tuple[str, int]]:
    """(name, size) of what an object file defines for flash, functions excepted."""
    with path.open("rb") as file:
        for symbol, section in _table(ELFFile(file)):
            flags = section["sh_flags"]
            if not symbol.is_function and flags & SH_FLAGS.SHF_ALLOC and not flags & SH_FLAGS.SHF_WRITE:
                yield symbol.name, symbol.size_bytes


def _mark(symbols: Iterable[SymbolSize], constants: Counter[tuple[str, int]]) -> Iterable[SymbolSize]:
    left = constants.copy()
    for one in symbols:
        key = (one.name, one.size_bytes)
        of_model = not one.is_function and left[key] > 0
        left[key] -= of_model
        yield SymbolSize(one.name, one.section, one.address, one.size_bytes, one.is_function, of_model)


def frames(elf: Path, objects: Sequence[Path], functions: Sequence[SymbolSize]) -> tuple[FrameSize, ...]:
    """The frames of the functions in the firmware, largest first: from gcc's .su files, or clang's .stack_sizes."""
    names = {one.name for one in functions if one.is_function}
    found = [frame for path in objects for frame in _su_frames(path.with_suffix(".su"))]
    found += _stack_sizes(elf, {one.address: one.name for one in functions if one.is_function})
    linked = {frame for frame in found if frame.function in names}
    return tuple(sorted(linked, key=lambda frame: (-frame.bytes, frame.function)))


def _su_frames(path: Path) -> Iterable[FrameSize]:
    """Lines of place:function, bytes, kind (static; dynamic; dynamic,bounded). Source: GCC 12 manual, -fstack-usage."""
    for line in path.read_text().splitlines() if path.exists() else ():
        place, size, kind = line.split("\t")
        yield FrameSize(place.rsplit(":", 1)[1], int(size), kind != "dynamic")


def _stack_sizes(elf: Path, functions: dict[int, str]) -> Iterable[FrameSize]:
    """Pairs of a 32-bit address and a ULEB128 size. Source: LLVM's CodeGen manual, "Emitting function stack size"."""
    with elf.open("rb") as file:
        section = ELFFile(file).get_section_by_name(".stack_sizes")
        data = section.data() if section else b""
    position = 0
    while position < len(data):
        address = int.from_bytes(data[position : position + 4], "little")
        size, shift, position = 0, 0, position + 4
        while True:
            byte = data[position]
            size |= (byte & 0x7F) << shift
            shift, position = shift + 7, position + 1
            if byte < 0x80:
                break
        if name := functions.get(address & ~1):
            yield FrameSize(name, size)
