# SPDX-License-Identifier: Apache-2.0
"""The Cortex-M cores that sapmcu builds for: compiler options, and which emulators have them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Fpu(StrEnum):
    """What the floating-point unit computes in hardware."""

    NONE = "none"
    SINGLE = "sp"
    DOUBLE = "dp"


@dataclass(frozen=True, slots=True)
class Core:
    """A core and the options that its licensees may choose.

    fpus: option -mfpu by kind of FPU. dsp, mve: the values that exist. elf_archs: Tag_CPU_arch of objects that run on
    it. unicorn_cpu: suffix of UC_CPU_ARM_CORTEX_*, None where unicorn lacks the core. qemu_machine: of the same core,
    or of one that runs all of its code. has_caches: of its own, which firmware/port/cortex_m/caches.c turns on.
    """

    fpus: Mapping[Fpu, str]
    dsp: tuple[bool, ...]
    mve: tuple[bool, ...]
    has_vtor: bool
    elf_archs: tuple[str, ...]
    unicorn_cpu: str | None
    qemu_machine: str
    has_caches: bool = False
    has_cycle_counter: bool = True
    """DWT_CYCCNT; else SysTick counts."""


NO_FPU: Mapping[Fpu, str] = {Fpu.NONE: ""}

CORES: Mapping[str, Core] = {
    "cortex-m0": Core(
        NO_FPU, (False,), (False,), False, ("v6-M", "v6S-M"), "m0", "mps2-an385", has_cycle_counter=False
    ),
    "cortex-m0plus": Core(
        NO_FPU, (False,), (False,), True, ("v6-M", "v6S-M"), "m0", "mps2-an385", has_cycle_counter=False
    ),
    "cortex-m3": Core(NO_FPU, (False,), (False,), True, ("v6-M", "v6S-M", "v7"), "m3", "mps2-an385"),
    "cortex-m4": Core(
        {**NO_FPU, Fpu.SINGLE: "fpv4-sp-d16"},
        (True,),
        (False,),
        True,
        ("v6-M", "v6S-M", "v7", "v7E-M"),
        "m4",
        "mps2-an386",
    ),
    "cortex-m7": Core(
        {**NO_FPU, Fpu.SINGLE: "fpv5-sp-d16", Fpu.DOUBLE: "fpv5-d16"},
        (True,),
        (False,),
        True,
        ("v6-M", "v6S-M", "v7", "v7E-M"),
        "m7",
        "mps2-an500",
        has_caches=True,
    ),
    "cortex-m33": Core(
        {**NO_FPU, Fpu.SINGLE: "fpv5-sp-d16"},
        (False, True),
        (False,),
        True,
        ("v6-M", "v6S-M", "v7", "v8-M.baseline", "v8-M.mainline"),
        "m33",
        "mps2-an505",
    ),
    "cortex-m55": Core(
        {Fpu.DOUBLE: "auto"},
        (True,),
        (False, True),
        True,
        ("v6-M", "v6S-M", "v7", "v8-M.baseline", "v8-M.mainline", "v8.1-M.mainline"),
        None,
        "mps3-an547",
    ),
}
"""By the name that gcc's -mcpu takes. Sources: GCC 12 manual, "ARM Options"; Arm ELF ABI addenda32 (IHI 0045), build
attributes; unicorn 2.1.4 and QEMU 7.2, run."""


V6M_CORES = ("cortex-m0", "cortex-m0plus")
"""Of the architecture ARMv6-M."""


def compiler_options(name: str, fpu: Fpu, *, dsp: bool, mve: bool) -> tuple[str, ...]:
    """Options of gcc that select the core and the calling convention."""
    core = CORES[name]
    cpu = name
    if not dsp and True in core.dsp:
        cpu += "+nodsp"
    if not mve and True in core.mve:
        cpu += "+nomve"
    if fpu is Fpu.NONE:
        return f"-mcpu={cpu}", "-mthumb", "-mfloat-abi=soft"
    return f"-mcpu={cpu}", "-mthumb", f"-mfpu={core.fpus[fpu]}", "-mfloat-abi=hard"
