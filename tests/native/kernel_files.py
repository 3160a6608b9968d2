# SPDX-License-Identifier: Apache-2.0
"""The kernels under test: their files, and how they are compiled for the host and for a core."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from firmware_project import C_OPTIONS, run

from sapmcu.boards.core import Fpu, compiler_options
from sapmcu.build.toolchain import zig_core_options
from sapmcu.firmware_files import firmware_dir
from sapmcu.ir.twins import Twins
from sapmcu.native_host import host_twin

DRIVERS = ("sapmcu_run_rows", "sapmcu_run_transposed_rows", "sapmcu_run_binary", "sapmcu_run_mat_mul")
KERNELS = (
    "sapmcu_conv2d_row_s8",
    "sapmcu_depthwise_conv2d_row_s8",
    "sapmcu_lanes_conv2d_row_s8",
    "sapmcu_add_lanes",
    "sapmcu_gather_lanes",
    "sapmcu_requantize_sums",
    "sapmcu_write_fours",
    "sapmcu_packed_conv2d_even_row_s8",
    "sapmcu_packed_conv2d_plain_row_s8",
    "sapmcu_packed_conv2d_row_s8",
    "sapmcu_packed_conv2d_small_row_s8",
    "sapmcu_packed_conv2d_three_row_s8",
    "sapmcu_packed_depthwise_conv2d_row_s8",
    "sapmcu_packed_depthwise_conv2d_s8",
    "sapmcu_packed_depthwise_conv2d_small_s8",
    "sapmcu_packed_plane_conv2d_row_s8",
    "sapmcu_packed_shallow_conv2d_row_s8",
    "sapmcu_packed_fully_connected_row_s8",
    "sapmcu_packed_fully_connected_s8",
    "sapmcu_wide_conv2d_row_s8",
    "sapmcu_wide_conv2d_small_row_s8",
    "sapmcu_wide_conv2d_three_row_s8",
    "sapmcu_wide_fully_connected_row_s8",
    "sapmcu_wide_fully_connected_s8",
    "sapmcu_winograd_conv2d_row_s8",
    "sapmcu_winograd_conv2d_rows_s8",
    "sapmcu_transpose_conv2d_row_s8",
    "sapmcu_average_pool2d_row_s8",
    "sapmcu_max_pool2d_row_s8",
    "sapmcu_fully_connected_s8",
    "sapmcu_mat_mul_s8",
    "sapmcu_dot_products_s8",
    "sapmcu_add_s8",
    "sapmcu_sub_s8",
    "sapmcu_weighted_sum_s8",
    "sapmcu_squared_difference_s8",
    "sapmcu_mul_s8",
    "sapmcu_div_s8",
    "sapmcu_maximum_s8",
    "sapmcu_minimum_s8",
)
ROW_KERNELS = (
    "sapmcu_average_row_s8",
    "sapmcu_bilinear_row_s8",
    "sapmcu_binary_row_s8",
    "sapmcu_copy_rows",
    "sapmcu_fully_connected_row_s8",
    "sapmcu_l2_normalization_row_s8",
    "sapmcu_largest_row_s8",
    "sapmcu_log_softmax_row_s8",
    "sapmcu_lut_row_s8",
    "sapmcu_mat_mul_row_s8",
    "sapmcu_dot_products_row_s8",
    "sapmcu_mean_row_s8",
    "sapmcu_nearest_row",
    "sapmcu_pad_row",
    "sapmcu_prelu_row_s8",
    "sapmcu_reduce_max_row_s8",
    "sapmcu_reduce_min_row_s8",
    "sapmcu_reduce_sum_row_s8",
    "sapmcu_softmax_row_s8",
    "sapmcu_sum_row_s8",
)
ENGINE = (
    "sapmcu_find_row",
    "sapmcu_invoke_by_rows",
    "sapmcu_push_row",
    "sapmcu_run_cascade",
    "sapmcu_run_to_row",
)
FUNCTIONS = (*DRIVERS, *KERNELS)
COMPILED = (*FUNCTIONS, *ROW_KERNELS, *ENGINE)

PARTS_OF_TWINS = (
    *("sapmcu_compute_packed_single", "sapmcu_compute_wide_single", "sapmcu_widen_edge"),
    *("sapmcu_compute_windows", "sapmcu_clamp_row"),
)
"""Functions that several twins call."""

HERE = Path(__file__).parent
SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")

GCC = ("arm-none-eabi-gcc",)
M55_OPTIONS = compiler_options("cortex-m55", Fpu.DOUBLE, dsp=True, mve=True)
ZIG = (sys.executable, "-m", "ziglang", "cc", "-target", "thumb-freestanding-eabi", "-fno-sanitize=all")


def source_files(twins: Twins, functions: Sequence[str] = FUNCTIONS) -> tuple[Path, ...]:
    """Of kernels and drivers; the twin instead of the portable kernel where there is one."""
    firmware = firmware_dir()
    parts = PARTS_OF_TWINS if f"kernels/{Twins.DSP}" in twins.directories else ()
    return tuple(
        next(path for directory in twins.directories if (path := firmware / directory / f"{name}.c").exists())
        for name in (*functions, *parts)
    )


def include_options() -> tuple[str, ...]:
    """A kernel includes what lies beside it; tests include headers of kernels."""
    firmware = firmware_dir()
    return tuple(f"-I{firmware / directory}" for directory in ("include", "kernels/dsp"))


def function_table() -> str:
    """C text: X(name) for each function."""
    return "".join(f"X({name})\n" for name in FUNCTIONS)


def build_host_server(directory: Path, *, has_twins: bool = False, options: Sequence[str] = ()) -> Path:
    """The portable kernels behind the protocol of host_server.c, with sanitizers. has_twins: those for hosts instead,
    where there are."""
    (directory / "functions.inc").write_text(function_table())
    server = directory / "host_server"
    options = ("-O1", "-g", *SANITIZERS, *include_options(), f"-I{directory}", *options)
    kernels = source_files(Twins.NONE)
    sources = map(host_twin, kernels) if has_twins else kernels
    run(["gcc", *C_OPTIONS, *options, *sources, HERE / "host_server.c", "-o", server])
    return server


def cpu_options(compiler: tuple[str, ...], core: str) -> tuple[str, ...]:
    if core == "cortex-m55":  # MVE needs registers that the options of a board give it
        return zig_core_options(M55_OPTIONS) if compiler == ZIG else M55_OPTIONS
    cpu = core if compiler == GCC else core.replace("-", "_")
    return (f"-mcpu={cpu}", "-mthumb")


def build_objects(directory: Path, compiler: tuple[str, ...], core: str, twins: Twins, level: str) -> None:
    """Compile each function into the directory."""
    options = (*cpu_options(compiler, core), level, *C_OPTIONS, "-fstack-usage", *include_options())
    headers = () if compiler == GCC else (f"-I{firmware_dir() / 'freestanding' / 'include'}",)
    run([*compiler, *options, *headers, "-c", *source_files(twins, COMPILED)], cwd=directory)


def build_image(
    directory: Path,
    compiler: tuple[str, ...],
    core: str,
    roots: Sequence[str],
    sources: Sequence[Path],
    level: str = "-O2",
) -> Path:
    """An ELF of functions at fixed addresses, without an application."""
    image = directory / f"{core}.elf"
    linked = ("-nostdlib", "-Wl,-e,0", f"-Wl,-T,{HERE / 'image.ld'}", *(f"-Wl,-u,{name}" for name in roots))
    support = ("-lgcc",) if compiler == GCC else ()
    options = (*cpu_options(compiler, core), level, *C_OPTIONS, *include_options(), *linked)
    run([*compiler, *options, *sources, HERE / "freestanding.c", *support, "-o", image])
    return image


def build_kernels(directory: Path, compiler: tuple[str, ...], core: str, twins: Twins, level: str = "-O2") -> Path:
    """An ELF of all kernels and drivers."""
    return build_image(directory, compiler, core, FUNCTIONS, source_files(twins), level)
