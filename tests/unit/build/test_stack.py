# SPDX-License-Identifier: Apache-2.0
"""The worst case of the stack: what the graph of calls says of hand-written models."""

from __future__ import annotations

from pathlib import Path

import pytest
from native_project import model_source, write_native_project

from sapmcu.build.firmware import build_firmware
from sapmcu.build.stack import decode_thumb

GCC = pytest.param("gcc", marks=pytest.mark.needs("arm-none-eabi-gcc"))
ZIG = pytest.param("zig", marks=pytest.mark.needs("ziglang"))
INVOKE = "static int invoke(void) {\n    return run(0xFFFFFFFFu);\n}"


def worst(directory: Path, toolchain: str, functions: str = "", call: str = "") -> int | None:
    """Of the adder, whose invoke does `call` first."""
    replaced = INVOKE.replace("    return", f"    {call}\n    return")
    source = model_source().replace(INVOKE, f"{functions}\n{replaced}")
    assert replaced in source
    return build_firmware(write_native_project(directory, "mps2_an386", source), toolchain).worst_stack_bytes


@pytest.mark.parametrize("toolchain", [GCC, ZIG])
def test_a_deeper_path_counts_and_a_shorter_does_not(tmp_path: Path, toolchain: str) -> None:
    leaf = (
        '__attribute__((noinline)) static void leaf(void) {{ char a[{}]; __asm__ volatile("" ::"r"(a) : "memory"); }}'
    )
    plain, deep, short = (
        worst(tmp_path / str(size), toolchain, leaf.format(size) if size else "", "leaf();" if size else "")
        for size in (0, 800, 8)
    )
    assert plain is not None and deep is not None and short is not None
    assert 800 < deep < 800 + 64
    assert plain <= short < plain + 32  # invoke saves a register more


@pytest.mark.parametrize("toolchain", [GCC, ZIG])
def test_a_pointer_reaches_the_functions_that_callers_take(tmp_path: Path, toolchain: str) -> None:
    functions = """
__attribute__((noinline)) static int kernel(int x) {
    char frame[400];
    __asm__ volatile("" ::"r"(frame) : "memory");
    return x;
}
__attribute__((noinline)) static int drive(int (*one)(int), int x) {
    __asm__ volatile("" : "+r"(one));
    return one(x) + one(x + 1);
}
"""
    found = worst(tmp_path, toolchain, functions, "(void)arena[drive(kernel, 1) & 7];")
    assert found is not None and 400 < found < 500


@pytest.mark.needs("arm-none-eabi-gcc")
def test_naked_functions_count_by_their_instructions(tmp_path: Path) -> None:
    naked = '__attribute__((naked, noinline)) static void naked(void) {{ __asm__ volatile("{}"); }}'
    wide = "push {r0-r7, lr}\\n\\tvpush {d0-d15}\\n\\tvpop {d0-d15}\\n\\tpop {r0-r7, pc}"
    found = worst(tmp_path, "gcc", naked.format(wide), "naked();")
    assert found is not None and 36 + 128 <= found < 36 + 128 + 32


UNKNOWN = {
    "recursion": (
        "__attribute__((noinline)) static int down(volatile int x) { return x > 0 ? down(x - 1) + down(x - 2) : x; }",
        "(void)arena[down(3) & 7];",
    ),
    "a frame of variable size": (
        "__attribute__((noinline)) static int vary(volatile int x) { volatile char a[x]; a[0] = 1; return a[0]; }",
        "(void)arena[vary(3) & 7];",
    ),
    "a pointer from elsewhere": ("extern int (*volatile other)(void);\nint (*volatile other)(void);", "(void)other();"),
}


@pytest.mark.needs("arm-none-eabi-gcc")
@pytest.mark.parametrize("what", UNKNOWN)
def test_what_has_no_worst_case_gives_none(tmp_path: Path, what: str) -> None:
    assert worst(tmp_path, "gcc", *UNKNOWN[what]) is None


@pytest.mark.parametrize(
    ("code", "target", "is_link"),
    [
        ("fff7feff", 0x1000, True),  # bl to itself
        ("00f002f8", 0x1008, True),  # bl forward
        ("fff7febf", 0x1000, False),  # b.w
        ("fee7", 0x1000, False),  # b
        ("fdd1", 0xFFE, False),  # bne
        ("3ff4feaf", 0x1000, False),  # beq.w
        ("fff3feaf", None, False),  # no branch: condition 1111
        ("00df", None, False),  # svc
    ],
)
def test_branches_of_thumb(code: str, target: int | None, is_link: bool) -> None:
    found = decode_thumb(bytes.fromhex(code), 0x1000)
    assert (found.target, found.is_link) == (target, is_link)


@pytest.mark.parametrize(
    ("code", "pushed_bytes"),
    [
        ("30b5", 12),  # push {r4, r5, lr}
        ("83b0", 12),  # sub sp, #12
        ("2de9f04f", 36),  # stmdb sp!, {r4-fp, lr}
        ("2ded108b", 64),  # vpush {d8-d15}
        ("4df8048d", 4),  # str r8, [sp, #-4]!
        ("6de90245", 8),  # strd r4, r5, [sp, #-8]!
        ("adf2047d", None),  # subw sp, sp, #1796
        ("adf5807d", None),  # sub.w sp, sp, #256
        ("adeb030d", None),  # sub.w sp, sp, r3
        ("9d44", None),  # add sp, r3
        ("02b0", 0),  # add sp, #8
        ("7047", 0),  # bx lr
    ],
)
def test_pushes_of_thumb(code: str, pushed_bytes: int | None) -> None:
    assert decode_thumb(bytes.fromhex(code), 0x1000).pushed_bytes == pushed_bytes
