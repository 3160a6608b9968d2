# SPDX-License-Identifier: Apache-2.0
"""Exact counts of executed instructions in unicorn: how often each translated block ran, times its instructions.

On x86-64 the counting callback is 32 bytes of machine code that unicorn calls without Python: 600 million instructions
a second. Elsewhere it is a Python function, 40 times slower, with the same counts.
"""

from __future__ import annotations

import ctypes
import mmap
import platform
import struct
import sys
from typing import Any

import numpy as np
import unicorn
from numpy.typing import NDArray

from sapmcu.run.elf import Program

Counts = NDArray[np.uint64]

NATIVE_CALLBACK = bytes.fromhex(
    "89f0"  # mov  eax, esi            the block's address
    "2b4110"  # sub  eax, [rcx + 16]     - base
    "d1e8"  # shr  eax, 1              / 2: a halfword is the shortest instruction
    "3b4114"  # cmp  eax, [rcx + 20]     beyond the table?
    "7310"  # jae  the end
    "4c8b01"  # mov  r8, [rcx]           counts
    "4c8b4908"  # mov  r9, [rcx + 8]       sizes
    "49ff04c0"  # inc  qword [r8 + rax * 8]
    "41891481"  # mov  [r9 + rax * 4], edx
    "c3"  # ret
)
"""void (uc, address: esi, size: edx, table: rcx), System V AMD64 ABI."""


def has_native_callback() -> bool:
    """Whether this host runs NATIVE_CALLBACK."""
    return platform.machine() in ("x86_64", "AMD64") and sys.platform in ("linux", "darwin")


def instructions_in(code: bytes) -> int:
    """Number of Thumb instructions. Source: Armv7-M ARM (DDI 0403), A5.1: halfwords 0b11101, 0b1111x begin 32 bits."""
    position = count = 0
    while position < len(code):
        position += 4 if code[position + 1] >> 3 in (0x1D, 0x1E, 0x1F) else 2
        count += 1
    return count


class BlockCounter:
    """Counts the blocks of a program's functions, from now on."""

    def __init__(self, uc: Any, program: Program, *, native: bool | None = None) -> None:
        self._uc = uc
        self.base = min(one.start for one in program.functions)
        length = (max(one.end for one in program.functions) - self.base + 1) // 2
        self._counts = np.zeros(length, np.uint64)
        self._sizes = np.zeros(length, np.uint32)
        self._known_sizes = np.zeros(length, np.uint32)
        self._instructions = np.zeros(length, np.uint64)
        self.is_native = has_native_callback() if native is None else native
        if self.is_native:
            try:
                self._hook_native(length)
                return
            except (OSError, PermissionError):  # a system that has no memory both writable and executable
                self.is_native = False
        uc.hook_add(unicorn.UC_HOOK_BLOCK, self._count)

    def _hook_native(self, length: int) -> None:
        from unicorn.unicorn_py3 import unicorn as binding

        self._code = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        self._code.write(NATIVE_CALLBACK)
        address = ctypes.addressof(ctypes.c_char.from_buffer(self._code))
        table = struct.pack("<QQII", self._counts.ctypes.data, self._sizes.ctypes.data, self.base, length)
        self._table = ctypes.create_string_buffer(table, len(table))
        handle = ctypes.c_size_t()
        error = binding.uclib.uc_hook_add(
            self._uc._uch,
            ctypes.byref(handle),
            unicorn.UC_HOOK_BLOCK,
            ctypes.c_void_p(address),
            ctypes.byref(self._table),
            ctypes.c_uint64(1),  # begin > end: everywhere
            ctypes.c_uint64(0),
        )
        assert error == 0, f"uc_hook_add: {error}"

    def _count(self, _: Any, address: int, size: int, __: Any) -> None:
        index = (address - self.base) >> 1
        if 0 <= index < len(self._counts):
            self._counts[index] += np.uint64(1)
            self._sizes[index] = size

    def counts(self) -> Counts:
        """How often the block at each halfword has run."""
        return self._counts.copy()

    def instructions(self) -> Counts:
        """Instructions of the block at each halfword."""
        for index in np.nonzero(self._sizes != self._known_sizes)[0]:
            size = int(self._sizes[index])
            self._instructions[index] = instructions_in(bytes(self._uc.mem_read(self.base + 2 * int(index), size)))
            self._known_sizes[index] = size
        return self._instructions
