# SPDX-License-Identifier: Apache-2.0
"""The user's build of TensorFlow Lite Micro: found, checked for the core, and what a compiler must know of it.

firmware/cmake/tflm.cmake does the same for those who build with CMake.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sapmcu.boards.core import CORES
from sapmcu.build.attributes import ObjectTarget, library_targets
from sapmcu.build.toolchain import Toolchain, gcc_toolchain, run_tool
from sapmcu.errors import ToolError
from sapmcu.ir.firmware import FirmwareProject
from sapmcu.ir.memory import Kernels

LIBRARY = "libtensorflow-microlite.a"
LIBRARY_PLACES = (LIBRARY, f"lib/{LIBRARY}", f"gen/*/lib/{LIBRARY}")
DOWNLOADS = "tensorflow/lite/micro/tools/make/downloads"
HEADERS = {
    "tensorflow/lite/micro/micro_interpreter.h": ("",),
    "flatbuffers/flatbuffers.h": (
        "",
        "third_party/flatbuffers/include",
        f"{DOWNLOADS}/flatbuffers/include",
        "flatbuffers/include",
    ),
    "fixedpoint/fixedpoint.h": ("", "third_party/gemmlowp", f"{DOWNLOADS}/gemmlowp", "gemmlowp"),
    "ruy/profiler/instrumentation.h": ("", "third_party/ruy", f"{DOWNLOADS}/ruy", "ruy"),
}
"""Where each lies in upstream's source tree, in its project generation, or in an installed copy."""

CXX_LIBRARY = "libstdc++_nano.a"
CXX_LIBRARIES = ("-lstdc++_nano", "-lm", "-lc_nano", "-lgcc")
CMSIS_NN_SYMBOL = " T _ZN6tflite21Register_CONV_2D_INT8Ev"
"""Out of line in a library with CMSIS-NN, inline in the headers otherwise."""
MESSAGES_SYMBOL = " T _Z11MicroPrintfPKcz"
"""Without messages MicroPrintf is a macro."""
BINUTILS = "arm-none-eabi-"
HINT = "--tflm DIR, or SAPMCU_TFLM, names a directory with TFLM's headers and its library for {core}; the firmware's \
README.md says how to make one"


@dataclass(frozen=True, slots=True)
class TflmLibrary:
    """defines: those that it was built with, which change structures and inline functions."""

    archive: Path
    include_dirs: tuple[Path, ...]
    kernels: Kernels
    defines: tuple[str, ...]


def load_tflm(directory: Path, project: FirmwareProject) -> TflmLibrary:
    """Find headers and library; the library is for the project's core. Raises: ToolError."""
    hint = HINT.format(core=project.core)
    if not directory.is_dir():
        raise ToolError(f"{directory} is not a directory", hint=hint)
    directory = directory.resolve()
    include_dirs = tuple(dict.fromkeys(_include_dir(directory, header, hint) for header in HEADERS))
    archive = find_tflm(directory, hint)
    try:
        problem = wrong_core(library_targets(archive), project)
    except (OSError, ValueError) as error:
        raise ToolError(f"{archive} can't be read: {error}", hint=hint) from error
    if problem is not None:
        raise ToolError(f"{archive} {problem}", hint=hint)
    if shutil.which(f"{BINUTILS}nm") is None:
        gcc_toolchain(())
        raise ToolError(f"{BINUTILS}nm is not installed", hint="Debian, Ubuntu: apt install binutils-arm-none-eabi")
    symbols = run_tool((f"{BINUTILS}nm", str(archive)), directory, None, f"{archive} can't be read")
    has_cmsis_nn, has_messages = CMSIS_NN_SYMBOL in symbols, MESSAGES_SYMBOL in symbols
    return TflmLibrary(
        archive,
        include_dirs,
        Kernels.CMSIS_NN if has_cmsis_nn else Kernels.REFERENCE,
        (
            "TF_LITE_STATIC_MEMORY",
            *(("CMSIS_NN",) if has_cmsis_nn else ()),
            *(() if has_messages else ("TF_LITE_STRIP_ERROR_STRINGS",)),
        ),
    )


def _include_dir(directory: Path, header: str, hint: str) -> Path:
    places = [root / place for root in (directory, directory / "include") for place in HEADERS[header]]
    for place in places:
        if (place / header).is_file():
            return place
    raise ToolError(f"{directory} lacks {header}", hint=hint)


def find_tflm(directory: Path, hint: str = "give a directory with the headers and the library") -> Path:
    """The library in a directory. Raises: ToolError where there is none, or more than one."""
    found = [path for place in LIBRARY_PLACES for path in sorted(directory.glob(place))]
    if not found:
        raise ToolError(f"{directory} holds no {LIBRARY}; looked for {', '.join(LIBRARY_PLACES)}", hint=hint)
    if len(found) > 1:
        names = [str(path.relative_to(directory)) for path in found]
        raise ToolError(
            f"{directory} holds {len(found)} libraries: {', '.join(names)}",
            hint="give a directory with the headers and one of them",
        )
    return found[0]


def wrong_core(targets: Mapping[ObjectTarget, str], project: FirmwareProject) -> str | None:
    """Why a library's objects don't run on the project's core, with one that doesn't; None where they do.

    targets: library_targets().
    """
    if not any(one.arch for one in targets):
        return "is no library of Arm objects"
    options = dict(option.split("=", 1) for option in project.core_options if "=" in option)
    fpu, needs_hard = options.get("-mfpu", ""), options["-mfloat-abi"] == "hard"
    for one, name in targets.items():
        if one.arch is not None and one.arch not in CORES[project.core].elf_archs:
            return f"is built for Arm {one.arch}, which a {project.core} doesn't run: {name}"
        if one.is_hard_float and not needs_hard:
            return f"is built for the hard float ABI; {project.board} needs soft: {name}"
        if one.has_fpu and not fpu:
            return f"is built for an FPU, which {project.board} lacks: {name}"
        if one.has_fpu and one.is_fpv5 and fpu.startswith("fpv4"):
            return f"is built for an FPU that {project.board} lacks: FPv5, not FPv4: {name}"
        if one.has_fpu and not one.is_single_only and "-sp-" in fpu:
            return f"is built for an FPU that {project.board} lacks: double precision: {name}"
    if needs_hard and not any(one.is_hard_float for one in targets):
        return f"is built for the soft float ABI; {project.board} needs hard"
    return None


def tflm_toolchain(library: TflmLibrary, core_options: Sequence[str]) -> Toolchain:
    """gcc with its C++ library, for sources that use TFLM. Raises: ToolError where either isn't installed."""
    gcc = gcc_toolchain(core_options)
    place = (*gcc.compiler, *core_options, f"-print-file-name={CXX_LIBRARY}")
    said = run_tool(place, Path.cwd(), None, "the compiler doesn't start").splitlines()
    if not Path(said[-1]).is_absolute():
        raise ToolError(
            "the C++ library of arm-none-eabi-g++ is not installed",
            hint="Debian, Ubuntu: apt install libstdc++-arm-none-eabi-newlib",
        )
    includes = [option for path in library.include_dirs for option in ("-isystem", str(path))]
    return replace(
        gcc,
        compile_options=(
            *gcc.compile_options,
            "--specs=nano.specs",
            *includes,
            *(f"-D{one}" for one in library.defines),
        ),
        libraries=(str(library.archive), "-Wl,--start-group", *CXX_LIBRARIES, "-Wl,--end-group"),
    )
