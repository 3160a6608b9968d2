# SPDX-License-Identifier: Apache-2.0
"""Every board's firmware in unicorn, with models of its clocks and its UART: also of those boards that QEMU lacks."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from native_project import BYTES, added, write_native_project
from uart_models import Peripherals

from sapmcu.boards.board import Board, all_boards, load_board
from sapmcu.boards.clock import ClockChoice
from sapmcu.build.firmware import build_firmware
from sapmcu.build.project import load_project
from sapmcu.run.protocol import END, ESC, Command, FrameReader, Reply, Status, encode_request

pytestmark = pytest.mark.needs("arm-none-eabi-gcc", "unicorn")
X = bytes([END, ESC, 0xDC, 0xDD]) * 8 + bytes(range(16))
assert len(X) == BYTES
REQUESTS = (
    b"typed by hand\r\n",
    encode_request(Command.IDENTIFY, 1),
    encode_request(Command.RUN, 2, bytes(4))[:7],
    encode_request(Command.WRITE_INPUT, 3, bytes(8) + X),
    encode_request(Command.RUN, 4, b"\xff\xff\xff\xff"),
    encode_request(Command.READ_COUNTERS, 7),
    encode_request(Command.READ_OUTPUT, 5, bytes(8) + BYTES.to_bytes(4, "little")),
    encode_request(Command.READ_BOARD, 6),
)
CYCLES, BLOCK = 1, 32
"""SAPMCU_COUNTER_CYCLES; instructions of a block, which the model of the counter counts as one."""
CYCLES_AN_INSTRUCTION = 2
"""Of loads and taken branches, the most of them. Flash has wait states where the clock leaves more cycles a byte."""


@dataclass(frozen=True)
class Served:
    """replies: to REQUESTS. longest_byte: instructions from taking a byte to asking for the next, the most of all.
    instructions: of the run."""

    peripherals: Peripherals
    replies: list[Reply]
    longest_byte: int
    instructions: int


def serve(
    directory: Path,
    board: Board,
    prepare: Callable[[Peripherals], None] = lambda _: None,
    dwt: str = "CountingMachine",
) -> Served:
    """Run the firmware for the board's UART until it has answered all requests. prepare: the models, before reset.

    dwt: which of dwt_model.py.
    """
    import dwt_model

    from sapmcu.run.elf import load_program

    write_native_project(directory, board)
    elf = build_firmware(directory, "gcc", target="uart").elf
    project = load_project(directory / "firmware")
    runs: list[int] = []
    machine = getattr(dwt_model, dwt)(
        load_program(elf),
        project.unicorn_cpu or "",
        project.targets["uart"].memory,
        receive=lambda _: b"",
        send=lambda _: None,
        console=lambda _: None,
        on_invoke=lambda run: runs.append(run.instructions),
        is_obliging=False,
    )
    peripherals = Peripherals(board, machine.uc, machine.uc.emu_stop)
    prepare(peripherals)
    peripherals.uart.waiting += b"".join(REQUESTS)
    meter = Meter(peripherals)
    meter.attach(machine.uc)
    machine.run()
    replies = list(FrameReader().feed(bytes(peripherals.uart.sent)))
    return Served(peripherals, replies, meter.longest, runs[-1])


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


CHOICES = [
    pytest.param((board.name, choice), id=f"{board.name}-{choice}")
    for board in all_boards()
    if board.emulator.unicorn_cpu is not None
    for choice in ClockChoice
    if choice is ClockChoice.RESET or board.clock.fast is not None
]


@pytest.fixture(scope="module", params=CHOICES)
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Served:
    name, choice = request.param
    return serve(tmp_path_factory.mktemp("uart"), replace(load_board(name), choice=choice))


def test_a_board_serves_through_its_uart(served: Served) -> None:
    """The models refuse a PLL that isn't waited for, flash without wait states, a bus that is too fast."""
    peripherals = served.peripherals
    board, uart = peripherals.board, peripherals.uart
    assert peripherals.was_missing is not None, "the UART was never used"
    other = {"clock of the cores"} if board.choice is ClockChoice.FAST else set()
    assert set(peripherals.was_missing) - other == set(), "the UART was used before all was on"
    assert peripherals.problems == []
    assert abs(peripherals.clocks.uart_hz() / uart.divider() / 115_200 - 1) < 0.025
    right = [reply.sequence for reply in served.replies if reply.status == Status.OK]
    wrong = [reply.status for reply in served.replies if reply.status != Status.OK]
    assert right == [1, 3, 4, 7, 5, 6] and wrong == [Status.BAD_FRAME, Status.BAD_FRAME]
    assert served.replies[-2].payload == added(X, 8)


def board_state(served: Served) -> tuple[int, ...]:
    """core_hz, failed steps of start and of the clock, reasons of the reset, the fault."""
    return struct.unpack("<12I", served.replies[-1].payload)


def test_the_core_runs_at_what_the_boards_file_says(served: Served) -> None:
    board, clocks = served.peripherals.board, served.peripherals.clocks
    assert clocks.core_hz() == board.clock.core_hz(board.choice) == board_state(served)[0]
    assert board_state(served)[1:] == (0,) * 11
    if board.choice is ClockChoice.FAST:
        assert board.clock.fast is not None and clocks.uart_hz() == board.clock.fast.uart_hz


def counted(served: Served) -> tuple[int, int]:
    """(kind of the counter, what it says of the run)."""
    _, kind, count, *_ = struct.unpack("<7I", served.replies[-3].payload)
    return kind, count


def test_the_cycle_counter_of_the_core_counts_the_run(served: Served) -> None:
    kind, count = counted(served)
    if served.peripherals.board.core.startswith("cortex-m0"):  # it has SysTick, which doesn't count here
        assert kind == 0
    else:
        assert kind == CYCLES
        assert abs(count - served.instructions) <= BLOCK


@pytest.mark.parametrize(("dwt", "kind"), [("LockedMachine", CYCLES), ("CounterlessMachine", 0)])
def test_a_cycle_counter_is_unlocked_where_there_is_one(tmp_path: Path, dwt: str, kind: int) -> None:
    assert counted(serve(tmp_path, load_board("stm32h7"), dwt=dwt))[0] == kind


def test_a_byte_is_dealt_with_before_the_next_arrives(served: Served) -> None:
    cycles_a_byte = served.peripherals.clocks.core_hz() / (115_200 / 10)
    assert 20 < served.longest_byte < cycles_a_byte / CYCLES_AN_INSTRUCTION


def test_a_board_whose_pll_never_locks_serves_at_the_clock_of_reset_and_says_so(tmp_path: Path) -> None:
    def break_clocks(peripherals: Peripherals) -> None:
        peripherals.clocks.is_broken = True
        peripherals.endless = 10_000_000

    board = replace(load_board("stm32g0"), choice=ClockChoice.FAST)
    served = serve(tmp_path, board, break_clocks)
    assert board.clock.fast is not None and served.peripherals.problems == []
    core_hz, start, clock, *_ = board_state(served)
    assert (core_hz, start) == (16_000_000, 0) and board.clock.fast.setup[clock - 1].why == "PLLRDY: it has locked"
    assert abs(16e6 / served.peripherals.uart.divider() / 115_200 - 1) < 0.025


def test_the_reasons_of_a_reset_are_told_and_forgotten(tmp_path: Path) -> None:
    """RCC_CSR of STM32G0: SFTRSTF and PINRSTF, as after a reset by software; RMVF clears them."""
    csr = 0x4002_1060

    def reset_by_software(peripherals: Peripherals) -> None:
        peripherals.registers[csr] = 1 << 28 | 1 << 26

    served = serve(tmp_path, load_board("stm32g0"), reset_by_software)
    assert board_state(served)[3] == 4 + 2
    assert served.peripherals.registers[csr] >> 23 & 1, "RMVF"
