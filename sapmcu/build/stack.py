# SPDX-License-Identifier: Apache-2.0
"""The most stack that one inference can take: frames along the deepest path of calls.

Direct calls are read from the ELF file's Thumb code. A call through a pointer is one that a driver makes of a kernel
which it was passed: it reaches the functions whose addresses the driver's callers take, or the driver itself. Or it is
one of a kernel that a model's tables hold: the executor of cascades calls row kernels, and these what their structs
name. Interrupts come on top.
Source: Armv7-M Architecture Reference Manual (DDI 0403E.e), A5 encoding, A7.7 B, BL, BLX, BX, PUSH, STMDB, SUB.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile
from elftools.elf.relocation import RelocationSection
from elftools.elf.sections import Symbol, SymbolTableSection

from sapmcu.ir.build import FrameSize

BRANCH_RELOCATIONS = frozenset({10, 30, 51, 102, 103})
"""R_ARM_THM_CALL, _JUMP24, _JUMP19, _JUMP11, _JUMP8. All others take an address. Source: AAELF32, 5.6.1."""
ROOTS = ("invoke", "advance")
"""Ends of the names by which the table of a model runs it."""
CASCADE = "sapmcu_run_cascade"
GIVES_ROW = "sapmcu_give_row"
ROW_KERNEL = re.compile(r"sapmcu_\w*_rows?(_|$)")
"""Names of what cascades call; no other function that a model's constants hold is called so."""
COPY_NUMBER = re.compile(r"\.\d+$")
"""gcc appends it to copies of a function, but not in .su files: apply.constprop.0."""


@dataclass(slots=True)
class _Function:
    """names: all at its address. callees: indices of functions. pushed_bytes: what its instructions take off SP."""

    start: int
    end: int
    names: set[str]
    callees: set[int] = field(default_factory=set)
    calls_pointer: bool = False
    pushed_bytes: int | None = 0


@dataclass(frozen=True, slots=True)
class _Instruction:
    """What of an instruction matters here. pushed_bytes: None where SP moves by what this module doesn't decode."""

    size: int
    target: int | None = None
    is_link: bool = False
    is_pointer: bool = False
    pushed_bytes: int | None = 0


def worst_stack_bytes(
    elf: Path, objects: Sequence[Path], model_objects: Sequence[Path], frames: Iterable[FrameSize]
) -> int | None:
    """Of one invoke of the models in model_objects, below its caller.

    None where it can't be told: recursion, a frame of variable size, a pointer from elsewhere, no invoke.
    """
    functions = _functions(elf)
    indices: dict[str, list[int]] = {}
    for index, one in enumerate(functions):
        for name in one.names:
            indices.setdefault(name, []).append(index)
    taken: dict[int, set[int]] = {}
    held: set[int] = set()
    roots = set()
    for path in objects:
        for owners, name, is_elsewhere in _taken_addresses(path):
            reached = indices.get(name, [])
            if not owners and path in model_objects and name.endswith(ROOTS):
                roots.update(reached)
            if not owners and path in model_objects and is_elsewhere:
                held.update(reached)
            for owner in (index for one in owners for index in indices.get(one, [])):
                taken.setdefault(owner, set()).update(reached)
    _resolve_pointers(functions, taken, held)
    own = _own_bytes(functions, frames)
    depths = [_depth(functions, own, root, {}, set()) for root in sorted(roots)]
    known = [one for one in depths if one is not None]
    return max(known) if known and len(known) == len(depths) else None


def _resolve_pointers(functions: Sequence[_Function], taken: dict[int, set[int]], held: set[int]) -> None:
    """Enter what calls through pointers reach among the callees; nothing found leaves calls_pointer as it is.

    held: functions of other objects that the constants of models hold.
    """
    row_kernels = {index for index in held if any(map(ROW_KERNEL.match, functions[index].names))}
    calls_pointer = [one.calls_pointer for one in functions]
    for index in (index for index, calls in enumerate(calls_pointer) if calls):
        one = functions[index]
        if GIVES_ROW in one.names:  # the application's: its stack comes on top
            one.calls_pointer = False
            continue
        if CASCADE in one.names:  # none is called where all rows are those of an input
            one.callees |= row_kernels
            one.calls_pointer = False
            continue
        takers = [other for other, caller in enumerate(functions) if index in caller.callees]
        reached = set().union(*(taken.get(taker, set()) for taker in (index, *takers)))  # itself: a clone for one
        if not reached or any(calls_pointer[taker] for taker in takers):  # passed on from a struct
            reached = reached | (held - row_kernels)
        one.callees |= reached
        one.calls_pointer = not reached


def _own_bytes(functions: Sequence[_Function], frames: Iterable[FrameSize]) -> list[int | None]:
    """The frame of each function: what the compiler says, or more where the instructions show more.

    The compiler says nothing of assembly, and 0 of naked functions.
    """
    said: dict[str, int | None] = {}
    for frame in frames:
        before = said.get(frame.function, 0)
        said[frame.function] = max(before, frame.bytes) if frame.is_bounded and before is not None else None
    own = []
    for one in functions:
        names = {COPY_NUMBER.sub("", name) for name in one.names} | one.names
        found = [said[name] for name in names if name in said]
        known = [size for size in (*found, one.pushed_bytes) if size is not None]
        is_known = None not in found if found else one.pushed_bytes is not None
        own.append(max(known) if is_known else None)
    return own


def _depth(
    functions: Sequence[_Function],
    own: Sequence[int | None],
    index: int,
    known: dict[int, int | None],
    path: set[int],
) -> int | None:
    """own of this function and of the deepest of its callees."""
    if index in path:
        return None
    if index not in known:
        below: list[int | None] = [
            _depth(functions, own, one, known, path | {index}) for one in sorted(functions[index].callees)
        ]
        mine = None if functions[index].calls_pointer else own[index]
        depths = [one for one in below if one is not None]
        known[index] = None if mine is None or len(depths) < len(below) else mine + max(depths, default=0)
    return known[index]


def _symbols(image: ELFFile) -> Iterator[Symbol]:
    table = image.get_section_by_name(".symtab")
    assert isinstance(table, SymbolTableSection), "the ELF file is stripped"
    yield from table.iter_symbols()


def _functions(elf: Path) -> list[_Function]:
    """All functions of an ELF file by address, with what their code says."""
    with elf.open("rb") as file:
        image = ELFFile(file)
        code = [
            (one["sh_addr"], one.data())
            for one in image.iter_sections()
            if one["sh_type"] == "SHT_PROGBITS" and one["sh_flags"] & SH_FLAGS.SHF_EXECINSTR
        ]
        symbols = list(_symbols(image))
    found: dict[int, _Function] = {}
    for symbol in symbols:
        if symbol["st_info"]["type"] == "STT_FUNC" and isinstance(symbol["st_shndx"], int):
            start = symbol["st_value"] & ~1
            one = found.setdefault(start, _Function(start, start, set()))
            one.names.add(symbol.name)
            one.end = max(one.end, start + symbol["st_size"])
    functions = [found[start] for start in sorted(found)]
    for one, follower in zip(functions, [*functions[1:], None], strict=True):
        if one.end == one.start and follower is not None:  # assembly without .size
            one.end = follower.start
    marks = sorted((one["st_value"] & ~1, one.name[:2]) for one in symbols if one.name[:2] in ("$t", "$d"))
    for address, data in code:
        _decode(functions, marks, address, data)
    return functions


def _decode(functions: Sequence[_Function], marks: Sequence[tuple[int, str]], base: int, data: bytes) -> None:
    """Enter calls and pushes of the code in a section; marks: where code and data begin (AAELF32, 5.5.5)."""
    starts = [one.start for one in functions]
    for (begin, kind), (end, _) in zip(marks, [*marks[1:], (base + len(data), "")], strict=True):
        if kind != "$t" or not base <= begin < base + len(data):
            continue
        address = begin
        while address < min(end, base + len(data)):
            instruction = decode_thumb(data[address - base : address - base + 4], address)
            index = bisect_right(starts, address) - 1
            if index >= 0 and address < functions[index].end:
                _enter(functions[index], instruction, bisect_right(starts, instruction.target or 0) - 1)
            address += instruction.size


def _enter(function: _Function, instruction: _Instruction, callee: int) -> None:
    target = instruction.target
    if target is not None and (instruction.is_link or not function.start <= target < function.end):
        function.callees.add(callee)
    function.calls_pointer |= instruction.is_pointer
    if function.pushed_bytes is not None:
        pushed = instruction.pushed_bytes
        function.pushed_bytes = None if pushed is None else function.pushed_bytes + pushed


def decode_thumb(code: bytes, address: int) -> _Instruction:
    """The instruction at the start of `code`."""
    first = int.from_bytes(code[:2], "little")
    if first >> 11 in (0x1D, 0x1E, 0x1F):
        return _decode_wide(first, int.from_bytes(code[2:4], "little"), address + 4)
    if first & 0xFE00 == 0xB400:  # PUSH
        return _Instruction(2, pushed_bytes=4 * (first & 0x1FF).bit_count())
    if first & 0xFF80 == 0xB080:  # SUB SP
        return _Instruction(2, pushed_bytes=4 * (first & 0x7F))
    if first & 0xFF87 in (0x4485, 0x4685):  # ADD, MOV of a register to SP
        return _Instruction(2, pushed_bytes=None)
    if first & 0xFF07 == 0x4700 and first != 0x4770:  # BLX and BX of a register other than LR
        return _Instruction(2, is_pointer=True)
    if first & 0xF800 == 0xE000:  # B
        return _Instruction(2, address + 4 + 2 * _signed(first & 0x7FF, 11))
    if first & 0xF000 == 0xD000 and first >> 8 & 0xF < 0xE:  # B of a condition
        return _Instruction(2, address + 4 + 2 * _signed(first & 0xFF, 8))
    return _Instruction(2)


def _decode_wide(first: int, second: int, pc: int) -> _Instruction:
    if first & 0xF800 == 0xF000 and second & 0x8000:
        return _decode_branch(first, second, pc)
    if first == 0xE92D:  # STMDB SP!
        return _Instruction(4, pushed_bytes=4 * second.bit_count())
    if first & 0xFFBF == 0xED2D:  # VPUSH
        return _Instruction(4, pushed_bytes=4 * (second & 0xFF))
    if first == 0xE96D:  # STRD to SP, pre-indexed
        return _Instruction(4, pushed_bytes=4 * (second & 0xFF))
    if first == 0xF84D and second & 0x0F00 == 0x0D00:  # STR likewise
        return _Instruction(4, pushed_bytes=second & 0xFF)
    if (first & 0xFBFF in (0xF1AD, 0xF2AD) or first == 0xEBAD) and second & 0x0F00 == 0x0D00:  # SUB.W, SUBW SP
        return _Instruction(4, pushed_bytes=None)
    return _Instruction(4)


def _decode_branch(first: int, second: int, pc: int) -> _Instruction:
    sign, j1, j2 = first >> 10 & 1, second >> 13 & 1, second >> 11 & 1
    low = second & 0x7FF
    if second & 0x1000:  # BL, B
        i1, i2 = 1 ^ j1 ^ sign, 1 ^ j2 ^ sign
        offset = _signed(sign << 23 | i1 << 22 | i2 << 21 | (first & 0x3FF) << 11 | low, 24)
        return _Instruction(4, pc + 2 * offset, is_link=bool(second & 0x4000))
    if not second & 0x4000 and first >> 6 & 0xF < 0xE:  # B of a condition
        return _Instruction(4, pc + 2 * _signed(sign << 19 | j2 << 18 | j1 << 17 | (first & 0x3F) << 11 | low, 20))
    return _Instruction(4)


def _signed(value: int, bits: int) -> int:
    return value - (value >> bits - 1 << bits)


def _taken_addresses(path: Path) -> Iterator[tuple[set[str], str, bool]]:
    """(functions, name, is_elsewhere): they take the address of that symbol; none where constants or data hold it.

    is_elsewhere: another object defines it.
    """
    with path.open("rb") as file:
        image = ELFFile(file)
        symbols = list(_symbols(image))
        inside: dict[int, set[str]] = {}
        for symbol in symbols:
            if symbol["st_info"]["type"] == "STT_FUNC":
                inside.setdefault(symbol["st_shndx"], set()).add(symbol.name)
        for section in image.iter_sections():
            if not isinstance(section, RelocationSection):
                continue
            if not image.get_section(section["sh_info"])["sh_flags"] & SH_FLAGS.SHF_ALLOC:
                continue
            owners = inside.get(section["sh_info"], set())
            for one in section.iter_relocations():
                symbol = symbols[one["r_info_sym"]]
                if one["r_info_type"] not in BRANCH_RELOCATIONS:
                    if symbol["st_info"]["type"] == "STT_SECTION":
                        for name in inside.get(symbol["st_shndx"], set()):
                            yield owners, name, False
                    else:
                        yield owners, symbol.name, symbol["st_shndx"] == "SHN_UNDEF"
