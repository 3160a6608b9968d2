# SPDX-License-Identifier: Apache-2.0
"""A Zephyr module: zephyr/module.yml, Kconfig and CMakeLists.txt, and a sample.

Source: Zephyr documentation, "Modules (External projects)"; scripts/zephyr_module.py, METADATA_SCHEMA; both of 4.0.
"""

from __future__ import annotations

from sapmcu.emit.exports.template import fill
from sapmcu.ir.export import Library

SAMPLE = "samples/selftest"


def emit_zephyr(library: Library) -> dict[str, bytes]:
    """Path in the module -> bytes."""
    sources = "\n".join(f"    {path}" for path in library.c_files)
    return {
        "zephyr/module.yml": fill("zephyr/module.yml", library),
        "zephyr/Kconfig": fill("zephyr/Kconfig", library),
        "zephyr/CMakeLists.txt": fill("zephyr/CMakeLists.txt", library, sources=sources),
        "README.md": fill("zephyr/README.md", library),
        f"{SAMPLE}/CMakeLists.txt": fill("zephyr/sample.cmake", library),
        f"{SAMPLE}/prj.conf": fill("zephyr/prj.conf", library),
        f"{SAMPLE}/sample.yaml": fill("zephyr/sample.yaml", library),
        **{f"{SAMPLE}/src/{name}": data for name, data in library.example.items() if name != "sketch.cc"},
        **{f"src/{path}": data for path, data in library.sources.items()},
    }
