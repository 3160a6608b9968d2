# SPDX-License-Identifier: Apache-2.0
"""The keywords of renode-keywords.robot that sapmcu's suites call, against the stand-in of Renode.

renode-test starts Renode, connects Robot Framework to it, and names a resource with these keywords RENODEKEYWORDS.
"""

from __future__ import annotations

import os
import subprocess

from sapmcu.run import tcp
from sapmcu.run.renode_monitor import Monitor

ROBOT_LIBRARY_SCOPE = "SUITE"
TIMEOUT_S = 60.0
_running: list[tuple[subprocess.Popen[bytes], Monitor]] = []


def setup() -> None:
    port = tcp.free_port()
    options = ("--disable-gui", "--plain", "--port", str(port))
    process = subprocess.Popen([os.environ["SAPMCU_RENODE"], *options], stdout=subprocess.DEVNULL)
    connection = tcp.connect(port, TIMEOUT_S, lambda: process.poll() is None)
    assert connection is not None
    _running.append((process, Monitor(connection, TIMEOUT_S)))


def execute_command(command: str) -> str:
    return _running[-1][1].command(command)


def start_emulation() -> None:
    execute_command("start")


def test_teardown() -> None:
    """Renode's resets the emulation."""


def teardown() -> None:
    process, monitor = _running.pop()
    monitor.quit(TIMEOUT_S)
    monitor.close()
    process.wait(TIMEOUT_S)
