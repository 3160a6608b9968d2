# SPDX-License-Identifier: Apache-2.0
"""The process for large or fragile libraries: errors cross over, crashes are told, the user's directory is not used."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from sapmcu import isolated
from sapmcu.errors import ToolError, UserError
from sapmcu.isolated import Child, ChildError, silent
from sapmcu.isolated_worker import refuse_network

HEADER = "sapmcu.frontends.keras:convert_keras"


@pytest.fixture
def child() -> Iterator[Child]:
    made = Child()
    yield made
    made.close()


def damaged(directory: Path) -> str:
    """An archive without entries."""
    path = directory / "m.keras"
    path.write_bytes(b"PK\x05\x06" + bytes(18))
    return str(path)


def test_errors_of_the_user_keep_their_hint(child: Child, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"is not a \.keras archive") as caught:
        child.call(HEADER, (damaged(tmp_path),), silent, 60)
    assert "model.save" in str(caught.value.hint)


def test_bugs_cross_over_as_what_they_are(child: Child) -> None:
    with pytest.raises(TypeError):
        child.call(HEADER, (), silent, 60)
    with pytest.raises(AttributeError):
        child.call("sapmcu.frontends.keras:absent", (), silent, 60)


def test_a_module_in_the_users_directory_is_not_imported(
    child: Child, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    damaged(tmp_path)
    for name in ("json", "keras", "zipfile"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit(1)")
    with pytest.raises(UserError, match=r"m\.keras"):
        child.call(HEADER, ("m.keras",), silent, 60)


def test_paths_start_from_where_the_caller_is_now(
    child: Child, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        Path(damaged(tmp_path / name)).rename(f"{name}.keras")
        with pytest.raises(UserError, match=rf"{name}\.keras is not a \.keras archive"):
            child.call(HEADER, (f"{name}.keras",), silent, 60)


def test_a_crash_is_told_and_the_next_call_works(child: Child, tmp_path: Path) -> None:
    with pytest.raises(UserError):
        child.call(HEADER, (damaged(tmp_path),), silent, 60)
    assert child.process is not None
    os.kill(child.process.pid, signal.SIGSEGV)
    with pytest.raises(ChildError, match="crashed") as caught:
        child.call(HEADER, (damaged(tmp_path),), silent, 60)
    assert caught.value.returncode == -signal.SIGSEGV
    with pytest.raises(UserError):
        child.call(HEADER, (damaged(tmp_path),), silent, 60)


def test_a_hang_is_ended(child: Child) -> None:
    with pytest.raises(ChildError, match=r"took over 0\.01 s"):
        child.call(HEADER, ("absent",), silent, 0.01)
    assert child.process is None


def test_a_hang_of_the_converter_is_a_failed_tool(tmp_path: Path) -> None:
    with pytest.raises(UserError):
        isolated.call(HEADER, damaged(tmp_path))
    process = isolated._child().process
    assert process is not None
    os.kill(process.pid, signal.SIGSTOP)
    with pytest.raises(ToolError, match=r"the converter took over 0\.1 s on this model") as caught:
        isolated.call(HEADER, damaged(tmp_path), timeout_s=0.1)
    assert caught.value.exit_code == 3


def test_large_arguments_cross_over(child: Child) -> None:
    """More than a pipe's buffer in one piece."""
    with pytest.raises(ToolError):
        child.call("sapmcu.quantize.litert:quantize_with_litert", (b"x" * (1 << 20), [np.zeros(1 << 20)]), silent, 60)


@pytest.mark.parametrize("event", ["socket.connect", "socket.getaddrinfo"])
def test_the_network_is_refused(event: str) -> None:
    with pytest.raises(PermissionError, match="no network"):
        refuse_network(event, ())
    refuse_network("open", ())
