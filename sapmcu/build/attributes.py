# SPDX-License-Identifier: Apache-2.0
"""What the objects of a static library were built for, from their Arm attributes.

Sources: Arm ABI addenda32 (IHI 0045), build attributes; System V ABI and GNU ar(5), archives.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile

ARCHIVE = b"!<arch>\n"
HEADER_BYTES, NAME_BYTES, SIZE_FIELD = 60, 16, slice(48, 58)
ELF = b"\x7fELF"
ARM = "EM_ARM"
CPU_ARCHS = {
    10: "v7",
    11: "v6-M",
    12: "v6S-M",
    13: "v7E-M",
    14: "v8",
    16: "v8-M.baseline",
    17: "v8-M.mainline",
    21: "v8.1-M.mainline",
}
"""Tag_CPU_arch, named as GNU binutils does; the others are no Cortex-M's."""
FPV5 = (7, 8)
"""Tag_FP_arch of FPv5: instructions of Armv8, which Armv7E-M's second FPU has, too."""


@dataclass(frozen=True, slots=True)
class ObjectTarget:
    """arch: Tag_CPU_arch; None where an object isn't Arm's. has_fpu: it uses one; the others say which."""

    arch: str | None
    is_hard_float: bool
    has_fpu: bool
    is_fpv5: bool
    is_single_only: bool


def library_targets(path: Path) -> dict[ObjectTarget, str]:
    """What a library's objects are for -> the first object that is. Raises: OSError, ValueError for no archive."""
    found: dict[ObjectTarget, str] = {}
    parsed: dict[bytes, ObjectTarget] = {}
    for name, data in _members(path.read_bytes()):
        if data.startswith(ELF):
            attributes = _attributes(data)
            if attributes not in parsed:
                parsed[attributes] = _target(data)
            found.setdefault(parsed[attributes], name)
    return found


def _members(archive: bytes) -> Iterator[tuple[str, bytes]]:
    """(name, bytes) of each file; names longer than a header's field are in the member "//"."""
    if not archive.startswith(ARCHIVE):
        raise ValueError("is no static library")
    at, long_names = len(ARCHIVE), b""
    while at + HEADER_BYTES <= len(archive):
        header = archive[at : at + HEADER_BYTES]
        size_bytes = int(header[SIZE_FIELD])
        data = archive[at + HEADER_BYTES : at + HEADER_BYTES + size_bytes]
        raw = header[:NAME_BYTES].rstrip()
        if raw == b"//":
            long_names = data
        elif raw.startswith(b"/") and raw[1:].isdigit():
            raw = long_names[int(raw[1:]) :].partition(b"\n")[0]
        yield raw.rstrip(b"/").decode(errors="replace"), data
        at += HEADER_BYTES + size_bytes + size_bytes % 2


def _attributes(data: bytes) -> bytes:
    """The section, of an Arm object; else what tells of which machine it is."""
    try:
        section = ELFFile(BytesIO(data)).get_section_by_name(".ARM.attributes")
    except ELFError:
        section = None
    return data[:20] if section is None else bytes(section.data())


def _target(data: bytes) -> ObjectTarget:
    try:
        image = ELFFile(BytesIO(data))
        section = image.get_section_by_name(".ARM.attributes") if image["e_machine"] == ARM else None
    except ELFError:
        section = None
    if section is None:
        return ObjectTarget(None, is_hard_float=False, has_fpu=False, is_fpv5=False, is_single_only=False)
    tags: Mapping[str, int] = {
        attribute.tag: attribute.value
        for subsection in section.iter_subsections()
        for scope in subsection.iter_subsubsections()
        for attribute in scope.iter_attributes()
    }
    number, fp_arch = tags.get("TAG_CPU_ARCH", 0), tags.get("TAG_FP_ARCH", 0)
    return ObjectTarget(
        arch=CPU_ARCHS.get(number, f"architecture {number}"),
        is_hard_float=tags.get("TAG_ABI_VFP_ARGS", 0) == 1,
        has_fpu=fp_arch != 0,
        is_fpv5=fp_arch in FPV5,
        is_single_only=tags.get("TAG_ABI_HARDFP_USE", 0) == 1,
    )
