# SPDX-License-Identifier: Apache-2.0
"""A CMake package of sources: find_package(sapmcu_<model>) gives the target sapmcu::<model>, compiled with the project.

Source: CMake 3.25, cmake-packages(7) and find_package: where files are looked for, variables of version files.
"""

from __future__ import annotations

from sapmcu.emit.exports.template import fill
from sapmcu.ir.export import Library


def emit_cmake(library: Library) -> dict[str, bytes]:
    """Path in the package -> bytes."""
    package = f"lib/cmake/{library.name}/{library.name}"
    sources = "\n".join(f'    "${{_sapmcu_sources}}/{path}"' for path in library.c_files)
    return {
        f"{package}Config.cmake": fill("cmake/Config.cmake", library),
        f"{package}ConfigVersion.cmake": fill("cmake/ConfigVersion.cmake", library),
        f"{package}Targets.cmake": fill("cmake/Targets.cmake", library, sources=sources),
        "CMakeLists.txt": fill("cmake/CMakeLists.txt", library),
        "README.md": fill("cmake/README.md", library),
        "example/CMakeLists.txt": fill("cmake/example.cmake", library),
        **{f"example/{name}": data for name, data in library.example.items() if name != "sketch.cc"},
        **{f"src/{path}": data for path, data in library.sources.items()},
    }
