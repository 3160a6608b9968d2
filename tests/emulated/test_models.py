# SPDX-License-Identifier: Apache-2.0
"""Whole networks on emulated boards: TFLM's outputs in every byte, and each op's result where it lies in the arena."""

from __future__ import annotations

from pathlib import Path

import pytest
from networks import NETWORKS, Network, has_room, load_network, network_firmware

from sapmcu.boards.board import load_board
from sapmcu.boards.placement import largest_arena_bytes
from sapmcu.filter_choice import choose_filters
from sapmcu.ir.memory import Optimize
from sapmcu.ir.twins import Twins
from sapmcu.lower import lower_graph
from sapmcu.native_sram import NativeWish, plan_native
from sapmcu.pipeline import native_graph
from sapmcu.reference import run_graph
from sapmcu.run.session import Session, first_difference, invoke, start

BOARDS = {
    ("unicorn", "nucleo_g0b1re"): ("cortex-m0plus", "gcc", "zig"),
    ("unicorn", "nucleo_f446re"): ("cortex-m4", "gcc", "zig"),
    ("unicorn", "nucleo_h743zi2"): ("cortex-m7", "gcc"),
    ("unicorn", "b_u585i_iot02a"): ("cortex-m33", "gcc"),
    ("qemu", "mps2_an385"): ("cortex-m3", "gcc"),
    ("qemu", "mps2_an386"): ("cortex-m4", "gcc"),
    ("qemu", "mps2_an500"): ("cortex-m7", "gcc"),
    ("qemu", "mps2_an505"): ("cortex-m33", "gcc"),
    ("qemu", "mps3_an547"): ("cortex-m55", "gcc", "zig"),
}
"""Emulator and board -> core and toolchains."""

EACH_OP = (
    ("unicorn", "nucleo_g0b1re", "gcc"),
    ("unicorn", "nucleo_f446re", "gcc"),
    ("unicorn", "nucleo_f446re", "zig"),
)
"""Where each op's result is compared too: without and with DSP instructions."""

TOOLS = {"gcc": "arm-none-eabi-gcc", "zig": "ziglang", "unicorn": "unicorn", "qemu": "qemu-system-arm"}


def builds() -> list[object]:
    return [
        pytest.param(
            name,
            emulator,
            board,
            toolchain,
            id=f"{emulator}-{core}-{toolchain}-{name}",
            marks=pytest.mark.needs("tflite_micro", TOOLS[emulator], TOOLS[toolchain]),
        )
        for (emulator, board), (core, *toolchains) in BOARDS.items()
        for toolchain in toolchains
        for name in NETWORKS
        if has_room(name, board)
    ]


@pytest.mark.parametrize(("name", "emulator", "board", "toolchain"), builds())
def test_firmware_gives_the_bytes_of_tflm(tmp_path: Path, name: str, emulator: str, board: str, toolchain: str) -> None:
    network = load_network(name)
    firmware = network_firmware(tmp_path, network, board, emulator, toolchain)
    with start(firmware, emulator) as session:
        identity = session.device.identify()
        assert (identity.model, identity.core) == (network.graph.name, BOARDS[emulator, board][0])
        if (emulator, board, toolchain) in EACH_OP:
            assert_each_op_equal(session, network, twins=firmware.project.twins)
        for number, vector in enumerate(network.vectors):
            got = invoke(session.device, identity, vector)
            assert got == vector.outputs, first_difference(number, vector, got)


@pytest.mark.parametrize("by_rows", [False, True], ids=["whole", "by rows"])
@pytest.mark.parametrize("toolchain", ["gcc", "zig"])
@pytest.mark.parametrize("name", ["mlperf_ic_resnet_quant", "mlperf_kws_ref_model", "tflm_person_detect"])
@pytest.mark.needs("tflite_micro", "arm-none-eabi-gcc", "ziglang", "unicorn")
def test_firmware_for_speed_gives_the_bytes_of_tflm(tmp_path: Path, name: str, toolchain: str, by_rows: bool) -> None:
    network, board = load_network(name), load_board("nucleo_f446re")
    graph = native_graph(network.graph)[0]
    filters = choose_filters(graph, board)
    optimize, room = Optimize.SRAM if by_rows else Optimize.NONE, largest_arena_bytes(board)
    program, _ = plan_native(graph, NativeWish(optimize, None, room, twins=board.twins, filters=filters))
    assert program is not None and (by_rows or program.filters == filters)
    firmware = network_firmware(tmp_path, network, board.name, "unicorn", toolchain, program)
    with start(firmware, "unicorn") as session:
        identity = session.device.identify()
        for number, vector in enumerate(network.vectors[: 2 if by_rows else 6]):
            got = invoke(session.device, identity, vector)
            assert got == vector.outputs, first_difference(number, vector, got)


def assert_each_op_equal(session: Session, network: Network, *, twins: Twins) -> None:
    """Stop behind each op and compare its results with the reference's; a smooth input, as pictures are."""
    graph, device = network.graph, session.device
    values = run_graph(graph, network.inputs[1])
    offsets = lower_graph(graph, twins=twins).plan.offset_bytes
    for index, op in enumerate(graph.ops):
        for number, data in enumerate(network.vectors[1].inputs):
            device.write_input(number, data)
        device.run(index + 1)
        for name in op.outputs:
            expected = values[name].tobytes()
            got = device.read_arena(offsets[name], len(expected))
            assert got == expected, f"op {index}, {name}: {sum(map(int.__ne__, got, expected))} bytes differ"
