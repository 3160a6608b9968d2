# SPDX-License-Identifier: Apache-2.0
"""The two kinds of error that a user is told about; anything else is a bug in sapmcu."""

from __future__ import annotations

from collections.abc import Sequence


class UserError(Exception):
    """The model, the board, the samples or a budget can't work as given. Exit code 1.

    message: one sentence that names the thing at fault. details: one line each, the place or the parts.
    hint: what the user can do.
    """

    exit_code = 1

    def __init__(self, message: str, *, hint: str | None = None, details: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details = tuple(details)


class ToolError(UserError):
    """A tool outside sapmcu (compiler, emulator, converter, probe) is missing or failed. Exit code 3."""

    exit_code = 3

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        command: str | None = None,
        returncode: int | None = None,
        output: str = "",
    ) -> None:
        details = []
        if command is not None:
            details.append(f"command: {command}")
        if returncode is not None:
            details.append(f"exit code: {returncode}")
        details += [line.rstrip() for line in output.strip().splitlines()[-8:]]
        super().__init__(message, hint=hint, details=details)
        self.command = command
        self.returncode = returncode

    def rename(self, old: str, new: str) -> None:
        """Say another path, where a file of the tool's has been moved."""
        self.hint = None if self.hint is None else self.hint.replace(old, new)
        self.details = tuple(line.replace(old, new) for line in self.details)
        self.command = None if self.command is None else self.command.replace(old, new)
