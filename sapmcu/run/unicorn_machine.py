# SPDX-License-Identifier: Apache-2.0
"""A Cortex-M in unicorn: core, memory with its protections, semihosting, and what is measured around an invoke."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import unicorn
from numpy.typing import NDArray
from unicorn import arm_const

from sapmcu.ir.firmware import MemoryRegion
from sapmcu.ir.run import FunctionCost, Measurement
from sapmcu.run.block_counter import BlockCounter, Counts
from sapmcu.run.cycles import BlockTimer
from sapmcu.run.elf import Program

PAGE_BYTES = 4096
PAINT = 0xA5
SYSTEM_BASE, SYSTEM_BYTES = 0xE000_0000, 0x10_0000
"""The private peripheral bus: registers keep what is written to them, and do nothing."""
PERIPHERALS = (range(0x4000_0000, 0x6000_0000), range(0xA000_0000, 0xA001_0000))
"""Where MCUs have registers, and where STM32 have those of their FMC. Source: RM0385, Memory map."""
TAKE_STEP = "sapmcu_take_step"
STARTUP = {TAKE_STEP, "sapmcu_take_steps", "sapmcu_board_prepare", "sapmcu_board_begin", "reset_reasons"}
"""What may access peripherals; from anywhere else that is a fault."""
STEP = struct.Struct("<B3xIII")
STEP_WAIT, STEP_PAIRS = 2, 3
"""firmware/port/steps.h."""
BEGIN, END = "sapmcu_begin_invoke", "sapmcu_end_invoke"
ALL = slice(None)
RETURN_ADDRESS = 0xFFFF_FFFE

BKPT_EXCEPTION = 7
SEMIHOSTING_BKPT = b"\xab\xbe"
SYS_OPEN, SYS_WRITEC, SYS_WRITE0, SYS_WRITE, SYS_READ = 0x01, 0x03, 0x04, 0x05, 0x06
SYS_EXIT, SYS_EXIT_EXTENDED = 0x18, 0x20
APPLICATION_EXIT = 0x20026
MINUS_ONE = 0xFFFF_FFFF
CONSOLE = b":tt"

EXCEPTIONS = {1: "undefined instruction", 2: "supervisor call", 3: "prefetch abort", 4: "data abort", 7: "breakpoint"}
"""Numbers of QEMU 5's target/arm/cpu.h, which unicorn 2 is made of."""
ACCESSES = {
    unicorn.UC_MEM_READ_UNMAPPED: "read of no memory",
    unicorn.UC_MEM_WRITE_UNMAPPED: "write to no memory",
    unicorn.UC_MEM_FETCH_UNMAPPED: "jump to no memory",
    unicorn.UC_MEM_READ_PROT: "read of protected memory",
    unicorn.UC_MEM_WRITE_PROT: "write to flash",
    unicorn.UC_MEM_FETCH_PROT: "jump to data",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """Where and why the program stopped. address: the one that was accessed."""

    what: str
    pc: int
    lr: int
    address: int | None = None


@dataclass(frozen=True, slots=True)
class _Costs:
    """What blocks cost that ran as often as `counts` says, BlockCounter.counts()."""

    of_instructions: Counts
    of_cycles: NDArray[np.float64]

    def instructions(self, counts: Counts, part: slice = ALL) -> int:
        return int((counts[0, part] * self.of_instructions[part]).sum())

    def cycles(self, counts: Counts, part: slice = ALL) -> int:
        """An estimate: cycles.py. Of an op, a block's end may be counted whose run was the op's before."""
        runs, passes = counts[:, part].astype(np.int64)
        cycles, leaving = self.of_cycles[:, part]
        return round(float((runs * cycles + (runs - passes) * leaving).sum()))


class Machine:
    """Runs one program; `on_invoke` gets the measurement of each invoke as it ends.

    receive(room) and send(data) are the host's ends of the byte stream, console(data) of the text. is_obliging: there
    are registers wherever startup expects them, which keep what is written, and become what is waited for.
    """

    def __init__(
        self,
        program: Program,
        cpu: str,
        memory: Sequence[MemoryRegion],
        *,
        receive: Callable[[int], bytes],
        send: Callable[[bytes], None],
        console: Callable[[bytes], None],
        on_invoke: Callable[[Measurement], None],
        native: bool | None = None,
        timer: BlockTimer | None = None,
        is_obliging: bool = True,
    ) -> None:
        self.program = program
        self._receive, self._send, self._console, self._on_invoke = receive, send, console, on_invoke
        self.fault: Fault | None = None
        self.exit_code: int | None = None
        # Without UC_MODE_MCLASS: with it unicorn 2.1.4 takes a Cortex-M33, whatever core is asked for.
        self.uc: Any = unicorn.Uc(unicorn.UC_ARCH_ARM, unicorn.UC_MODE_THUMB, cpu_model(cpu))
        self._system: dict[int, int] = {}
        self._is_obliging = is_obliging
        self._register_pages: set[int] = set()
        self._map(memory)
        self.counter = BlockCounter(self.uc, program, native=native, timer=timer)
        self._is_timed = timer is not None
        self._ended: list[int] = []
        self._running: int | None = None
        self._spent: dict[int, Counts] = {}
        self._last = self.counter.counts()
        self._paused: Counts | None = None
        self._deepest = 0
        self._start: tuple[Counts, int, range] | None = None
        self._hook()

    def _map(self, memory: Sequence[MemoryRegion]) -> None:
        for region in memory:
            size = -(-region.size_bytes // PAGE_BYTES) * PAGE_BYTES
            access = unicorn.UC_PROT_EXEC if region.executable else unicorn.UC_PROT_WRITE
            self.uc.mem_map(region.base, size, unicorn.UC_PROT_READ | access)
            if not region.executable:
                self.uc.mem_write(region.base, bytes([PAINT]) * size)
        for address, data in self.program.segments:
            self.uc.mem_write(address, data)
        self.uc.mmio_map(SYSTEM_BASE, SYSTEM_BYTES, self._read_system, None, self._write_system, None)

    def _read_system(self, _: Any, offset: int, __: int, ___: Any) -> int:
        return self._system.get(offset, 0)

    def _write_system(self, _: Any, offset: int, __: int, value: int, ___: Any) -> None:
        if not 0x1000 <= offset < 0x2000:  # the DWT: its counter doesn't count here
            self._system[offset] = value

    def _hook(self) -> None:
        self.uc.hook_add(unicorn.UC_HOOK_INTR, self._interrupt)
        self.uc.hook_add(unicorn.UC_HOOK_MEM_INVALID, self._bad_access)
        self.uc.hook_add(unicorn.UC_HOOK_INSN_INVALID, self._bad_instruction)
        symbols = self.program.symbols
        if self._is_obliging and TAKE_STEP in symbols:
            self._at(symbols[TAKE_STEP] & ~1, self._oblige)
        if BEGIN in symbols and END in symbols:
            self._at(symbols[BEGIN] & ~1, self._begin)
            self._at(symbols[END] & ~1, self._end)
            for address, indices in self.program.marks.items():
                self._at(address, partial(self._end_ops, indices))
            for address, name in self.program.row_marks.items():
                self._at(address, partial(self._begin_rows, getattr(arm_const, f"UC_ARM_REG_{name.upper()}")))

    def _end_ops(self, indices: tuple[int, ...]) -> None:
        if self._start is not None:
            for index in indices:
                self._spend(index if self._running is None else self._running)
                self._running = None
            self._ended += indices

    def _begin_rows(self, register: int) -> None:
        """Of an op whose rows are computed among those of others; what led to the first is its, too."""
        if self._start is not None:
            index = self.register(register)
            self._spend(index if self._running is None else self._running)
            self._running = index

    def _spend(self, index: int) -> None:
        """What ran since the last mark is what op `index` costs."""
        counts = self.counter.counts()
        self._spent[index] = self._spent.get(index, np.zeros_like(counts)) + counts - self._last
        self._last = counts

    def _at(self, address: int, action: Callable[[], None]) -> None:
        self.uc.hook_add(unicorn.UC_HOOK_CODE, lambda *_: action(), begin=address, end=address)

    def register(self, number: int) -> int:
        return int(self.uc.reg_read(number))

    # --- Running -----------------------------------------------------------------------------------------------

    def run(self) -> None:
        """From reset until the program ends (exit_code) or faults (fault)."""
        stack, entry = struct.unpack("<II", self.uc.mem_read(self.program.vectors, 8))
        self.uc.reg_write(arm_const.UC_ARM_REG_SP, stack)
        try:
            self.uc.emu_start(entry | 1, RETURN_ADDRESS)
        except unicorn.UcError as error:
            self._stop(str(error))
        if self.exit_code is None:
            self._stop("the program stopped")

    def _stop(self, what: str, address: int | None = None) -> None:
        """Note the first fault."""
        if self.fault is None:
            pc, lr = self.register(arm_const.UC_ARM_REG_PC), self.register(arm_const.UC_ARM_REG_LR)
            self.fault = Fault(what, pc, lr, address)
        self.uc.emu_stop()

    def _oblige(self) -> None:
        """Before a step is taken: what it waits for is there; a list of pairs is as in erased flash, empty."""
        action, address, mask, value = STEP.unpack(self.uc.mem_read(self.register(arm_const.UC_ARM_REG_R0), STEP.size))
        if action == STEP_PAIRS:
            self._map_registers(address, b"\xff")
        elif action == STEP_WAIT:
            self._map_registers(address)
            (now,) = self._words(address, 1)
            self.uc.mem_write(address, struct.pack("<I", now & ~mask | value))

    def _map_registers(self, address: int, content: bytes = b"\0") -> None:
        page = address // PAGE_BYTES * PAGE_BYTES
        if page not in self._register_pages:
            self._register_pages.add(page)
            self.uc.mem_map(page, PAGE_BYTES)
            self.uc.mem_write(page, content * PAGE_BYTES)

    def _bad_access(self, _: Any, access: int, address: int, __: int, ___: int, ____: Any) -> bool:
        function = self.program.function_at(self.register(arm_const.UC_ARM_REG_PC))
        if (
            self._is_obliging
            and any(address in one for one in PERIPHERALS)
            and function is not None
            and function.name in STARTUP
        ):
            self._map_registers(address)
            return True
        self._stop(ACCESSES.get(access, f"access {access}"), address)
        return False

    def _bad_instruction(self, _: Any, __: Any) -> bool:
        self._stop("undefined instruction")
        return False

    def _interrupt(self, _: Any, number: int, __: Any) -> None:
        pc = self.register(arm_const.UC_ARM_REG_PC)
        if number != BKPT_EXCEPTION or bytes(self.uc.mem_read(pc, 2)) != SEMIHOSTING_BKPT:
            self._stop(EXCEPTIONS.get(number, f"exception {number}"))
            return
        operation, argument = self.register(arm_const.UC_ARM_REG_R0), self.register(arm_const.UC_ARM_REG_R1)
        try:
            result = self._semihosting(operation, argument)
        except unicorn.UcError as error:
            self._stop(f"semihosting call {operation:#x}: {error}", argument)
            return
        self.uc.reg_write(arm_const.UC_ARM_REG_R0, result)
        self.uc.reg_write(arm_const.UC_ARM_REG_PC, (pc + 2) | 1)

    def _semihosting(self, operation: int, argument: int) -> int:
        """Source: Arm "Semihosting for AArch32 and AArch64", 2023Q3, chapter 6. The stream is the only file."""
        if operation == SYS_WRITE0:
            self._console(self._text(argument))
        elif operation == SYS_WRITEC:
            self._console(bytes(self.uc.mem_read(argument, 1)))
        elif operation == SYS_OPEN:
            name, mode, length = self._words(argument, 3)
            is_console = bytes(self.uc.mem_read(name, length)) == CONSOLE
            return 1 + mode // 4 if is_console and mode < 8 else MINUS_ONE
        elif operation == SYS_READ:
            _, address, room = self._words(argument, 3)
            data = self._receive(room)
            self.uc.mem_write(address, data)
            return room - len(data)
        elif operation == SYS_WRITE:
            _, address, length = self._words(argument, 3)
            self._send(bytes(self.uc.mem_read(address, length)))
        elif operation in (SYS_EXIT, SYS_EXIT_EXTENDED):
            reason, code = (argument, 0) if operation == SYS_EXIT else self._words(argument, 2)
            self.exit_code = code if reason == APPLICATION_EXIT else 1
            self.uc.emu_stop()
        else:
            return MINUS_ONE
        return 0

    def _words(self, address: int, count: int) -> tuple[int, ...]:
        return struct.unpack(f"<{count}I", self.uc.mem_read(address, 4 * count))

    def _text(self, address: int) -> bytes:
        text = bytearray()
        while byte := self.uc.mem_read(address + len(text), 1)[0]:
            text.append(byte)
        return bytes(text)

    # --- Measuring ---------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        """Paint the free stack; from here on everything counts, but what the caller itself does.

        A run that waited goes on: what happened in between isn't the model's.
        """
        stack = self.register(arm_const.UC_ARM_REG_SP)
        bottom = self._stack_bottom()
        self.uc.mem_write(bottom, bytes([PAINT]) * (stack - bottom))
        caller = self.program.function_at(self.register(arm_const.UC_ARM_REG_LR) & ~1)
        own = range(caller.start, caller.end) if caller else range(0)
        now = self.counter.counts()
        if self._start is not None and self._paused is not None:
            between = now - self._paused
            self._last = self._last + between
            self._start = self._start[0] + between, stack, own
            return
        self._ended.clear()
        self._spent.clear()
        self._running = None
        self._deepest = 0
        self._last = now
        self._start = now, stack, own

    def _end(self) -> None:
        if self._start is None:
            return
        before, stack, own = self._start
        self._deepest = max(self._deepest, self._stack_used(stack))
        is_waiting = self.register(arm_const.UC_ARM_REG_R0) == 1
        self._paused = self.counter.counts() if is_waiting else None
        if is_waiting:
            return
        self._start = None
        if self._ended:
            self._spend(self._ended[-1])  # the way back: the last op's
        costs = self._costs(own)
        counts = self.counter.counts() - before
        self._on_invoke(
            Measurement(
                instructions=costs.instructions(counts),
                estimated_cycles=costs.cycles(counts) if self._is_timed else None,
                instructions_by_op=self._by_op(costs.instructions),
                estimated_cycles_by_op=self._by_op(costs.cycles) if self._is_timed else None,
                profile=self._profile(counts, costs),
                stack_bytes=self._deepest,
                arena_used_bytes=self._arena_used(),
            )
        )

    def _costs(self, own: range) -> _Costs:
        """Of each block, nothing for those of the caller and of what marks an invoke."""
        instructions, cycles = self.counter.instructions().copy(), self.counter.cycles().copy()
        for function in self.program.functions:
            if function.name in (BEGIN, END) or function.start == own.start:
                part = self._slice(function.start, function.end)
                instructions[part] = 0
                cycles[:, part] = 0
        return _Costs(instructions, cycles)

    def _by_op(self, cost: Callable[[Counts], int]) -> tuple[int, ...] | None:
        """An op without a mark of its own counts to the next one."""
        if not self._ended or self._ended != sorted(set(self._ended)):
            return None
        nothing = np.zeros_like(self._last)
        return tuple(cost(self._spent.get(index, nothing)) for index in range(self._ended[-1] + 1))

    def _slice(self, start: int, end: int) -> slice:
        return slice((start - self.counter.base) // 2, (end - self.counter.base + 1) // 2)

    def _profile(self, counts: Counts, costs: _Costs) -> tuple[FunctionCost, ...]:
        found = []
        for function in self.program.functions:
            part = self._slice(function.start, function.end)
            if instructions := costs.instructions(counts, part):
                cycles = costs.cycles(counts, part) if self._is_timed else None
                found.append(FunctionCost(function.name, instructions, int(counts[0, part.start]), cycles))
        return tuple(sorted(found, key=lambda cost: (-cost.instructions, cost.name)))

    def _stack_bottom(self) -> int:
        return self.program.symbols["sapmcu_stack_top"] - self.program.symbols["sapmcu_stack_bytes"]

    def _stack_used(self, stack: int) -> int:
        """From where the stack was at the beginning to the deepest word that was written."""
        bottom = self._stack_bottom()
        data = bytes(self.uc.mem_read(bottom, stack - bottom))
        return -(-len(data.lstrip(bytes([PAINT]))) // 4) * 4

    def _arena_used(self) -> int:
        """Up to the last byte that was ever written."""
        start, end = (self.program.symbols[f"sapmcu_arena_{what}"] for what in ("start", "end"))
        return len(bytes(self.uc.mem_read(start, end - start)).rstrip(bytes([PAINT])))


def cpu_model(name: str) -> int:
    """m4 -> UC_CPU_ARM_CORTEX_M4."""
    return int(getattr(arm_const, f"UC_CPU_ARM_CORTEX_{name.upper()}"))
