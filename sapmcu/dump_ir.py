# SPDX-License-Identifier: Apache-2.0
"""`convert --dump-ir`: the graph's text form after every pass."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from sapmcu.emit.directory import write_files
from sapmcu.errors import UserError
from sapmcu.ir.graph import Graph
from sapmcu.ir.text import dump_text


@dataclass(frozen=True, slots=True)
class IrDump:
    """Each graph is there as soon as its pass has run, for the case that the next one fails. directory: None writes
    nothing."""

    directory: Path | None = None
    _written: list[Path] = field(default_factory=list)

    def write(self, graph: Graph, name: str) -> None:
        """Raises: UserError where it can't be written; then nothing of this dump stays."""
        if self.directory is None:
            return
        path = self.directory / f"{name}.txt"
        try:
            self._make(self.directory)
            write_files(self.directory, {path.name: dump_text(graph).encode()})
        except (OSError, UserError) as error:
            self._take_back()
            why = error.message if isinstance(error, UserError) else error.strerror
            raise UserError(f"--dump-ir {self.directory}: {why}", hint="choose another, or free some space") from error
        self._written.append(path)

    def _make(self, directory: Path) -> None:
        """With its parents."""
        if not directory.is_dir():
            self._make(directory.parent)
            directory.mkdir()
            self._written.append(directory)

    def _take_back(self) -> None:
        with suppress(OSError):
            for path in reversed(self._written):
                path.rmdir() if path.is_dir() else path.unlink()
