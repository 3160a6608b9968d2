# SPDX-License-Identifier: Apache-2.0
"""ELF -> the bytes that are written to flash, raw and as Intel HEX."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from elftools.elf.elffile import ELFFile

HEX_BYTES = 16
ERASED = b"\xff"


def image_parts(elf: Path) -> list[tuple[int, bytes]]:
    """(load address, bytes) of what the file holds for memory, by address."""
    with elf.open("rb") as file:
        segments = ELFFile(file).iter_segments("PT_LOAD")
        parts = [(one["p_paddr"], one.data()) for one in segments if one["p_filesz"]]
    return sorted(parts)


def binary(parts: list[tuple[int, bytes]]) -> bytes:
    """From the first address to the last; gaps as erased flash."""
    image = bytearray()
    for address, data in parts:
        image += ERASED * (address - parts[0][0] - len(image)) + data
    return bytes(image)


def intel_hex(parts: list[tuple[int, bytes]], entry: int) -> str:
    """Source: Intel Hexadecimal Object File Format Specification, revision A, 1988: records 00, 01, 04 and 05."""
    return "".join(f":{record.hex().upper()}\n" for record in _records(parts, entry))


def _records(parts: list[tuple[int, bytes]], entry: int) -> Iterator[bytes]:
    upper = 0
    for base, data in parts:
        address = base
        while address < base + len(data):
            if address >> 16 != upper:
                upper = address >> 16
                yield _record(0, 4, upper.to_bytes(2, "big"))
            length = min(HEX_BYTES - address % HEX_BYTES, base + len(data) - address)
            yield _record(address & 0xFFFF, 0, data[address - base : address - base + length])
            address += length
    yield _record(0, 5, entry.to_bytes(4, "big"))
    yield _record(0, 1, b"")


def _record(address: int, kind: int, data: bytes) -> bytes:
    body = bytes([len(data), *address.to_bytes(2, "big"), kind]) + data
    return body + bytes([-sum(body) & 0xFF])
