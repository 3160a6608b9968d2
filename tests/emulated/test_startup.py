# SPDX-License-Identifier: Apache-2.0
"""What startup sets up and tells: faults, protected memory, the stack's guard, the cycle counter of small cores."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from native_project import model_source, write_native_project

from sapmcu.boards.board import Board, load_board
from sapmcu.boards.clock import ClockChoice
from sapmcu.build.firmware import build_firmware
from sapmcu.build.project import load_project
from sapmcu.run.elf import load_program
from sapmcu.run.process import ProcessStream
from sapmcu.run.protocol import END, Command, Device, encode_request
from sapmcu.run.session import Firmware, start

pytestmark = pytest.mark.needs("arm-none-eabi-gcc", "qemu-system-arm")
UNDEFINSTR, DACCVIOL, MMARVALID, STKOF = 1 << 16, 1 << 1, 1 << 7, 1 << 20
"""CFSR. Source: Armv7-M and Armv8-M Architecture Reference Manuals."""
FAULTS = {
    "undefined instruction": '__asm__ volatile("udf #0");',
    "write to code": "*(volatile uint8_t *)(uintptr_t)addends = 1;",
    "stack overflow": "deep(100000);",
}
DEEP = """
int deep(int depth);
__attribute__((noinline)) int deep(int depth) {
    volatile int frame[16];
    frame[depth & 15] = depth;
    return depth == 0 ? 0 : deep(depth - 1) + frame[depth & 15];
}
"""


@contextmanager
def restarting(
    directory: Path, board: Board | str, model: str | None = None, target: str = "qemu-uart"
) -> Iterator[tuple[Device, ProcessStream]]:
    """A device that begins again after a reset, as a board does."""
    write_native_project(directory, board, model)
    elf = build_firmware(directory, "gcc", target=target).elf
    machine = load_project(directory / "firmware").targets[target].machine
    command = ("qemu-system-arm", "-machine", machine, "-display", "none", "-monitor", "none", "-serial", "stdio")
    stream = ProcessStream((*command, "-kernel", str(elf)), 60)
    try:
        stream.read()
        yield Device(stream), stream
    finally:
        stream.close()


def faulty(statement: str) -> str:
    source = model_source().replace("SAPMCU_END_OP(0);", statement)
    return source.replace("static const uint8_t addends", DEEP + "static const uint8_t addends", 1)


@pytest.mark.parametrize("board", ["mps2_an385", "mps2_an500", "mps2_an505", "mps3_an547", "netduinoplus2"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_told_by_the_program_that_starts_after_it(tmp_path: Path, board: str, fault: str) -> None:
    with restarting(tmp_path, board, faulty(FAULTS[fault])) as (device, stream):
        before = device.read_board()
        assert before is not None and before.fault is None
        stream.write(encode_request(Command.RUN, 99, b"\xff\xff\xff\xff"))
        text = b""
        while b"address" not in text or not text.endswith(bytes([END])):
            text += stream.read()
        after = Device(stream).read_board()
    assert after is not None and after.fault is not None and after.core_hz == load_board(board).clock.reset_hz
    program = load_program(tmp_path / "build" / "native-gcc-qemu-uart" / "firmware.elf")
    function = program.function_at(after.fault.pc)
    name = "" if function is None else function.name
    if fault == "undefined instruction":
        assert after.fault.cfsr == UNDEFINSTR and name == "invoke"
    elif fault == "write to code":
        assert after.fault.cfsr == DACCVIOL | MMARVALID and name == "invoke"
        assert after.fault.address == program.symbols["addends"]
    else:
        assert after.fault.pc == 0 or name == "deep"
        bottom = program.symbols["sapmcu_stack_top"] - program.symbols["sapmcu_stack_bytes"]
        assert after.fault.sp <= bottom + 256
        assert after.fault.cfsr & (DACCVIOL | STKOF) or after.fault.pc == 0


def counted(directory: Path, counter: str, model: str) -> int:
    """What the counter says of one run of the model on an Armv6-M core."""
    write_native_project(directory, "rpi_pico", model)
    path = directory / "firmware" / "build.json"
    text = path.read_text()
    assert "port/fpgaio.c" in text and "port/systick.c" in text
    path.write_text(text.replace("port/fpgaio.c", counter))
    build = build_firmware(directory, "gcc", target="qemu")
    with start(Firmware(load_project(directory / "firmware"), build), "qemu") as session:
        session.device.run()
        counters = session.device.read_counters()
    count = counters.cycles if counter == "port/systick.c" else counters.ticks
    assert count is not None
    return count


def test_systick_counts_as_the_boards_own_counter_beyond_its_24_bits(tmp_path: Path) -> None:
    """Both count 25 MHz in QEMU, which is no cycle counter; here it says that the periods are added up."""
    wait = "for (volatile uint32_t i = 0; i < 1200000u; ++i) {\n    }"
    source = model_source().replace("SAPMCU_END_OP(0);", wait)
    systick, fpgaio = (counted(tmp_path / name, f"port/{name}.c", source) for name in ("systick", "fpgaio"))
    assert systick > 2 << 24
    assert abs(systick / fpgaio - 1) < 1e-4


def test_a_board_without_the_registers_of_its_fast_clock_serves_at_that_of_reset(tmp_path: Path) -> None:
    """QEMU's netduinoplus2 has an RCC that reads 0: the PLL never locks. This is the image that a board gets."""
    board = replace(load_board("netduinoplus2"), choice=ClockChoice.FAST)
    with restarting(tmp_path, board, target="uart") as (device, _):
        assert device.identify().core == "cortex-m4"
        state = device.read_board()
    assert state is not None and board.clock.fast is not None
    assert (state.core_hz, state.failed_start_step) == (16_000_000, 0)
    assert board.clock.fast.setup[state.failed_clock_step - 1].why == "PLLRDY: it has locked"
