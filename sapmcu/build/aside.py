# SPDX-License-Identifier: Apache-2.0
"""A build directory made aside: the one before stays until the new one is whole, whoever else builds meanwhile."""

from __future__ import annotations

import fcntl
import filecmp
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sapmcu.emit.directory import let_others_read, replace_directory
from sapmcu.errors import ToolError, UserError

ERROR_LOG = "error.log"
LOCK = ".lock"
HINT = "free some space, or copy the project to where it can be written"


@contextmanager
def built_aside(out: Path, texts: tuple[str, ...], result: str) -> Iterator[Path]:
    """A directory to build in, which takes out's place at the end.

    texts: its files that name it; they will name `out`. result: the file that tells builds apart. Where `out` has the
    same result already, it stays as it is, for those who read it. Where the compiler fails, its log goes to out, the
    rest is as it was. Raises: UserError where nothing can be written.
    """
    staging: Path | None = None
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
        yield staging
        for name in texts:
            path = staging / name
            path.write_text(path.read_text(encoding="utf-8").replace(str(staging), str(out)), encoding="utf-8")
        let_others_read(staging)
        _put_in_place(staging, out, (result, *texts))
    except ToolError as error:
        if staging is not None:
            _keep_log(staging, out)
            error.rename(str(staging), str(out))
        raise
    except OSError as error:
        raise UserError(f"{out} can't be written: {error.strerror or error}", hint=HINT) from error
    finally:
        if staging is not None:
            shutil.rmtree(staging, ignore_errors=True)


def _put_in_place(staging: Path, out: Path, names: tuple[str, ...]) -> None:
    with (out.parent / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _, differing, failing = filecmp.cmpfiles(staging, out, names, shallow=False)
        if differing or failing:
            replace_directory(staging, out)
        else:
            (out / ERROR_LOG).unlink(missing_ok=True)


def _keep_log(staging: Path, out: Path) -> None:
    with suppress(OSError):
        out.mkdir(exist_ok=True)
        (staging / ERROR_LOG).replace(out / ERROR_LOG)
