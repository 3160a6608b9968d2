# SPDX-License-Identifier: Apache-2.0
"""Clock ticks of blocks of Thumb instructions by a core's documented timings.

A block is what an emulator runs at a stretch: only its last instruction may change the flow. Instructions of an IT
block count as if their condition held, but for one that changes the flow. docs/cycles.md has all that is assumed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import capstone
from capstone import arm

from sapmcu.run.timing import CoreTimings

PC, SP = arm.ARM_REG_PC, arm.ARM_REG_SP
LOADS_AND_STORES = frozenset(
    (
        "load",
        "store",
        "load_double",
        "store_double",
        "load_multiple",
        "store_multiple",
        "float_load",
        "float_load_multiple",
    )
)
FLOAT_RESULTS = frozenset(("float", "float_multiply_add", "float_divide"))
NOT_DATA = LOADS_AND_STORES | FLOAT_RESULTS | {"store_immediate", "if_then", "float_move", "float_transfer", "barrier"}
"""Behind these an address waits for nothing that isn't in their own cycles."""
LINE_BYTES = 16
"""Of flash that is read at once: 128 bits, as in an STM32F4."""


class BlockCycles(NamedTuple):
    """cycles: where the next block follows in memory. leaving: how many more where it doesn't."""

    cycles: float
    leaving: float


@dataclass(frozen=True, slots=True)
class _Instruction:
    """What the timing of an instruction and of its neighbour depends on.

    registers: how many it moves. address: registers that its address is made of. results: what it writes.
    """

    kind: str
    size: int
    registers: int
    address: frozenset[int]
    reads: frozenset[int]
    results: frozenset[int]
    addend: int | None
    changes_flow: bool
    is_conditional: bool


class BlockTimer:
    """Times blocks on one core, in flash with so many wait states."""

    def __init__(self, timings: CoreTimings, wait_states: int = 0) -> None:
        self._timings = timings
        self._wait_states = wait_states
        self._decoder = capstone.Cs(capstone.CS_ARCH_ARM, capstone.CS_MODE_THUMB | capstone.CS_MODE_MCLASS)
        self._decoder.detail = True
        self._decoder.skipdata = True

    def time(self, code: bytes, address: int) -> BlockCycles:
        """Of the block that starts at `address`."""
        before: _Instruction | None = None
        cycles = leaving = 0
        for decoded in self._decoder.disasm(code, address):
            one = self._instruction(decoded)
            row = self._timings.row(self._row_name(one))
            full = row.cycles + row.per_register * one.registers + self._correction(before, one)
            leaving = row.refill if one.changes_flow else 0
            if one.changes_flow and one.is_conditional:
                leaving += full - 1  # whose condition fails does nothing, in one cycle
                full = 1
            cycles += full
            before = one
        waits = self._wait_states * len(code) / LINE_BYTES
        return BlockCycles(cycles + waits, leaving + self._wait_states if leaving else 0)

    def _row_name(self, one: _Instruction) -> str:
        if one.changes_flow:
            return {"load": "load_pc", "load_multiple": "load_multiple_pc", "data": "move_to_pc"}.get(
                one.kind, one.kind
            )
        return one.kind

    def _correction(self, before: _Instruction | None, one: _Instruction) -> int:
        """What the instruction before changes: cycles more, or fewer."""
        if before is None:
            return 0
        timings = self._timings
        if one.kind == "if_then":
            return -timings.row("if_then").cycles if timings.folds_it and before.size == 2 else 0
        if one.kind in ("load", "store") and before.kind == "load":
            return -1 if timings.pipelines_loads and not one.address & before.results else 0
        if one.kind in (*LOADS_AND_STORES, "store_immediate") and before.kind not in NOT_DATA:
            return timings.address_stall if one.address & before.results else 0
        if before.kind in FLOAT_RESULTS and before.results & (one.reads - {one.addend}):
            return timings.float_result_stall
        return 0

    def _instruction(self, decoded: Any) -> _Instruction:
        if decoded.id == 0:  # no instruction: data that skipdata passes over
            return _Instruction("data", decoded.size, 0, frozenset(), frozenset(), frozenset(), None, False, False)
        kind = self._timings.class_of.get(self._decoder.insn_name(decoded.id), "data")
        reads, results = map(frozenset, decoded.regs_access())
        memory = [one.mem for one in decoded.operands if one.type == arm.ARM_OP_MEM]
        listed = [one.reg for one in decoded.operands if one.type == arm.ARM_OP_REG]
        address = frozenset(register for one in memory for register in (one.base, one.index) if register)
        if kind in ("load_multiple", "store_multiple", "float_load_multiple"):
            has_base = self._decoder.insn_name(decoded.id) not in ("push", "pop", "vpush", "vpop")
            address = frozenset((listed.pop(0) if has_base else SP,))
        changes_flow = kind in ("branch", "branch_link", "table_branch") or PC in (
            listed[:1] if kind == "data" else results
        )
        return _Instruction(
            kind=self._special_kind(kind, memory, listed),
            size=decoded.size,
            registers=sum(_width(self._decoder.reg_name(one)) for one in listed) if kind in LOADS_AND_STORES else 0,
            address=address,
            reads=reads,
            results=results,
            addend=listed[0] if kind == "float_multiply_add" else None,
            changes_flow=changes_flow and kind not in ("store", "store_multiple"),
            is_conditional=decoded.cc != arm.ARM_CC_AL or decoded.id in (arm.ARM_INS_CBZ, arm.ARM_INS_CBNZ),
        )

    def _special_kind(self, kind: str, memory: list[Any], listed: list[int]) -> str:
        """A class whose row depends on the operands."""
        has_row = self._timings.rows.__contains__
        if kind == "store" and has_row("store_immediate") and not memory[0].index:
            return "store_immediate"
        if kind == "float_transfer" and any(self._decoder.reg_name(one)[0] not in "sd" for one in listed):
            return "float_transfer_core"
        return kind


def _width(register: str) -> int:
    """A double is two registers."""
    return 2 if register[0] == "d" else 1
