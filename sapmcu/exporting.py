# SPDX-License-Identifier: Apache-2.0
"""What `sapmcu export` does: a converted project's model as a library for another build system."""

from __future__ import annotations

import json
from pathlib import Path

from sapmcu import __version__
from sapmcu.build.project import load_project, model_name
from sapmcu.emit.directory import check_target, write_directory
from sapmcu.emit.exports import EXPORTS
from sapmcu.emit.exports.library import make_library
from sapmcu.emit.origin import Origin
from sapmcu.ir.export import ExportFormat
from sapmcu.vectors import load_vectors

MARK = "sapmcu-export.json"
"""The file by which sapmcu knows an export for its own."""


def export_project(project: Path, out: Path, kind: ExportFormat, command: str, *, force: bool) -> tuple[str, ...]:
    """Write the library into `out`; returns its files. Raises: UserError; nothing is written then."""
    check_target(out, force=force, mark=MARK)
    firmware = project / "firmware"
    description = load_project(firmware)
    vectors = load_vectors(project)
    library = make_library(
        model_name(description, project),
        {path.relative_to(firmware).as_posix(): path.read_bytes() for path in firmware.rglob("*") if path.is_file()},
        description.sources,
        vectors[0],
        Origin(__version__, command),
    )
    mark = {"schema": 1, "format": kind, "model": library.model, "sapmcu": __version__}
    files = {**EXPORTS[kind](library), MARK: (json.dumps(mark, indent=2) + "\n").encode("ascii")}
    write_directory(out, files, force=force, mark=MARK)
    return tuple(sorted(files))
