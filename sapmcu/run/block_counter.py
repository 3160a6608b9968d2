# SPDX-License-Identifier: Apache-2.0
"""Exact counts of executed instructions in unicorn: how often each translated block ran, times its instructions.

How often the block behind it came next is counted, too: what its last instruction, a branch, did.
On x86-64 the counting callback is 60 bytes of machine code that unicorn calls without Python: 600 million instructions
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

from sapmcu.run.cycles import BlockTimer
from sapmcu.run.elf import Program

Counts = NDArray[np.uint64]

NOWHERE = 1
"""Where no block begins: addresses are even."""

NATIVE_CALLBACK = bytes.fromhex(
    "3b7120"  # cmp  esi, [rcx + 32]    does the block follow the last one?
    "750c"  # jne  1f
    "4c8b4118"  # mov  r8, [rcx + 24]     passes
    "448b4924"  # mov  r9d, [rcx + 36]    index of the last one
    "4bff04c8"  # inc  qword [r8 + r9 * 8]
    "c7412001000000"  # 1: mov dword [rcx + 32], 1  no block follows what isn't counted
    "89f0"  # mov  eax, esi            the block's address
    "2b4110"  # sub  eax, [rcx + 16]     - base
    "d1e8"  # shr  eax, 1              / 2: a halfword is the shortest instruction
    "3b4114"  # cmp  eax, [rcx + 20]     beyond the table?
    "7317"  # jae  2f
    "4c8b01"  # mov  r8, [rcx]           counts
    "4c8b4908"  # mov  r9, [rcx + 8]       sizes
    "49ff04c0"  # inc  qword [r8 + rax * 8]
    "41891481"  # mov  [r9 + rax * 4], edx
    "894124"  # mov  [rcx + 36], eax
    "01f2"  # add  edx, esi
    "895120"  # mov  [rcx + 32], edx     where the block ends
    "c3"  # 2: ret
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

    def __init__(
        self, uc: Any, program: Program, *, native: bool | None = None, timer: BlockTimer | None = None
    ) -> None:
        """timer: of the core's blocks, None where its cycles aren't estimated."""
        self._uc = uc
        self.base = min(one.start for one in program.functions)
        length = (max(one.end for one in program.functions) - self.base + 1) // 2
        self._counts = np.zeros((2, length), np.uint64)
        self._sizes = np.zeros(length, np.uint32)
        self._known_sizes = np.zeros(length, np.uint32)
        self._instructions = np.zeros(length, np.uint64)
        self._cycles = np.zeros((2, length))
        self._timer = timer
        self._last: tuple[int, int] = (NOWHERE, 0)
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
        runs, passes = (row.ctypes.data for row in self._counts)
        table = struct.pack("<QQIIQII", runs, self._sizes.ctypes.data, self.base, length, passes, NOWHERE, 0)
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
        end, before = self._last
        if address == end:
            self._counts[1, before] += np.uint64(1)
        self._last = (NOWHERE, 0)
        index = (address - self.base) >> 1
        if 0 <= index < len(self._sizes):
            self._counts[0, index] += np.uint64(1)
            self._sizes[index] = size
            self._last = (address + size, index)

    def counts(self) -> Counts:
        """[2, halfwords]: how often the block at each halfword has run; how often the one behind it came next."""
        return self._counts.copy()

    def instructions(self) -> Counts:
        """Instructions of the block at each halfword."""
        self._look_at_new_blocks()
        return self._instructions

    def cycles(self) -> NDArray[np.float64]:
        """[2, halfwords]: clock ticks of the block at each halfword; how many more where it is left by a branch.

        Zeros where there is no timer.
        """
        self._look_at_new_blocks()
        return self._cycles

    def _look_at_new_blocks(self) -> None:
        for index in np.nonzero(self._sizes != self._known_sizes)[0]:
            address, size = self.base + 2 * int(index), int(self._sizes[index])
            code = bytes(self._uc.mem_read(address, size))
            self._instructions[index] = instructions_in(code)
            if self._timer is not None:
                self._cycles[:, index] = self._timer.time(code, address)
            self._known_sizes[index] = size
