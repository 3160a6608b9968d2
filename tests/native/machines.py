# SPDX-License-Identifier: Apache-2.0
"""Where kernels run: a process of this host, under sanitizers, and an emulated Cortex-M.

Both see an access beyond a buffer's end: the sanitizer on the host, a guard page behind each buffer in the emulator.
"""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path
from typing import Any, Protocol

from native.kernel_files import FUNCTIONS

MAX_ARGUMENTS = 6


class Machine(Protocol):
    """Memory and functions. pointer_bytes: of an address inside a struct."""

    pointer_bytes: int

    def allocate(self, data: bytes, alignment: int = 1) -> int:
        """The address of a new buffer that holds `data` and nothing more."""

    def read(self, address: int, size: int) -> bytes: ...

    def function(self, name: str) -> int: ...

    def call(self, name: str, *arguments: int) -> None: ...

    def reset(self) -> None:
        """Free all buffers."""


class Host:
    """The server of host_server.c."""

    pointer_bytes = 8

    def __init__(self, server: Path) -> None:
        pipe = subprocess.PIPE
        self._process = subprocess.Popen([server], stdin=pipe, stdout=pipe, stderr=pipe)

    def close(self) -> None:
        self._process.communicate()

    def allocate(self, data: bytes, alignment: int = 1) -> int:
        address = self._number(b"a" + struct.pack("=Q", len(data)))
        self._send(b"w" + struct.pack("=QQ", address, len(data)) + data)
        return address

    def read(self, address: int, size: int) -> bytes:
        self._send(b"r" + struct.pack("=QQ", address, size))
        return self._receive(size)

    def function(self, name: str) -> int:
        return self._number(b"n" + struct.pack("=Q", FUNCTIONS.index(name)))

    def call(self, name: str, *arguments: int) -> None:
        padded = (*arguments, *(0,) * (MAX_ARGUMENTS - len(arguments)))
        self._send(b"c" + struct.pack("=7Q", self.function(name), *padded))

    def reset(self) -> None:
        self._send(b"f")

    def _send(self, request: bytes) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(request)
            self._process.stdin.flush()
        except BrokenPipeError:
            self._receive(1)

    def _receive(self, size: int) -> bytes:
        assert self._process.stdout is not None
        answer = self._process.stdout.read(size)
        if len(answer) < size:
            assert self._process.stderr is not None
            raise AssertionError(f"a kernel stopped:\n{self._process.stderr.read().decode()}")
        return answer

    def _number(self, request: bytes) -> int:
        self._send(request)
        number: int = struct.unpack("=Q", self._receive(8))[0]
        return number


CODE, CODE_BYTES = 0x0001_0000, 0x4_0000
STACK, STACK_BYTES = 0x1000_0000, 0x1000
BUFFERS, SLOT_BYTES, SLOTS, GUARD_BYTES = 0x2000_0000, 0x2_0000, 32, 0x1000
RETURN = 0x0002_0000 - 2
"""An address inside CODE that no function reaches; emulation ends there."""


class Emulated:
    """A Cortex-M in unicorn. core: "M4" and the like. Buffers end at a guard page, so that int8 data is unaligned."""

    pointer_bytes = 4

    def __init__(self, elf: Path, core: str) -> None:
        import unicorn
        from elftools.elf.elffile import ELFFile
        from unicorn import arm_const

        self._registers = arm_const
        model = getattr(arm_const, f"UC_CPU_ARM_CORTEX_{core}")
        # UC_MODE_MCLASS would make any core an M33
        self._uc: Any = unicorn.Uc(unicorn.UC_ARCH_ARM, unicorn.UC_MODE_THUMB, model)
        readable, writable = unicorn.UC_PROT_READ | unicorn.UC_PROT_EXEC, unicorn.UC_PROT_READ | unicorn.UC_PROT_WRITE
        self._uc.mem_map(CODE, CODE_BYTES, readable)
        self._uc.mem_map(STACK, STACK_BYTES, writable)
        for slot in range(SLOTS):
            self._uc.mem_map(BUFFERS + slot * SLOT_BYTES, SLOT_BYTES - GUARD_BYTES, writable)
        self._slot = 0
        with elf.open("rb") as file:
            image = ELFFile(file)
            for segment in image.iter_segments("PT_LOAD"):
                self._uc.mem_write(segment["p_paddr"], segment.data())
            symbols = image.get_section_by_name(".symtab").iter_symbols()
            self._symbols = {symbol.name: int(symbol["st_value"]) for symbol in symbols}

    def close(self) -> None:
        self._uc = None

    def allocate(self, data: bytes, alignment: int = 1) -> int:
        assert self._slot < SLOTS and len(data) <= SLOT_BYTES - GUARD_BYTES
        end = BUFFERS + self._slot * SLOT_BYTES + SLOT_BYTES - GUARD_BYTES
        self._slot += 1
        address = (end - len(data)) // alignment * alignment
        self._uc.mem_write(address, data)
        return address

    def read(self, address: int, size: int) -> bytes:
        return bytes(self._uc.mem_read(address, size))

    def function(self, name: str) -> int:
        return self._symbols[name] | 1

    def call(self, name: str, *arguments: int) -> None:
        registers = self._registers
        stack_top = STACK + STACK_BYTES
        stacked = b"".join(struct.pack("<I", one) for one in arguments[4:])
        sp = stack_top - (len(stacked) + 7) // 8 * 8
        self._uc.mem_write(sp, stacked)
        for index, value in enumerate(arguments[:4]):
            self._uc.reg_write(registers.UC_ARM_REG_R0 + index, value)
        self._uc.reg_write(registers.UC_ARM_REG_SP, sp)
        self._uc.reg_write(registers.UC_ARM_REG_LR, RETURN | 1)
        self._uc.emu_start(self.function(name), RETURN)

    def reset(self) -> None:
        self._slot = 0
