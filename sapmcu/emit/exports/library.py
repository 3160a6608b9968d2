# SPDX-License-Identifier: Apache-2.0
"""The native firmware of a project -> the C of a library that the compiler of any core can build.

A project has the kernels for its board's core. A library has the portable ones and their twins, each behind an #if of
the core, so that no build system needs to choose.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath

from sapmcu.emit.c_source import byte_rows, c_list
from sapmcu.emit.native_app import APP_SOURCES
from sapmcu.emit.native_kernels import SENDER, files_of
from sapmcu.emit.origin import Origin, block_comment
from sapmcu.errors import UserError
from sapmcu.firmware_files import firmware_dir, firmware_file
from sapmcu.ir.export import Library
from sapmcu.ir.twins import Twins
from sapmcu.ir.vectors import Vector

APPLICATION = (*APP_SOURCES, f"engine/{SENDER}.c", "models.c")
"""Sources of a project that are no part of a library."""
KERNEL_DIRS = ("kernels", "engine")
TWINS = {"mve": "SAPMCU_TAKES_MVE", "dsp": "SAPMCU_TAKES_DSP", "v6m": "SAPMCU_TAKES_V6M"}
"""Directories below kernels/, and which cores take them; of two that both do, the first."""
CHOICE = "include/sapmcu/twins.h"
"""Says which of a kernel and its twin is compiled."""
EXAMPLE_FILES = ("main.c", "selftest.c", "selftest.h", "sketch.cc")
SPDX = b"/* SPDX-License-Identifier: Apache-2.0 */\n"


def make_library(
    model: str, files: Mapping[str, bytes], sources: Sequence[str], vector: Vector, origin: Origin
) -> Library:
    """files: of a project's firmware/, path -> bytes; sources: those that its build.json lists.

    Raises: UserError where the kernels aren't those of this sapmcu, which adds their twins.
    """
    own = [path for path in sources if path not in APPLICATION and not _is_kernel(path)]
    own += [path for path in _headers(own, files) if not _is_kernel(path)]
    kernels = _kernels(files[path].decode() for path in own if path.endswith(".c"))
    _check_version(files, [path for path in sources if path not in APPLICATION and _is_kernel(path)], kernels)
    copied = {**{path: files[path] for path in own}, **{_place(path): _guarded(path) for path in (*kernels, CHOICE)}}
    return Library(
        model=model,
        version=_version(origin.version),
        sources={path.removeprefix("include/"): data for path, data in sorted(copied.items())},
        example={
            **{name: firmware_file(f"apps/selftest/{name}") for name in EXAMPLE_FILES},
            "vector.h": _vector_header(model, vector, origin),
        },
        origin=origin.lines,
    )


def _is_kernel(path: str) -> bool:
    return path.split("/", 1)[0] in KERNEL_DIRS


def _headers(sources: Iterable[str], files: Mapping[str, bytes]) -> list[str]:
    """Files of the project that the sources include with quotes, and what those include."""
    found: list[str] = []
    left = list(sources)
    while left:
        path = left.pop()
        for name in re.findall(rb'^#include "([^"]+)"', files[path], re.MULTILINE):
            places = (PurePosixPath(path).parent, PurePosixPath(), PurePosixPath("include"))
            header = next((one for one in (str(place / name.decode()) for place in places) if one in files), None)
            if header is not None and header not in found:
                found.append(header)
                left.append(header)
    return found


def _kernels(texts: Iterable[str]) -> tuple[str, ...]:
    """Kernels, twins and their headers below firmware/, for any core: all that the C names, and what that leads to."""
    names = {name for text in texts for name in re.findall(r"\bsapmcu_\w+", text)}
    found: set[str] = set()
    for twins in Twins:
        for paths in files_of(names, twins):
            found.update(paths)
    return tuple(sorted(found))


def _check_version(files: Mapping[str, bytes], sources: Sequence[str], kernels: Sequence[str]) -> None:
    """Raises: UserError."""
    different = [path for path in kernels if path in files and files[path] != firmware_file(path)]
    different += sorted(set(sources) - set(kernels))
    if different:
        raise UserError(
            "the project's kernels aren't those of this sapmcu, and a library needs their twins for other cores",
            hint="convert the model again, then export",
            details=different,
        )


def _guarded(path: str) -> bytes:
    """A file of firmware/; where it is a kernel with a twin or a twin, it gives its function only on its cores."""
    data = firmware_file(path)
    parent, name = PurePosixPath(path).parent, PurePosixPath(path).name
    if "kernels" not in (parent.name, parent.parent.name) or not name.endswith(".c"):
        return data
    places = {twins: macro for twins, macro in TWINS.items() if (firmware_dir() / "kernels" / twins / name).is_file()}
    if not places:
        return data
    assert data.startswith(SPDX), path
    before = list(places)[: list(places).index(parent.name)] if parent.name in places else list(places)
    condition = " && ".join(
        [*([places[parent.name]] if parent.name in places else []), *(f"!{places[one]}" for one in before)]
    )
    return SPDX + f'#include "sapmcu/twins.h"\n#if {condition}\n'.encode() + data.removeprefix(SPDX) + b"#endif\n"


def _place(path: str) -> str:
    """A twin under a name of its own: `ar r` keeps one member of a name, whatever directory its file came from."""
    twins = PurePosixPath(path).parent.name
    return f"{path.removesuffix('.c')}_{twins}.c" if twins in TWINS and path.endswith(".c") else path


def _version(version: str) -> str:
    """X.Y.Z, all that every format takes."""
    found = re.match(r"\d+\.\d+\.\d+", version)
    assert found is not None, version
    return found[0]


def _vector_header(model: str, vector: Vector, origin: Origin) -> bytes:
    """vector.h of the example: selftest_vector, and the model that it is for."""
    lines = [
        *block_comment(("A test vector.", *origin.lines)),
        "#ifndef SELFTEST_VECTOR_H",
        "#define SELFTEST_VECTOR_H",
        "",
        f'#include "sapmcu_{model}.h"',
        '#include "selftest.h"',
        "",
        f"#define SELFTEST_MODEL sapmcu_{model}_model",
        "",
    ]
    for role, parts in (("input", vector.inputs), ("output", vector.outputs)):
        for index, data in enumerate(parts):
            lines += [f"static const uint8_t selftest_{role}_{index}[{len(data)}] = {{", *byte_rows(data), "};", ""]
        names = c_list(f"selftest_{role}_{index}" for index in range(len(parts)))
        lines += [f"static const uint8_t *const selftest_{role}s[{len(parts)}] = {names};", ""]
    lines += [
        "static const sapmcu_selftest_vector selftest_vector = {selftest_inputs, selftest_outputs};",
        "",
        "#endif",
    ]
    return ("\n".join(lines) + "\n").encode("ascii")
