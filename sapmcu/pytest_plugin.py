# SPDX-License-Identifier: Apache-2.0
"""A pytest plugin: fixture `sapmcu_device`, the firmware of a converted project, in an emulator or on a board.

def test_zero(sapmcu_device):
    sapmcu_device.write_input(0, bytes(490))
    sapmcu_device.run()
    assert sapmcu_device.read_output(0, 12) == EXPECTED

pytest --sapmcu-project kws-stm32h7 --sapmcu-emulator qemu
pytest --sapmcu-project kws-stm32h7 --sapmcu-port /dev/ttyACM0
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from sapmcu.run.protocol import Device


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("sapmcu")
    group.addoption("--sapmcu-project", metavar="DIR", help="the directory that `sapmcu convert` wrote")
    emulators = ["unicorn", "qemu", "renode"]
    group.addoption("--sapmcu-emulator", choices=emulators, help="default: unicorn where it has the core")
    group.addoption("--sapmcu-port", help="not an emulator: the serial port of a board that is flashed")
    group.addoption("--sapmcu-toolchain", choices=["gcc", "zig"], help="default: gcc where it is installed")
    group.addoption("--sapmcu-link", choices=["semihosting", "uart"], help="uart: in QEMU, and always in Renode")


@pytest.fixture(scope="session")
def sapmcu_device(request: pytest.FixtureRequest) -> Iterator[Device]:
    """The running firmware: write_input, run, read_output, read_counters. One for all tests."""
    from sapmcu.emulation import running_project
    from sapmcu.errors import UserError
    from sapmcu.ir.build import Link
    from sapmcu.on_board import SerialPort, board_session

    project = request.config.getoption("--sapmcu-project")
    if project is None:
        pytest.fail("sapmcu_device needs --sapmcu-project DIR", pytrace=False)
    port = request.config.getoption("--sapmcu-port")
    link = request.config.getoption("--sapmcu-link")
    try:
        if port is not None:
            with board_session(Path(project), SerialPort(port)) as on_board:
                yield on_board.device
            return
        with running_project(
            Path(project),
            request.config.getoption("--sapmcu-emulator"),
            request.config.getoption("--sapmcu-toolchain"),
            link and Link(link),
        ) as session:
            yield session.device
    except UserError as error:
        pytest.fail("\n".join(filter(None, (error.message, *error.details, error.hint))), pytrace=False)
