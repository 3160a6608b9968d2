# SPDX-License-Identifier: Apache-2.0
"""Writing an output directory: all of it or nothing."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from sapmcu.errors import UserError

MARK = "report.json"
"""The file by which sapmcu knows a directory for its own."""


def check_target(target: Path, *, force: bool, mark: str = MARK) -> None:
    """Raises: UserError where `target` can't be written, or holds what must not be lost. Call it before long work.

    mark: the file that an output of this kind has.
    """
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise UserError(f"{target} is not a directory", hint="choose another with -o")
    if target.is_dir() and any(target.iterdir()):
        if not (target / mark).is_file():
            raise UserError(
                f"{target} is not empty and not an output of sapmcu (it has no {mark})", hint="choose another with -o"
            )
        if not force:
            raise UserError(f"{target} exists", hint="--force replaces it, -o DIR writes elsewhere")
    parent = target.absolute().parent
    existing = next(one for one in (parent, *parent.parents) if one.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        raise UserError(f"{target} can't be made: {existing} is not writable", hint="choose another with -o")


def write_directory(target: Path, files: Mapping[str, bytes], *, force: bool, mark: str = MARK) -> None:
    """Write files (path relative to target -> bytes) aside, then rename: a failure leaves target as it was.

    Raises: UserError.
    """
    check_target(target, force=force, mark=mark)
    target = target.absolute()
    made_parents = _missing_parents(target)
    staging: Path | None = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
        for name, data in files.items():
            path = staging / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        let_others_read(staging)
        replace_directory(staging, target)
    except OSError as error:
        raise UserError(
            f"{target} can't be written: {error.strerror or error}", hint="choose another with -o, or free some space"
        ) from error
    finally:
        if staging is not None:
            shutil.rmtree(staging, ignore_errors=True)
        for parent in made_parents:
            if not target.exists() and parent.is_dir() and not any(parent.iterdir()):
                parent.rmdir()


def _missing_parents(target: Path) -> list[Path]:
    """Directories that have to be made, the innermost first."""
    return [parent for parent in target.parents if not parent.exists()]


def replace_directory(staging: Path, target: Path) -> None:
    """Put staging in target's place; the old one goes only when the new one stands."""
    if not target.exists():
        staging.rename(target)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    target.rename(old / target.name)
    try:
        staging.rename(target)
    except OSError:
        (old / target.name).rename(target)
        raise
    finally:
        shutil.rmtree(old, ignore_errors=True)


def let_others_read(directory: Path) -> None:
    """Whom the umask lets: a temporary directory is the user's alone."""
    mask = os.umask(0)
    os.umask(mask)
    directory.chmod(0o777 & ~mask)


WRITE_HINT = "free some space, or copy it to where it can be written"


def write_files(directory: Path, files: Mapping[str, bytes], *, hint: str = WRITE_HINT) -> None:
    """Put files (name -> bytes) into a directory that stands: all are written aside before the first is replaced.

    Raises: UserError.
    """
    staging: Path | None = None
    try:
        staging = Path(tempfile.mkdtemp(prefix=".sapmcu.", dir=directory))
        for number, data in enumerate(files.values()):
            (staging / str(number)).write_bytes(data)
        for number, name in enumerate(files):
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            (staging / str(number)).replace(directory / name)
    except OSError as error:
        what = directory / next(iter(files)) if len(files) == 1 else directory
        raise UserError(f"{what} can't be written: {error.strerror or error}", hint=hint) from error
    finally:
        if staging is not None:
            shutil.rmtree(staging, ignore_errors=True)
