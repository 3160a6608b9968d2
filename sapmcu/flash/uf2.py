# SPDX-License-Identifier: Apache-2.0
"""UF2, the format of files that a boot loader takes on a USB drive. Source: microsoft/uf2, README, "File format"."""

from __future__ import annotations

import struct
from collections.abc import Iterable

from sapmcu.build.image import ERASED

BLOCK = struct.Struct("<8I476sI")
"""Two magic numbers, flags, address, bytes of data, number of this block and of all, family; data; a magic number."""
MAGIC_START = 0x0A32_4655, 0x9E5D_5157
MAGIC_END = 0x0AB1_6F30
FAMILY_PRESENT = 0x0000_2000
PAGE_BYTES = 256
"""Always correct by the specification; the only size that RP2040's and RP2350's ROM takes."""
PADDING = ERASED * (476 - PAGE_BYTES)

FAMILIES = {"RP2040": 0xE48B_FF56, "RP2350": 0xE48B_FF59, "NRF52840": 0xADA5_2840}
"""RP2350: Arm, secure state. Sources: microsoft/uf2, utils/uf2families.json; RP2350 datasheet, section 5.5.3."""


def uf2(parts: Iterable[tuple[int, bytes]], family: int) -> bytes:
    """parts: (address, bytes) of an image. Pages that it doesn't touch are left out; the rest of one is as erased."""
    pages: dict[int, bytearray] = {}
    for base, data in parts:
        for offset, byte in enumerate(data, base):
            page = pages.setdefault(offset - offset % PAGE_BYTES, bytearray(ERASED * PAGE_BYTES))
            page[offset % PAGE_BYTES] = byte
    return b"".join(
        BLOCK.pack(
            *MAGIC_START,
            FAMILY_PRESENT,
            address,
            PAGE_BYTES,
            number,
            len(pages),
            family,
            bytes(page) + PADDING,
            MAGIC_END,
        )
        for number, (address, page) in enumerate(sorted(pages.items()))
    )
