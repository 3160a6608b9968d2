# SPDX-License-Identifier: Apache-2.0
"""Compilers for Cortex-M: arm-none-eabi-gcc where it is installed, else zig's clang from PyPI."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from sapmcu.errors import ToolError
from sapmcu.ir.build import Prefer

GCC = "arm-none-eabi-gcc"
ENTRY = "sapmcu_reset_handler"
"""The linker script names it too, but zig's driver names another."""
TIMEOUT_S = 300
SMALL = "-Os"

COMMON = (
    *("-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Werror", "-g"),
    *("-ffunction-sections", "-fdata-sections", "-fno-common", "-ffp-contract=off"),
)
"""-ffp-contract=off: a fused multiply-add rounds once where the reference rounds twice."""
LANGUAGES = {
    ".c": ("-std=c11", "-Wmissing-prototypes", "-Wstrict-prototypes"),
    ".cc": ("-std=c++17", "-fno-exceptions", "-fno-rtti", "-fno-threadsafe-statics"),
}

ZIG_OPTIONS = (
    # zig's defaults are those of a debugger's friend: traps on undefined behaviour, frame pointers, unwind tables.
    *("-fno-sanitize=all", "-fomit-frame-pointer", "-fno-unwind-tables", "-fno-asynchronous-unwind-tables"),
    "-fstack-size-section",
)
ZIG_FPUS = {"fpv4-sp-d16": "+vfp4d16sp", "fpv5-sp-d16": "+fp_armv8d16sp", "fpv5-d16": "+fp_armv8d16"}
"""gcc's -mfpu -> features of LLVM, which zig's name of a core doesn't imply. Source: zig 0.17.1, run."""


@dataclass(frozen=True, slots=True)
class Toolchain:
    """compiler: the command that compiles and links. core_options: for one core, in this compiler's words."""

    name: str
    compiler: tuple[str, ...]
    core_options: tuple[str, ...]
    compile_options: tuple[str, ...]
    link_options: tuple[str, ...]
    libraries: tuple[str, ...]
    prints_map: bool

    def compile(
        self, directory: Path, sources: Mapping[str, str], includes: Sequence[str], options: Sequence[str], out: Path
    ) -> tuple[str, tuple[Path, ...]]:
        """(log, one object below `out` for each source). sources: with the level of optimisation of each; like
        includes relative to directory.

        Raises: ToolError for the first source that doesn't compile.
        """
        common = [
            *(*self.core_options, *COMMON, *self.compile_options, *options),
            f"-ffile-prefix-map={directory}=.",
            *(f"-I{one}" for one in includes),
        ]

        def one(source: str, level: str) -> tuple[str, Path]:
            target = out / f"{source}.o"
            target.parent.mkdir(parents=True, exist_ok=True)
            language = LANGUAGES.get(Path(source).suffix, ())
            command = [*self.compiler, *common, level, *language, "-c", source, "-o", str(target)]
            return run_tool(command, directory, out.parent, f"{source} doesn't compile"), target

        with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
            done = list(pool.map(one, sources.keys(), sources.values()))
        return "".join(log for log, _ in done), tuple(target for _, target in done)

    def link(self, directory: Path, objects: Sequence[Path], script: Path, options: Sequence[str], elf: Path) -> str:
        """Link objects into `elf`, with the map beside it; returns the log. directory: has what the script includes.

        Raises: ToolError.
        """
        link_map = elf.with_suffix(".map")
        command = [
            *(*self.compiler, *self.core_options, *self.link_options, *options),
            *("-nostdlib", f"-T{script}"),
            *("-Wl,--gc-sections", "-Wl,--fatal-warnings", f"-Wl,-e,{ENTRY}"),
            "-Wl,--print-map" if self.prints_map else f"-Wl,-Map={link_map}",
            *(*map(str, objects), *self.libraries, "-o", str(elf)),
        ]
        log = run_tool(command, directory, elf.parent, "the firmware doesn't link")
        if self.prints_map:
            first, _, text = log.partition("\n")
            link_map.write_text(text)
            return f"{first}\n"
        return log

    def version(self) -> str:
        """What the compiler calls itself."""
        command = [*self.compiler, "--version"]
        return run_tool(command, Path.cwd(), None, f"{self.name} doesn't start").splitlines()[1].strip()


def find_toolchain(name: str | None, core_options: Sequence[str]) -> Toolchain:
    """The toolchain of this name ("gcc", "zig"; None: gcc if installed, else zig) for a core, in gcc's options.

    Raises: ToolError where it isn't installed.
    """
    has_zig = find_spec("ziglang") is not None
    if name == "gcc" or (name is None and shutil.which(GCC) is not None):
        return gcc_toolchain(core_options)
    assert name in ("zig", None), name
    if not has_zig:
        raise ToolError(
            "no compiler for Cortex-M is installed" if name is None else "zig is not installed",
            hint="pip install ziglang, or Debian, Ubuntu: apt install gcc-arm-none-eabi",
        )
    return _zig(core_options)


def gcc_toolchain(core_options: Sequence[str]) -> Toolchain:
    """Raises: ToolError where it isn't installed."""
    if shutil.which(GCC) is None:
        raise ToolError(
            f"{GCC} is not installed",
            hint="Debian, Ubuntu: apt install gcc-arm-none-eabi; or use --toolchain zig: pip install ziglang",
        )
    return Toolchain(
        name="gcc",
        compiler=(GCC,),
        core_options=tuple(core_options),
        compile_options=("-fstack-usage",),
        link_options=("-nostartfiles",),
        libraries=("-lgcc",),
        prints_map=False,
    )


def _zig(core_options: Sequence[str]) -> Toolchain:
    return Toolchain(
        name="zig",
        compiler=(sys.executable, "-m", "ziglang", "cc"),
        core_options=zig_core_options(core_options),
        compile_options=ZIG_OPTIONS,
        link_options=("-g",),  # else -Os strips the symbols
        libraries=("-lcompiler_rt",),
        prints_map=True,  # its linker driver knows no -Map
    )


def zig_core_options(options: Sequence[str]) -> tuple[str, ...]:
    """gcc's options of a core as zig's: -target and -mcpu with features."""
    values = dict(option.split("=", 1) for option in options if "=" in option)
    cpu, *extensions = values["-mcpu"].split("+")
    name = cpu.replace("-", "_")
    if cpu == "cortex-m33" and "nodsp" not in extensions:
        name += "+dsp"
    if cpu == "cortex-m55":
        name += "+fp_armv8d16" + ("-mve" if "nomve" in extensions else "+mve_fp")
    is_hard = values["-mfloat-abi"] == "hard"
    if is_hard:
        name += ZIG_FPUS.get(values["-mfpu"], "")
    return "-target", f"thumb-freestanding-{'eabihf' if is_hard else 'eabi'}", f"-mcpu={name}"


def optimisation(prefer: Prefer) -> str:
    return {Prefer.SPEED: "-O2", Prefer.SIZE: SMALL}[prefer]


def run_tool(command: Sequence[str], directory: Path, log_dir: Path | None, failure: str) -> str:
    """Run it; returns its command line and what it said. Raises: ToolError, after writing both to a log."""
    line = shlex.join(command)
    environment = {**os.environ, "LC_ALL": "C"}
    if log_dir is not None:
        environment["ZIG_LOCAL_CACHE_DIR"] = str(log_dir / ".zig-cache")
    try:
        done = subprocess.run(
            command,
            cwd=directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=TIMEOUT_S,
            check=False,
        )
    except OSError as error:
        raise ToolError(f"{command[0]} can't be started: {error.strerror}", command=line) from error
    except subprocess.TimeoutExpired as error:
        raise ToolError(f"{failure}: the compiler took over {TIMEOUT_S} s", command=line) from error
    output = done.stdout.decode(errors="replace")
    if done.returncode != 0:
        hint = None
        if log_dir is not None:
            log = log_dir / "error.log"
            log.write_text(f"{line}\n{output}")
            hint = f"all that the compiler said: {log}"
        raise ToolError(failure, hint=hint, command=line, returncode=done.returncode, output=_first_error(output))
    return f"{line}\n{output}"


def _first_error(output: str) -> str:
    """From the first line that says error on: what follows from it is long and of no use."""
    match = re.search(r"^.*(?:error|undefined reference|will not fit|overflowed)", output, re.MULTILINE)
    return "\n".join(output[match.start() :].splitlines()[:8]) if match else output
