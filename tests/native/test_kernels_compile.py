# SPDX-License-Identifier: Apache-2.0
"""Every kernel compiles for every core without a warning, by gcc and by zig's clang, needs little stack and no data."""

from __future__ import annotations

from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection
from native.kernel_files import COMPILED, GCC, ZIG, build_objects

from sapmcu.ir.twins import Twins

CORES = {
    "cortex-m0plus": Twins.V6M,
    "cortex-m3": Twins.NONE,
    "cortex-m4": Twins.DSP,
    "cortex-m7": Twins.DSP,
    "cortex-m33": Twins.DSP,
    "cortex-m55": Twins.MVE,
}
"""The twins of each core."""

LEVELS = {"cortex-m0plus": ("-O2", "-Os"), "cortex-m4": ("-O2", "-O3", "-Os")}

MAX_STACK_BYTES = 416
"""Of one function; see -fstack-usage."""
MORE_STACK_BYTES = {
    "sapmcu_packed_conv2d_small_row_s8": 592,
    "sapmcu_wide_conv2d_small_row_s8": 592,
    "sapmcu_packed_depthwise_conv2d_row_s8": 512,
    "sapmcu_packed_depthwise_conv2d_small_s8": 536,
    "sapmcu_depthwise_conv2d_row_s8": 592,
}
"""Those whose scratch is on the stack; the last for ARMv6-M."""
MAX_CODE_BYTES = 1_536
"""Of one function at -O2, by either compiler: they unroll some loops."""
MAX_KERNEL_BYTES = 2_048
MORE_KERNEL_BYTES = {"sapmcu_wide_conv2d_three_row_s8": 2_068}
"""Of all functions of a kernel, by gcc for a Cortex-M4."""
MORE_CODE_BYTES = {"sapmcu_depthwise_conv2d_row_s8": 2_048, "sapmcu_winograd_conv2d_rows_s8": 1_664}
"""For ARMv6-M, by clang."""


@pytest.mark.parametrize("core", CORES)
@pytest.mark.needs("arm-none-eabi-gcc")
def test_gcc_compiles_all_kernels(core: str, tmp_path: Path) -> None:
    for level in LEVELS.get(core, ("-O2",)):
        build_objects(tmp_path, GCC, core, CORES[core], level)
        assert level != "-O2" or large_functions(tmp_path) == {}
        assert (core, level) != ("cortex-m4", "-O2") or large_kernels(tmp_path) == {}
    used = {path.stem: stack_bytes(path) for path in tmp_path.glob("*.su")}
    assert set(COMPILED) <= set(used)
    large = {
        name: used_bytes
        for name, used_bytes in used.items()
        if used_bytes > MORE_STACK_BYTES.get(name, MAX_STACK_BYTES)
    }
    assert not large


def stack_bytes(report: Path) -> int:
    """Of the hungriest function. A line: place:function, bytes, kind; separated by tabs."""
    rows = [line.split("\t") for line in report.read_text().splitlines()]
    assert all(kind == "static" for _, _, kind in rows), rows
    return max(int(count) for _, count, _ in rows)


@pytest.mark.parametrize("core", ["cortex-m0plus", "cortex-m4", "cortex-m55"])
@pytest.mark.needs("ziglang")
def test_clang_compiles_all_kernels(core: str, tmp_path: Path) -> None:
    build_objects(tmp_path, ZIG, core, CORES[core], "-O2")
    assert large_functions(tmp_path) == {}


def large_functions(objects: Path) -> dict[str, int]:
    """Those with more code than they may have."""
    sizes = {name: size for path in objects.glob("*.o") for name, size in function_bytes(path).items()}
    assert len(sizes) >= len(COMPILED)
    return {name: size for name, size in sizes.items() if size > MORE_CODE_BYTES.get(name, MAX_CODE_BYTES)}


def large_kernels(objects: Path) -> dict[str, int]:
    """A model links an object whole."""
    sizes = {path.stem: sum(function_bytes(path).values()) for path in objects.glob("*.o")}
    return {name: size for name, size in sizes.items() if size > MORE_KERNEL_BYTES.get(name, MAX_KERNEL_BYTES)}


def function_bytes(path: Path) -> dict[str, int]:
    with path.open("rb") as file:
        table = ELFFile(file).get_section_by_name(".symtab")
        assert isinstance(table, SymbolTableSection)
        return {one.name: one["st_size"] for one in table.iter_symbols() if one["st_info"]["type"] == "STT_FUNC"}
