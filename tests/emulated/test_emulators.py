# SPDX-License-Identifier: Apache-2.0
"""The same firmware in unicorn and QEMU, built by gcc and zig: same bytes, same number of instructions."""

from __future__ import annotations

from pathlib import Path

import pytest
from native_project import BYTES, added, model_source, write_native_project

from sapmcu.build.firmware import build_firmware
from sapmcu.build.project import load_project
from sapmcu.errors import UserError
from sapmcu.ir.run import Measurement
from sapmcu.run.protocol import DeviceError, Status
from sapmcu.run.session import Firmware, Session, start, target_of
from sapmcu.run.unicorn import UnicornSession

X = bytes(range(200, 200 + BYTES))
GCC = pytest.param("gcc", marks=pytest.mark.needs("arm-none-eabi-gcc"))
ZIG = pytest.param("zig", marks=pytest.mark.needs("ziglang"))
UNICORN = pytest.param("unicorn", marks=pytest.mark.needs("unicorn"))
QEMU = pytest.param("qemu", marks=pytest.mark.needs("qemu-system-arm"))


def firmware(directory: Path, board: str, emulator: str, toolchain: str, model: str | None = None) -> Firmware:
    write_native_project(directory, board, model)
    build = build_firmware(directory, toolchain, target=target_of(emulator))
    return Firmware(load_project(directory / "firmware"), build)


def measure(session: Session) -> Measurement:
    """Run the adder once, with all its answers checked."""
    device = session.device
    device.write_input(0, X)
    device.run()
    assert (device.read_output(0, BYTES), device.read_output(1, BYTES)) == (added(X, 8), added(X, 3))
    measured = session.measure()
    device.write_input(0, X)
    device.run(1)
    assert device.read_arena(BYTES, BYTES) == added(X, 3)
    with pytest.raises(DeviceError) as caught:
        device.read_arena(0, 1000)
    assert caught.value.status is Status.BAD_ARGUMENT
    assert device.read_counters().runs == 1
    return measured


@pytest.mark.needs("unicorn", "qemu-system-arm")
@pytest.mark.parametrize("toolchain", [GCC, ZIG])
@pytest.mark.parametrize(
    "board",
    ["rpi_pico", "mps2_an385", "nucleo_f446re", "nucleo_h743zi2", "rpi_pico2"],
)
def test_both_emulators_count_the_same_instructions(tmp_path: Path, board: str, toolchain: str) -> None:
    found = []
    for emulator in ("unicorn", "qemu"):
        with start(firmware(tmp_path, board, emulator, toolchain), emulator) as session:
            assert session.device.identify().core == load_project(tmp_path / "firmware").core
            found.append(measure(session))
    unicorn, qemu = found
    assert unicorn.instructions is not None and unicorn.instructions > 2 * BYTES
    assert unicorn.instructions == qemu.instructions
    assert unicorn.stack_bytes == qemu.stack_bytes
    assert unicorn.instructions_by_op is not None and len(unicorn.instructions_by_op) == 2
    assert sum(unicorn.instructions_by_op) == unicorn.instructions


@pytest.mark.needs("qemu-system-arm")
@pytest.mark.parametrize("toolchain", [GCC, ZIG])
def test_a_cortex_m55_runs_in_qemu(tmp_path: Path, toolchain: str) -> None:
    built = firmware(tmp_path, "mps3_an547", "qemu", toolchain)
    with start(built, "qemu") as session:
        assert measure(session).instructions is not None
    with pytest.raises(UserError, match="unicorn has no cortex-m55"), start(built, "unicorn"):
        pass


@pytest.mark.needs("qemu-system-arm", "arm-none-eabi-gcc")
@pytest.mark.parametrize("board", ["bbc_microbit", "netduinoplus2"])
def test_boards_that_qemu_has_run_as_they_are(tmp_path: Path, board: str) -> None:
    with start(firmware(tmp_path, board, "qemu", "gcc"), "qemu") as session:
        assert measure(session).instructions is None


@pytest.mark.needs("unicorn", "arm-none-eabi-gcc")
def test_unicorn_says_where_instructions_and_memory_go(tmp_path: Path) -> None:
    with start(firmware(tmp_path, "nucleo_h743zi2", "unicorn", "gcc"), "unicorn") as session:
        measured = measure(session)
    costs = {cost.name: cost for cost in measured.profile}
    assert set(costs) == {"add", "invoke"}
    assert costs["add"].calls == 2
    assert sum(cost.instructions for cost in measured.profile) == measured.instructions
    assert measured.arena_used_bytes == 96


@pytest.mark.needs("unicorn", "arm-none-eabi-gcc")
def test_a_session_runs_many_times_before_anybody_asks_what_it_cost(tmp_path: Path) -> None:
    """Each run tells some hundred bytes of itself; a pipe would take 64 KiB of that and then stop the emulator."""
    with start(firmware(tmp_path, "nucleo_f446re", "unicorn", "gcc"), "unicorn") as session:
        first = measure(session)
        for _ in range(600):
            session.device.write_input(0, X)
            session.device.run()
        assert session.measure().instructions == first.instructions


@pytest.mark.needs("unicorn", "arm-none-eabi-gcc")
def test_the_slow_counter_counts_as_the_fast_one(tmp_path: Path) -> None:
    built = firmware(tmp_path, "nucleo_f446re", "unicorn", "gcc")
    found = []
    for native in (True, False):
        with UnicornSession(built.build.elf, built.project, native=native) as session:
            found.append(measure(session))
    assert found[0] == found[1]


ADD_IN_ASSEMBLY = """
#define UNUSED __attribute__((unused))
__attribute__((naked, noinline)) static void add(UNUSED uint8_t *y, UNUSED const uint8_t *x, UNUSED uint8_t addend) {
    __asm__ volatile(".syntax unified\\n"
                     "push {r4, lr}\\n"
                     "adds r2, r2, r2\\n"
                     "adds r2, r2, #1\\n"
                     "movs r3, #0\\n"
                     "1: ldrb r4, [r1, r3]\\n"
                     "adds r4, r4, r2\\n"
                     "strb r4, [r0, r3]\\n"
                     "lsls r4, r3, #31\\n"
                     "beq 2f\\n" /* where the index is even */
                     "nop\\n"
                     "2: adds r3, r3, #1\\n"
                     "cmp r3, #48\\n"
                     "bne 1b\\n"
                     "pop {r4, pc}\\n");
}
"""
ADD_LOOP = 48 * (2 + 1 + 2 + 1 + 1 + 1 + 1 + 1) + 24
"""Cycles without those of taken branches: of the loop's instructions, and of NOP."""
ADD_CYCLES = {
    "bbc_microbit": 3 + 3 + ADD_LOOP + (24 + 47) * 2 + 6,
    "rpi_pico": 3 + 3 + ADD_LOOP + (24 + 47) * 1 + 5,
    "mps2_an385": 3 + 3 + 1 + ADD_LOOP + (24 + 47) * 2 + 6,  # 1: the first LDRB waits for its index
    "nucleo_f446re": 3 + 3 + 1 + ADD_LOOP + (24 + 47) * 2 + 6,
    "rpi_pico2": 3 + 3 + 1 + ADD_LOOP + (24 + 47) * 2 + 6,
}
"""PUSH and three instructions, the loop, its taken branches, POP; by the timings of the TRMs."""


@pytest.mark.needs("unicorn", "capstone", "arm-none-eabi-gcc")
@pytest.mark.parametrize("board", ADD_CYCLES)
def test_cycles_are_those_of_the_branches_that_were_taken(tmp_path: Path, board: str) -> None:
    before, _, rest = model_source().partition("__attribute__((noinline))")
    before = before.replace("static const uint8_t constants", "__attribute__((unused)) static const uint8_t constants")
    source = before + ADD_IN_ASSEMBLY + rest[rest.index("\n}\n") + 3 :]
    with start(firmware(tmp_path, board, "unicorn", "gcc", source), "unicorn") as session:
        measured = measure(session)
    costs = {cost.name: cost.estimated_cycles for cost in measured.profile}
    assert costs["add"] == 2 * ADD_CYCLES[board]
    assert measured.estimated_cycles == sum(cycles or 0 for cycles in costs.values())
    assert measured.estimated_cycles_by_op is not None and measured.timing is not None
    assert sum(measured.estimated_cycles_by_op) == measured.estimated_cycles


@pytest.mark.needs("unicorn", "arm-none-eabi-gcc")
def test_cycles_of_a_core_without_documented_timings_are_unknown(tmp_path: Path) -> None:
    with start(firmware(tmp_path, "nucleo_h743zi2", "unicorn", "gcc"), "unicorn") as session:
        measured = measure(session)
    assert measured.instructions is not None
    assert (measured.estimated_cycles, measured.estimated_cycles_by_op, measured.timing) == (None, None, None)


@pytest.mark.needs("unicorn", "arm-none-eabi-gcc")
def test_the_stack_in_use_agrees_with_what_the_compiler_says(tmp_path: Path) -> None:
    built = firmware(tmp_path, "nucleo_f446re", "unicorn", "gcc")
    frames = {frame.function: frame.bytes for frame in built.build.frames}
    with start(built, "unicorn") as session:
        measured = measure(session)
        counters = session.device.read_counters()
    # the deepest word of a frame may be one that nobody writes
    assert frames["add"] < (measured.stack_bytes or 0) <= frames["add"] + frames["invoke"]
    assert counters.stack_bytes == measured.stack_bytes
    assert counters.stack_bytes < counters.stack_peak_bytes < counters.stack_size_bytes == 4096


FAULTS = {
    "read of no memory at 0x60000000": "(void)*(volatile uint32_t *)0x60000000u;",
    "write to flash at 0x08000000": "*(volatile uint32_t *)0x08000000u = 1;",
    "jump to data": "((void (*)(void))(uintptr_t)(arena + 1))();",
    "undefined instruction": '__asm__ volatile("udf #0");',
}


@pytest.mark.needs("unicorn", "arm-none-eabi-gcc")
@pytest.mark.parametrize("what", FAULTS)
def test_a_fault_is_told_with_function_and_line(tmp_path: Path, what: str) -> None:
    lines = model_source().splitlines()
    place = next(number for number, line in enumerate(lines) if "SAPMCU_END_OP(0)" in line)
    lines[place] = FAULTS[what]
    built = firmware(tmp_path, "nucleo_h743zi2", "unicorn", "gcc", "\n".join(lines))
    with start(built, "unicorn") as session, pytest.raises(DeviceError, match=what) as caught:
        session.device.run()
    text = "\n".join(caught.value.details)
    if what != "jump to data":
        assert f"at invoke (sapmcu_adder.c:{place + 1})" in text


@pytest.mark.needs("unicorn", "arm-none-eabi-gcc")
def test_an_overflow_of_the_stack_is_a_fault(tmp_path: Path) -> None:
    deep = model_source().replace("frame[40]", "frame[5000]").replace("frame[0] =", "frame[0] = frame[4999] =")
    built = firmware(tmp_path, "nucleo_f446re", "unicorn", "gcc", deep)
    with start(built, "unicorn") as session, pytest.raises(DeviceError, match="write to no memory at 0x1fff"):
        session.device.run()


@pytest.mark.needs("qemu-system-arm", "arm-none-eabi-gcc")
def test_a_fault_in_qemu_shows_what_the_firmware_printed(tmp_path: Path) -> None:
    source = model_source().replace("SAPMCU_END_OP(0);", '__asm__ volatile("udf #0");')
    built = firmware(tmp_path, "nucleo_f446re", "qemu", "gcc", source)
    with start(built, "qemu") as session, pytest.raises(DeviceError) as caught:
        session.device.run()
    assert "unexpected exception 03" in "\n".join(caught.value.details)
