# SPDX-License-Identifier: Apache-2.0
"""A board's facts as a platform description of Renode: core, memory, UART, and what the startup code waits for.

Source: Renode documentation, "Platform description format" and "Using Python in Renode"; class names and parameters:
renode/renode-infrastructure 0c7d0762 (1.16.1 and later), core types: antmicro/tlib c0c259ae.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sapmcu.boards.board import Board
from sapmcu.boards.clock import ClockChoice, FastClock
from sapmcu.boards.steps import Action, RegisterStep
from sapmcu.emit.origin import Origin

CPU_TYPES: Mapping[str, str] = {
    "cortex-m0": "cortex-m0",
    "cortex-m0plus": "cortex-m0+",
    "cortex-m3": "cortex-m3",
    "cortex-m4": "cortex-m4",
    "cortex-m7": "cortex-m7",
    "cortex-m33": "cortex-m33",
    "cortex-m55": "cortex-m55",
}
"""Names of tlib, arch/arm/helper.c. Its Cortex-M4, M7 and M33 have an FPU; its M0 runs more than an M0 does."""


@dataclass(frozen=True, slots=True)
class UartModel:
    """Renode's class for a family of UARTs. size_bytes: of its registers, where the class doesn't know it.

    arguments: of its constructor, "{clock_hz}" for what the UART runs from.
    """

    type: str
    arguments: Mapping[str, str]
    size_bytes: int | None = None


UART_MODELS: Mapping[str, UartModel] = {
    "cmsdk": UartModel("UART.CMSDK_APB_UART", {}),
    "nrf_uart": UartModel("UART.NRF52840_UART", {"easyDMA": "false"}),
    "pl011": UartModel("UART.PL011", {}),
    "stm32_lpuart": UartModel("UART.STM32F7_USART", {"frequency": "{clock_hz}", "lowPowerMode": "true"}),
    "stm32_v1": UartModel("UART.STM32_UART", {"frequency": "{clock_hz}"}, 0x100),
    "stm32_v2": UartModel("UART.STM32F7_USART", {"frequency": "{clock_hz}"}),
}
"""By family of sapmcu.boards.uart. Not nrf_uarte: a byte that arrives when the last one's buffer has been taken, but no
new one given, NRF52840_UART with DMA writes behind the old one, where the MCU keeps it."""


def has_renode_uart(board: Board) -> bool:
    """Whether the host can reach a firmware of this board in Renode."""
    return board.uart is not None and board.uart.port is not None and board.uart.port.family in UART_MODELS


def uart_name(board: Board) -> str:
    """Of the UART in the platform."""
    assert board.uart is not None
    return board.uart.peripheral.lower()


def emit_platform(board: Board, origin: Origin) -> bytes:
    """The bytes of the .repl file."""
    lines = [
        f"// {board.title} ({board.mcu}): what the firmware uses of it.",
        *(f"// {line}" for line in origin.lines),
        "",
        "nvic: IRQControllers.NVIC @ sysbus 0xE000E000",
        f"    systickFrequency: {board.clock.core_hz(board.choice)}",
        "    IRQ -> cpu@0",
        "",
        "cpu: CPU.CortexM @ sysbus",
        f'    cpuType: "{CPU_TYPES[board.core]}"',
        "    nvic: nvic",
        "",
        *_memory(board),
        *_uart(board),
        *_registers(register_waits(board)),
    ]
    return ("\n".join(lines) + "\n").encode("ascii")


def _fast_clock(board: Board) -> FastClock | None:
    return board.clock.fast if board.choice is ClockChoice.FAST else None


def _memory(board: Board) -> Iterator[str]:
    for region in board.memory:
        yield f"{region.name}: Memory.MappedMemory @ sysbus {region.base:#010x}"
        yield f"    size: {region.size_bytes:#x}"
        yield ""


def _uart(board: Board) -> Iterator[str]:
    assert board.uart is not None and board.uart.port is not None
    model, fast = UART_MODELS[board.uart.port.family], _fast_clock(board)
    clock_hz = board.uart.port.clock_hz if fast is None else fast.uart_hz
    place = f"{board.uart.base:#010x}"
    if model.size_bytes is not None:
        place = f"<{place}, +{model.size_bytes:#x}>"
    yield f"{uart_name(board)}: {model.type} @ sysbus {place}"
    for name, value in model.arguments.items():
        yield f"    {name}: {value.format(clock_hz=clock_hz)}"


@dataclass(frozen=True, slots=True)
class RegisterWait:
    """A register that startup code polls. values: one for each state that it waits for, in their order."""

    name: str
    address: int
    values: tuple[int, ...]


def register_waits(board: Board) -> tuple[RegisterWait, ...]:
    """Waits that one value satisfies together are one state."""
    found: dict[int, tuple[str, list[tuple[int, int]]]] = {}
    for step in _steps(board):
        if step.action is Action.WAIT:
            _, states = found.setdefault(step.register, (step.name, []))
            mask, value = states[-1] if states else (0, 0)
            if states and (value ^ step.value) & mask & step.mask == 0:
                states[-1] = (mask | step.mask, value | step.value)
            else:
                states.append((step.mask, step.value))
    return tuple(
        RegisterWait(name, address, tuple(value for _, value in states))
        for address, (name, states) in sorted(found.items())
    )


def _steps(board: Board) -> Iterator[RegisterStep]:
    """What the firmware may do to registers before it serves."""
    yield from board.start
    yield from (step for region in board.memory for step in region.setup or ())
    fast = _fast_clock(board)
    if fast is not None:
        yield from fast.setup
    if board.uart is not None and board.uart.port is not None:
        yield from board.uart.port.setup


def _registers(waits: tuple[RegisterWait, ...]) -> Iterator[str]:
    """A constant is a tag of the bus; what must change goes through its states, a read each."""
    for wait in waits:
        if len(wait.values) > 1:
            yield ""
            yield f"{_identifier(wait.name)}: Python.PythonPeripheral @ sysbus {wait.address:#010x}"
            yield from ("    size: 0x4", "    initable: true", "    script: '''")
            yield from ("if request.IsInit:", "    reads = 0", "elif request.IsRead:")
            yield f"    values = [{', '.join(f'{value:#x}' for value in wait.values)}]"
            yield from (f"    request.Value = values[reads % {len(wait.values)}]", "    reads += 1", "'''")
    constant = [wait for wait in waits if len(wait.values) == 1]
    if constant:
        yield from ("", "sysbus:", "    init:")
        for wait in constant:
            last = wait.address + 3
            yield f'        Tag <{wait.address:#010x}, {last:#010x}> "{_identifier(wait.name)}" {wait.values[0]:#010x}'


def _identifier(name: str) -> str:
    """A register's name as one of Renode's: letters, digits, underscores."""
    return "".join(char if char.isalnum() else "_" for char in name).strip("_").lower()
