# SPDX-License-Identifier: Apache-2.0
"""Cycles of blocks, computed by hand from Arm's technical reference manuals (TRM)."""

from __future__ import annotations

import subprocess
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest

from sapmcu.run.timing import TIMINGS, core_timings, timed_cores

pytestmark = pytest.mark.needs("arm-none-eabi-gcc", "capstone", "elftools")
ASSEMBLER = "arm-none-eabi-as"
OPTIONS: Mapping[str, tuple[str, ...]] = {
    "cortex-m0": ("-mcpu=cortex-m0",),
    "cortex-m0plus": ("-mcpu=cortex-m0plus",),
    "cortex-m3": ("-mcpu=cortex-m3",),
    "cortex-m4": ("-mcpu=cortex-m4", "-mfpu=fpv4-sp-d16"),
    "cortex-m33": ("-mcpu=cortex-m33", "-mfpu=fpv5-sp-d16"),
}

TRM_EXAMPLES = {
    "ldr r0, [r1]; ldr r1, [r2]": 3,
    "ldr r0, [r1, r2]; str r0, [r3, #20]": 3,
    "ldr r0, [r1, r2]; str r1, [r3, r2]": 3,
    "ldr r0, [r1, r5]; ldr r1, [r2]; ldr r2, [r3, #4]": 4,
    "str r0, [r1, #4]": 1,
    "ldrd r0, r1, [r2]": 3,
    "ldm r0, {r1, r2, r3}": 4,
    "stm r0, {r1, r2, r3, r4, r5, r6, r7, r8}": 9,
}
"""Section 3.3.2, Load/store timings, of the TRMs of Cortex-M3 and M4: what each takes when it isn't stalled."""

ARMV7 = {
    **TRM_EXAMPLES,
    "add r0, r1, r2, lsl #3; ssat r0, #8, r0; clz r2, r0; ubfx r1, r0, #3, #5; mul r1, r2, r3": 5,
    "ldr r0, [r1]; ldr r2, [r0]": 2 + 2,  # the address is what was loaded: not pipelined
    "ldr r0, [r1], #4; ldr r2, [r1]": 2 + 2,  # nor where it is what was written back
    "ldr r0, [r1], #4; ldr r2, [r3], #4": 2 + 1,
    "str r0, [r1, r2]; ldr r3, [r4]": 2 + 2,  # nothing is pipelined behind a store
    "ldm r0!, {r1, r2}; ldr r3, [r4]": 3 + 2,  # nor behind an LDM
    "ldr r3, [r4]; ldm r0!, {r1, r2}": 2 + 3,
    "add r0, r0, #4; ldr r1, [r0]": 1 + 1 + 2,  # an address waits for a data operation
    "add r0, r0, #4; str r0, [r1]": 1 + 1,  # a value doesn't
    "add sp, sp, #-8; push {r4, r5, lr}": 1 + 1 + 4,
    "cmp r0, #1; it eq; moveq r1, #2": 1 + 0 + 1,  # IT folds onto 16 bits
    "add r8, r9, #1; it eq; moveq r1, #2": 1 + 1 + 1,  # but not onto 32
    "mrs r0, primask": 2,  # 1 or 2
    "sdiv r0, r1, r2": 7,  # 2 to 12
    "dmb": 1,
    "pop {r4, r5}": 3,
}
DSP = {
    "smlad r0, r1, r2, r0; smmla r3, r1, r2, r3; sxtb16 r1, r1, ror #8; pkhbt r0, r1, r2, lsl #16": 4,
    "mla r0, r1, r2, r3; smull r4, r5, r0, r1; umlal r4, r5, r2, r3": 3,
    "ldm r0!, {r2, r3, r4, r5}; ldm r1!, {r6, r7, r8, r9}; smlad r10, r2, r6, r10; smlad r11, r2, r7, r11": 5 + 5 + 2,
}
FLOAT = {
    "vadd.f32 s0, s1, s2; vmul.f32 s3, s4, s5": 2,
    "vadd.f32 s0, s1, s2; vmul.f32 s3, s0, s5": 2 + 1,  # the result is needed at once
    "vadd.f32 s0, s1, s2; vmla.f32 s0, s4, s5": 1 + 3,  # an addend is needed a cycle later
    "vmul.f32 s0, s1, s2; vfma.f32 s3, s0, s5": 1 + 3 + 1,
    "vdiv.f32 s0, s1, s2; vsqrt.f32 s3, s4": 28,
    "vldr s0, [r0]; vldr d1, [r0, #8]; vstr s0, [r1]": 2 + 3 + 2,
    "vldmia r0!, {s0, s1, s2}; vpush {d8, d9}": 4 + 5,
    "vmov r0, s1; vmov s2, s3; vmov r0, r1, s4, s5": 2 + 1 + 2,
    "vcmp.f32 s0, s1; vmrs apsr_nzcv, fpscr": 2,
}
BASE = {
    "adds r0, r1, r2; lsls r0, r0, #3; muls r0, r1, r0; sxtb r0, r0; rev r1, r0": 5,
    "ldr r0, [r1]; ldr r2, [r3]; ldrb r4, [r5, r6]": 6,
    "ldr r0, [pc, #4]; str r0, [r1]; strh r0, [r1, r2]": 6,
    "ldm r0!, {r1, r2, r3}; stm r4!, {r5, r6}": 4 + 3,
    "push {r4, r5, lr}; pop {r4, r5}": 4 + 3,
    "adds r0, #4; ldr r1, [r0]": 3,
}
STRAIGHT: Mapping[str, Mapping[str, int]] = {
    "cortex-m0": {**BASE, "mrs r0, primask": 4, "dsb": 4},
    "cortex-m0plus": {**BASE, "mrs r0, primask": 3, "dsb": 3},
    "cortex-m3": {
        **ARMV7,
        "mla r0, r1, r2, r3; mls r0, r1, r2, r3": 2 + 2,
        "smull r0, r1, r2, r3; umull r0, r1, r2, r3": 4 + 4,  # 3 to 5
        "smlal r0, r1, r2, r3": 6,  # 4 to 7
    },
    "cortex-m4": {**ARMV7, **DSP, **FLOAT},
    "cortex-m33": {**ARMV7, **DSP, **FLOAT},
}
"""Core -> instructions -> cycles."""

V7_FLOW = {
    "subs r0, #1; bne .": (2, 2),
    "cbz r0, . + 4": (1, 2),
    "b.w .": (1, 2),
    "bl .": (1, 2),
    "bx lr": (1, 2),
    "blx r3": (1, 2),
    "it ne; bxne lr": (2, 2),
    "mov pc, r1": (1, 2),
    "ldr pc, [r0]": (2, 3),  # at least five
    "tbb [pc, r0]": (3, 3),  # at least six
    "pop {r4, r5, pc}": (4, 3),
    "ldm r0, {r1, pc}": (3, 3),
    "it eq; popeq {r4, pc}": (2, 2 + 3),  # one cycle where it isn't taken, 3 + 3 where it is
}
FLOW: Mapping[str, Mapping[str, tuple[int, int]]] = {
    "cortex-m0": {
        "subs r0, #1; bne .": (2, 2),
        "b .": (1, 2),
        "bl .": (2, 2),
        "bx lr": (1, 2),
        "mov pc, r1": (1, 2),
        "pop {r4, r5, pc}": (5, 2),  # 4 + N
    },
    "cortex-m0plus": {
        "subs r0, #1; bne .": (2, 1),
        "b .": (1, 1),
        "bl .": (2, 1),
        "blx r3": (1, 1),
        "mov pc, r1": (1, 1),
        "pop {r4, r5, pc}": (5, 1),  # 3 + N
    },
    "cortex-m3": V7_FLOW,
    "cortex-m4": V7_FLOW,
    "cortex-m33": V7_FLOW,
}
"""Core -> instructions, the last a branch -> cycles where it isn't taken, and how many more where it is."""


@cache
def assembled(core: str) -> Mapping[str, bytes]:
    """Instructions -> machine code, of all of a core's cases."""
    from elftools.elf.elffile import ELFFile

    sources = [*STRAIGHT[core], *FLOW[core]]
    lines = [".syntax unified", ".thumb", *(f"s{n}: {one}" for n, one in enumerate(sources)), f"s{len(sources)}:"]
    with TemporaryDirectory() as directory:
        path = Path(directory) / "code.o"
        subprocess.run([ASSEMBLER, *OPTIONS[core], "-o", path], input="\n".join(lines) + "\n", text=True, check=True)
        with path.open("rb") as file:
            image = ELFFile(file)
            text = image.get_section_by_name(".text").data()
            symbols = {one.name: one["st_value"] & ~1 for one in image.get_section_by_name(".symtab").iter_symbols()}
    return {one: text[symbols[f"s{n}"] : symbols[f"s{n + 1}"]] for n, one in enumerate(sources)}


def cases(table: Mapping[str, Mapping[str, object]]) -> list[object]:
    return [
        pytest.param(core, source, expected, id=f"{core.removeprefix('cortex-')}: {source}")
        for core, rows in table.items()
        for source, expected in rows.items()
    ]


def block_cycles(core: str, code: bytes, wait_states: int = 0) -> tuple[float, float]:
    from sapmcu.run.cycles import BlockTimer

    timings = core_timings(core)
    assert timings is not None
    return BlockTimer(timings, wait_states).time(code, 0x1000)


@pytest.mark.parametrize(("core", "source", "cycles"), cases(STRAIGHT))
def test_instructions_take_what_the_manual_says(core: str, source: str, cycles: int) -> None:
    assert block_cycles(core, assembled(core)[source]) == (cycles, 0)


@pytest.mark.parametrize(("core", "source", "cycles"), cases(FLOW))
def test_branches_take_what_the_manual_says(core: str, source: str, cycles: tuple[int, int]) -> None:
    assert block_cycles(core, assembled(core)[source]) == cycles


def test_wait_states_count_for_each_line_and_each_target() -> None:
    code = assembled("cortex-m4")["subs r0, #1; bne ."]
    assert len(code) == 4
    assert block_cycles("cortex-m4", code, 5) == (2 + 5 * 4 / 16, 2 + 5)


def test_constants_among_instructions_take_what_data_takes() -> None:
    assert block_cycles("cortex-m4", bytes.fromhex("00bf ffff ffff")) == (3, 0)


def test_cores_without_documented_timings_have_none() -> None:
    assert set(timed_cores()) == set(OPTIONS)
    assert core_timings("cortex-m7") is core_timings("cortex-m55") is None


def test_each_row_of_the_table_has_its_source_and_each_class_its_members() -> None:
    table = tomllib.loads(TIMINGS.read_text(encoding="ascii"))
    special = {"data", "move_to_pc", "load_pc", "load_multiple_pc", "store_immediate", "float_transfer_core"}
    for core in timed_cores():
        timings = core_timings(core)
        assert timings is not None and "TRM" in timings.manual
        assert set(timings.rows) <= {*table["classes"], *special}
        assert all(row.source and row.cycles >= 1 for row in timings.rows.values())
    members = [one for names in table["classes"].values() for one in names]
    assert len(members) == len(set(members))


@pytest.mark.needs("unicorn")
def test_an_op_may_see_the_end_of_a_block_that_began_before_it() -> None:
    from sapmcu.run.unicorn_machine import _Costs

    costs = _Costs(np.ones(1, np.uint64), np.array([[4.0], [2.0]]))
    assert costs.cycles(np.array([[1], [2]], np.uint64)) == 4 - 2
