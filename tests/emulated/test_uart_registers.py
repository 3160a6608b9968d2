# SPDX-License-Identifier: Apache-2.0
"""Every board's firmware in unicorn, with a model of its UART's registers: also of those that QEMU lacks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from native_project import BYTES, added, write_native_project
from uart_facts import NRF, RP2
from uart_models import Peripherals

from sapmcu.boards.board import Board, all_boards, load_board
from sapmcu.build.firmware import build_firmware
from sapmcu.build.project import load_project
from sapmcu.run.protocol import END, ESC, Command, FrameReader, Reply, Status, encode_request

pytestmark = pytest.mark.needs("arm-none-eabi-gcc", "unicorn")
BOARDS = [board.name for board in all_boards() if board.emulator.unicorn_cpu is not None]
X = bytes([END, ESC, 0xDC, 0xDD]) * 8 + bytes(range(16))
assert len(X) == BYTES
REQUESTS = (
    b"typed by hand\r\n",
    encode_request(Command.IDENTIFY, 1),
    encode_request(Command.RUN, 2, bytes(4))[:7],
    encode_request(Command.WRITE_INPUT, 3, bytes(8) + X),
    encode_request(Command.RUN, 4, b"\xff\xff\xff\xff"),
    encode_request(Command.READ_OUTPUT, 5, bytes(8) + BYTES.to_bytes(4, "little")),
)
CYCLES_AN_INSTRUCTION = 2
"""Of loads and taken branches, the most of them; flash has no wait states at the clocks after reset."""


@dataclass(frozen=True)
class Served:
    """replies: to REQUESTS. longest_byte: instructions from taking a byte to asking for the next, the most of all."""

    peripherals: Peripherals
    replies: list[Reply]
    longest_byte: int


def serve(directory: Path, board: Board) -> Served:
    """Run the firmware for the board's UART until it has answered all requests."""
    from sapmcu.run.elf import load_program
    from sapmcu.run.unicorn_machine import Machine

    write_native_project(directory, board)
    elf = build_firmware(directory, "gcc", target="uart").elf
    project = load_project(directory / "firmware")
    machine = Machine(
        load_program(elf),
        project.unicorn_cpu or "",
        project.targets["uart"].memory,
        receive=lambda _: b"",
        send=lambda _: None,
        console=lambda _: None,
        on_invoke=lambda _: None,
    )
    peripherals = Peripherals(board, machine.uc, machine.uc.emu_stop)
    peripherals.uart.waiting += b"".join(REQUESTS)
    meter = Meter(peripherals)
    meter.attach(machine.uc)
    machine.run()
    replies = list(FrameReader().feed(bytes(peripherals.uart.sent)))
    return Served(peripherals, replies, meter.longest)


class Meter:
    """Counts instructions between two bytes of the request that writes, which come slowly; blocks of 2 bytes each."""

    def __init__(self, peripherals: Peripherals) -> None:
        self.uart = peripherals.uart
        behind = len(b"".join(REQUESTS[4:]))
        self.inside = range(behind + 1, behind + len(REQUESTS[3]))
        self.left, self.count, self.longest = 0, 0, 0
        self.slow_bytes = 0

    def attach(self, uc: Any) -> None:
        import unicorn

        uc.hook_add(unicorn.UC_HOOK_BLOCK, self._block)

    def _block(self, _: Any, __: int, size: int, ___: Any) -> None:
        left = len(self.uart.waiting)
        if left != self.left:
            if self.slow_bytes > 1:  # before, a whole buffer of bytes was dealt with
                self.longest = max(self.longest, self.count)
            self.left, self.count, self.uart.is_slow = left, 0, left in self.inside
            self.slow_bytes = self.slow_bytes + 1 if self.uart.is_slow else 0
        self.count += size // 2


def uart_clock_hz(board: Board) -> float:
    """What the UART runs from, apart from what the board's file says of its UART."""
    if board.name in RP2:
        return 12e6
    if board.name in NRF:
        return 16e6
    return board.clock.reset_hz


@pytest.fixture(scope="module", params=BOARDS)
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Served:
    return serve(tmp_path_factory.mktemp("uart"), load_board(request.param))


def test_a_board_serves_through_its_uart(served: Served) -> None:
    uart = served.peripherals.uart
    assert served.peripherals.was_missing == [], "the UART was used before all was on"
    assert served.peripherals.problems == []
    assert abs(uart_clock_hz(served.peripherals.board) / uart.divider() / 115_200 - 1) < 0.025
    right = [reply.sequence for reply in served.replies if reply.status == Status.OK]
    wrong = [reply.status for reply in served.replies if reply.status != Status.OK]
    assert right == [1, 3, 4, 5] and wrong == [Status.BAD_FRAME, Status.BAD_FRAME]
    assert served.replies[-1].payload == added(X, 8)


def test_a_byte_is_dealt_with_before_the_next_arrives(served: Served) -> None:
    board = served.peripherals.board
    core_hz = 12e6 if board.name in RP2 else board.clock.reset_hz
    cycles_a_byte = core_hz / (115_200 / 10)
    assert 20 < served.longest_byte < cycles_a_byte / CYCLES_AN_INSTRUCTION
