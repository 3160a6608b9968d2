# SPDX-License-Identifier: Apache-2.0
"""The firmware around a native model: which hand-written files it takes, and build.json that says how to build it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sapmcu.boards.board import Board
from sapmcu.boards.placement import NOTHING_APART, STACK_BYTES
from sapmcu.emit.board import BOARD_SOURCES
from sapmcu.emit.origin import Origin
from sapmcu.emit.targets import board_defines, emit_targets
from sapmcu.firmware_files import firmware_file
from sapmcu.ir.build import Engine, Prefer
from sapmcu.ir.filters import FilterForm
from sapmcu.ir.firmware import FILE_NAMES, FirmwareProject
from sapmcu.ir.native import Apart

APP_SOURCES: Mapping[str, str] = {
    "main.c": "apps/native/main.c",
    "engine/sapmcu_frames.c": "engine/sapmcu_frames.c",
    "engine/sapmcu_serve.c": "engine/sapmcu_serve.c",
    "freestanding/string.c": "freestanding/string.c",
    **BOARD_SOURCES,
}
OTHER_FILES: Mapping[str, str] = {
    "engine/frames.h": "engine/frames.h",
    "freestanding/include/string.h": "freestanding/include/string.h",
    "include/sapmcu/model.h": "include/sapmcu/model.h",
    "include/sapmcu/port.h": "include/sapmcu/port.h",
    "include/sapmcu/protocol.h": "include/sapmcu/protocol.h",
    "include/sapmcu/small.h": "include/sapmcu/small.h",
    "ld/sections.ld": "ld/sections.ld",
}
"""Path in the project -> path below firmware/, as in APP_SOURCES."""


def emit_native_app(
    board: Board,
    arena_bytes: int,
    models: Mapping[str, bytes],
    kernels: Sequence[str],
    headers: Sequence[str],
    origin: Origin,
    stack_bytes: int = STACK_BYTES,
    apart_bytes: Mapping[Apart, int] = NOTHING_APART,
    prefer: Prefer | None = None,
    filters: Sequence[FilterForm] = (),
) -> dict[str, bytes]:
    """firmware/ of a native project: path relative to it -> bytes.

    models: generated .c and .h files; one of them defines sapmcu_models. kernels: .c files to build, headers: .h files
    that they include, both relative to firmware/, where they keep their place. arena_bytes: of all models together;
    apart_bytes: of their inputs and outputs that lie apart. prefer, filters: what build.json remembers of the choice.
    Raises: UserError where the arena has no place on the board.
    """
    targets = emit_targets(board, arena_bytes, ("ld/native", "ld/native-qemu"), origin, stack_bytes, apart_bytes)
    sources = sorted(name for name in models if name.endswith(".c"))
    project = FirmwareProject(
        board=board.name,
        core=board.core,
        core_options=board.compiler_options,
        unicorn_cpu=board.emulator.unicorn_cpu,
        sources=(*sources, *sorted(kernels), *APP_SOURCES),
        model_sources=tuple(sources),
        includes=(".", "include", "freestanding/include"),
        defines=board_defines(board),
        linker_script="ld/sections.ld",
        targets=targets.targets,
        apart=tuple(apart_bytes),
        prefer=prefer,
        filters=tuple(filters),
    )
    copied = {**APP_SOURCES, **OTHER_FILES, **{path: path for path in (*kernels, *headers)}}
    files = {path: firmware_file(source) for path, source in copied.items()}
    return dict(sorted({**files, **targets.files, **models, FILE_NAMES[Engine.NATIVE]: project.to_json()}.items()))
