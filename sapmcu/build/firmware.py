# SPDX-License-Identifier: Apache-2.0
"""A firmware directory -> ELF, .bin, .hex, map and sizes, below build/."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from elftools.elf.elffile import ELFFile

from sapmcu.build.aside import built_aside
from sapmcu.build.image import binary, image_parts, intel_hex
from sapmcu.build.project import load_project
from sapmcu.build.sizes import frames, measure
from sapmcu.build.stack import worst_stack_bytes
from sapmcu.build.tflm import load_tflm, tflm_toolchain
from sapmcu.build.toolchain import SMALL, Toolchain, find_toolchain, optimisation
from sapmcu.errors import UserError
from sapmcu.ir.build import Build, Engine, Prefer
from sapmcu.ir.firmware import FirmwareProject

ELF, MAP, LOG = "firmware.elf", "firmware.map", "build.log"
AROUND = re.compile(r"(main|serve)\.cc?|port/.*|engine/sapmcu_(frames|serve)\.c")
"""Sources that start and serve a model: it computes in others."""


def build_firmware(
    project_dir: Path,
    toolchain: str | None = None,
    prefer: Prefer | None = None,
    *,
    target: str = "board",
    tflm: Path | None = None,
) -> Build:
    """Build project_dir/firmware for one of its targets into project_dir/build/ENGINE-TOOLCHAIN[-TARGET]/,
    which is as it was until all is there.

    prefer: None for what the project was converted with, else speed. tflm: a directory with TensorFlow Lite Micro,
    whose engine it then is. Same input, same ELF bytes, wherever the directory lies. Raises: UserError, ToolError.
    """
    firmware = project_dir.resolve() / "firmware"
    engine = Engine.NATIVE if tflm is None else Engine.TFLM
    project = load_project(firmware, engine)
    if target not in project.targets:
        raise UserError(
            f"{project.board} has no target {target!r}",
            hint=f"this firmware has {', '.join(sorted(project.targets))}",
        )
    prefer = prefer or project.prefer or Prefer.SPEED
    compiler = _toolchain(toolchain, project, tflm)
    suffix = "" if target == "board" else f"-{target}"
    out = firmware.parent / "build" / f"{engine}-{compiler.name}{suffix}"
    with built_aside(out, (MAP, LOG), ELF) as directory:
        elf = directory / ELF
        log, objects = _compile_and_link(firmware, project, target, compiler, prefer, elf)
        (directory / LOG).write_text(log)
        write_images(elf)
        model_objects = [path for source, path in objects.items() if source in project.model_sources]
        sizes = measure(elf, model_objects)
        found = frames(elf, list(objects.values()), sizes.symbols)
        worst = worst_stack_bytes(elf, list(objects.values()), model_objects, found)
    return Build(
        engine=engine,
        target=target,
        toolchain=compiler.name,
        prefer=prefer,
        elf=out / ELF,
        bin=out / "firmware.bin",
        hex=out / "firmware.hex",
        map=out / MAP,
        log=out / LOG,
        sizes=sizes,
        frames=found,
        worst_stack_bytes=worst,
    )


def _toolchain(name: str | None, project: FirmwareProject, tflm: Path | None) -> Toolchain:
    if tflm is None:
        return find_toolchain(name, project.core_options)
    if name not in (None, "gcc"):
        raise UserError(f"{name} can't link a TFLM library, which is g++'s", hint="use --toolchain gcc")
    return tflm_toolchain(load_tflm(tflm, project), project.core_options)


def _compile_and_link(
    firmware: Path, project: FirmwareProject, target: str, compiler: Toolchain, prefer: Prefer, elf: Path
) -> tuple[str, dict[str, Path]]:
    """(log, object of each source)."""
    chosen = project.targets[target]
    sources: Sequence[str] = (*project.sources, *chosen.sources)
    level = optimisation(prefer)
    levels = {source: SMALL if AROUND.fullmatch(source) else level for source in sources}
    defines = [f"-D{one}" for one in (*project.defines, *chosen.defines, f'SAPMCU_BUILD="{compiler.name} {level}"')]
    log, objects = compiler.compile(firmware, levels, project.includes, defines, elf.parent / "objects")
    log += compiler.link(firmware / chosen.linker_dir, objects, firmware / project.linker_script, [level], elf)
    return log, dict(zip(sources, objects, strict=True))


def write_images(elf: Path) -> None:
    """Write a .bin and a .hex file beside an ELF file."""
    parts = image_parts(elf)
    with elf.open("rb") as file:
        entry = ELFFile(file).header["e_entry"]
    elf.with_suffix(".bin").write_bytes(binary(parts))
    elf.with_suffix(".hex").write_text(intel_hex(parts, entry))
