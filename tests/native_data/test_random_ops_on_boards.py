# SPDX-License-Identifier: Apache-2.0
"""Random ops of every kind in one firmware on emulated boards: the reference's bytes, every tensor."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from firmware_project import ORIGIN, write_files
from native.cases import wide_convolutions, wide_products
from native_data.families import FAMILIES, expected_values, inputs_of
from native_data.host import assert_all_equal, examples, joined

from sapmcu.boards.board import load_board
from sapmcu.build.firmware import build_firmware
from sapmcu.build.project import load_project
from sapmcu.emit.native_project import emit_native_project
from sapmcu.ir.check import graph_violations
from sapmcu.ir.vectors import Vector
from sapmcu.lower import lower_graph
from sapmcu.run.session import Firmware, invoke, start, target_of

pytestmark = pytest.mark.needs("arm-none-eabi-gcc")

EXAMPLES = 6
WIDE_EXAMPLES = 40
"""Of shapes on which the fast paths run."""
ROUNDS = 3
BOARDS = [
    pytest.param("rpi_pico", "unicorn", id="m0plus", marks=pytest.mark.needs("unicorn")),
    pytest.param("mps2_an386", "unicorn", id="m4", marks=pytest.mark.needs("unicorn")),
    pytest.param("mps3_an547", "qemu", id="m55", marks=pytest.mark.needs("qemu-system-arm")),
]


@pytest.mark.parametrize(("board", "emulator"), BOARDS)
def test_emulated_board_equals_reference(tmp_path: Path, board: str, emulator: str) -> None:
    singles = [one for family in FAMILIES.values() for strategy in family for one in examples(strategy, EXAMPLES)]
    singles += [one for strategy in (wide_convolutions(), wide_products()) for one in examples(strategy, WIDE_EXAMPLES)]
    singles = [graph for graph in singles if not list(graph_violations(graph))]
    graph = joined(singles)
    program = lower_graph(graph, twins=load_board(board).twins, is_each_kept=True)
    generator = np.random.default_rng(2)
    rounds = []
    for kind in range(ROUNDS):
        inputs, expected = {}, {}
        for number, single in enumerate(singles):
            given = inputs_of(single, generator, kind)
            inputs.update({f"{number}:{name}": one for name, one in zip(single.inputs, given, strict=True)})
            expected.update({f"{number}:{name}": one for name, one in (expected_values(single, given) or {}).items()})
        rounds.append((inputs, expected))
    no_outputs = tuple(bytes(graph.tensors[name].size_bytes) for name in graph.outputs)
    vectors = [Vector(tuple(inputs[name].tobytes() for name in graph.inputs), no_outputs) for inputs, _ in rounds]
    write_files(tmp_path, emit_native_project(graph, b"", load_board(board), vectors[:1], ORIGIN, program))
    firmware = Firmware(
        load_project(tmp_path / "firmware"), build_firmware(tmp_path, "gcc", target=target_of(emulator))
    )
    with start(firmware, emulator) as session:
        identity = session.device.identify()
        for vector, (_, expected) in zip(vectors, rounds, strict=True):
            invoke(session.device, identity, vector)
            arena = session.device.read_arena(0, identity.arena_bytes)
            assert_all_equal(graph, program, arena, expected)
