# SPDX-License-Identifier: Apache-2.0
"""The Robot Framework suite for renode-test. Source: Renode documentation, "Testing with Renode"."""

from __future__ import annotations

from pathlib import Path

from sapmcu.boards.board import Board
from sapmcu.emit.origin import Origin
from sapmcu.emit.renode.script import firmware_path
from sapmcu.ir.build import Engine

LIBRARY = Path(__file__).with_name("vectors_library.py")
"""Hand-written; renode-test's Python has no package of ours."""


def emit_suite(board: Board, engine: Engine, origin: Origin) -> dict[str, bytes]:
    """The suite and the library that it imports: path in the project -> bytes."""
    lines = [
        *(f"# {line}" for line in origin.lines),
        f"# renode-test renode/{board.name}.robot",
        "*** Settings ***",
        "Suite Setup       Setup",
        "Suite Teardown    Teardown",
        "Test Teardown     Test Teardown",
        "Resource          ${RENODEKEYWORDS}",
        "Library           ${CURDIR}/sapmcu_vectors.py",
        "",
        "*** Variables ***",
        f"${{BIN}}            ${{CURDIR}}/{firmware_path(engine)}",
        "${TESTDATA}       ${CURDIR}/../testdata",
        "",
        "*** Test Cases ***",
        "Outputs Should Be Equal In Every Byte",
        "    ${port}=    Free Port",
        "    ${firmware}=    Monitor Path    ${BIN}",
        f"    ${{script}}=    Monitor Path    ${{CURDIR}}/{board.name}.resc",
        "    Execute Command    $bin=${firmware}",
        "    Execute Command    $port=${port}",
        "    Execute Command    include ${script}",
        "    Execute Command    runMacro $serve",
        "    Start Emulation",
        "    Vectors Should Be Equal    ${port}    ${TESTDATA}",
    ]
    return {
        f"renode/{board.name}.robot": ("\n".join(lines) + "\n").encode("ascii"),
        "renode/sapmcu_vectors.py": LIBRARY.read_bytes(),
    }
