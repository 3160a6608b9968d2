# SPDX-License-Identifier: Apache-2.0
"""A PlatformIO library. Source: PlatformIO documentation 6.1, library.json."""

from __future__ import annotations

import json

from sapmcu.emit.exports.template import fill
from sapmcu.errors import UserError
from sapmcu.ir.export import Library

MAX_NAME = 50
EXAMPLE = "examples/selftest"
EXAMPLE_NAMES = {"sketch.cc": "main.cpp"}


def emit_platformio(library: Library) -> dict[str, bytes]:
    """Path in the library -> bytes. Raises: UserError."""
    name = library.name.replace("_", "-")
    if len(name) > MAX_NAME:
        raise UserError(
            f"a PlatformIO library's name has at most {MAX_NAME} characters, {name} has {len(name)}",
            hint="rename the model's file, convert it again, then export",
        )
    example = {EXAMPLE_NAMES.get(name, name): data for name, data in library.example.items() if name != "main.c"}
    return {
        "library.json": _manifest(library, name, sorted(example)),
        "README.md": fill("platformio/README.md", library, package=name),
        **{f"{EXAMPLE}/{name}": data for name, data in example.items()},
        **{f"src/{path}": data for path, data in library.sources.items()},
    }


def _manifest(library: Library, name: str, example: list[str]) -> bytes:
    """library.json; flags are those of the library's own files, behind the project's."""
    manifest = {
        "name": name,
        "version": library.version,
        "description": f"The int8 network {library.model} as C that needs no interpreter. Made by sapmcu.",
        "keywords": ["machine learning", "neural network", "inference"],
        "headers": [f"{library.name}.h"],
        "frameworks": "*",
        "platforms": "*",
        "build": {"srcDir": "src", "flags": ["-O2"]},
        "examples": [{"name": "selftest", "base": EXAMPLE, "files": example}],
    }
    return (json.dumps(manifest, indent=2) + "\n").encode("ascii")
