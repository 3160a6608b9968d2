# SPDX-License-Identifier: Apache-2.0
"""Plans of cascades on emulated boards: TFLM's bytes, few instructions more than op by op, a bounded stack."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from firmware_project import ORIGIN, write_files
from native_data.families import FAMILIES, expected_values, inputs_of
from native_data.host import assert_all_equal, examples, joined
from native_data.pulled import pulled_plan
from native_project import write_graph_project
from networks import M4F, NETWORKS, board_of, has_room, load_network, network_firmware
from networks_by_hand import Network

from sapmcu.boards.board import load_board
from sapmcu.build.firmware import build_firmware
from sapmcu.build.project import load_project
from sapmcu.emit.native_project import emit_native_project
from sapmcu.ir.cascade import Cascade, CascadePlan
from sapmcu.ir.check import graph_violations
from sapmcu.ir.graph import Graph
from sapmcu.ir.native import NativeProgram
from sapmcu.ir.parts import input_rows, output_rows
from sapmcu.ir.run import Run
from sapmcu.ir.twins import Twins
from sapmcu.ir.vectors import Vector
from sapmcu.lower import lower_graph
from sapmcu.lower.graph import lower_ops
from sapmcu.pipeline import native_graph
from sapmcu.plan.rows import CascadeOptions, plan_cascades
from sapmcu.run.session import Firmware, invoke, run_vectors, start, target_of
from sapmcu.vectors import load_vectors

pytestmark = pytest.mark.needs("arm-none-eabi-gcc", "unicorn", "tflite_micro")
KWS, RESNET, PERSON = "mlperf_kws_ref_model", "mlperf_ic_resnet_quant", "tflm_person_detect"
GROWTH = 0.05
"""Of instructions over the plan of whole tensors: a row of a depthwise convolution is widened for each of the three
rows that see it."""
SHARE = {KWS: (0.9, 1.35), RESNET: (0.97, 1.05), PERSON: (0.95, 1.45)}
"""What each op may take by rows, of what it takes whole: narrow rows are computed three pixels at a time."""
EXECUTOR_BYTES = 700
SLACK_BYTES = 32
"""As in test_stack.py."""
ELSEWHERE = [
    pytest.param("nucleo_g0b1re", "unicorn", "gcc", id="m0plus-gcc"),
    pytest.param("nucleo_f446re", "unicorn", "zig", marks=pytest.mark.needs("ziglang"), id="m4-zig"),
    pytest.param("mps3_an547", "qemu", "gcc", marks=pytest.mark.needs("qemu-system-arm"), id="m55-gcc"),
]


def planned(graph: Graph, *, by_rows: bool) -> NativeProgram:
    """For M4F."""
    plan = plan_cascades(graph, lower_ops(graph, twins=Twins.DSP), CascadeOptions(by_rows=by_rows))
    return lower_graph(graph, twins=Twins.DSP, cascades=plan)


def run_network(directory: Path, name: str, program: NativeProgram | None, count: int) -> tuple[Firmware, Run]:
    network = load_network(name)
    firmware = network_firmware(directory, network, board_of(name), "unicorn", "gcc", program)
    return firmware, run_vectors(firmware, "unicorn", network.vectors[:count])


@pytest.mark.parametrize("by_rows", [False, True], ids=["whole input", "input by rows"])
@pytest.mark.parametrize("name", NETWORKS)
def test_outputs_are_those_of_tflm(tmp_path: Path, name: str, by_rows: bool) -> None:
    network = load_network(name)
    program = planned(native_graph(network.graph)[0], by_rows=by_rows)
    count = 8 if by_rows else len(network.vectors)
    firmware, run = run_network(tmp_path, name, program, count if has_room(name, M4F) else 2)
    assert run.outputs_equal
    assert run.arena_bytes == program.plan.arena_bytes
    worst, measured = firmware.build.worst_stack_bytes, run.measurement.stack_bytes
    assert worst is not None and measured is not None
    assert measured <= worst <= measured + SLACK_BYTES


@pytest.mark.parametrize("by_rows", [False, True], ids=["whole input", "input by rows"])
@pytest.mark.parametrize(("board", "emulator", "toolchain"), ELSEWHERE)
def test_other_cores_and_compilers_give_the_same(
    tmp_path: Path, board: str, emulator: str, toolchain: str, by_rows: bool
) -> None:
    network = load_network(KWS)
    program = planned(native_graph(network.graph)[0], by_rows=by_rows)
    firmware = network_firmware(tmp_path, network, board, emulator, toolchain, program)
    run = run_vectors(firmware, emulator, network.vectors[-3:])
    assert run.outputs_equal
    assert run.measurement.instructions is not None and run.measurement.instructions > 100_000


def segmented() -> Graph:
    """Two images of 24×24 from one that is smaller; softmax makes its result a pixel at a time."""
    net = Network((12, 12), 4)
    x = net.conv(net.conv(net.x, 8, (3, 3)), 16)
    wide = net.depth_to_space(x)
    return net.graph(net.conv(wide, 6, (3, 3)), net.softmax(net.conv(wide, 4)))


@pytest.mark.parametrize("emulator", ["unicorn", pytest.param("qemu", marks=pytest.mark.needs("qemu-system-arm"))])
@pytest.mark.parametrize("by_rows", [False, True], ids=["whole input", "input by rows"])
def test_outputs_by_rows_are_those_of_the_reference(tmp_path: Path, by_rows: bool, emulator: str) -> None:
    graph = segmented()
    plan = plan_cascades(graph, lower_ops(graph), CascadeOptions(by_rows=by_rows, gives_rows=True))
    program = lower_graph(graph, cascades=plan)
    assert {index: one.rows for index, one in output_rows(program).items()} == {0: 24, 1: 24 * 24}
    random = np.random.default_rng(1)
    images = [(random.integers(-128, 128, (1, 12, 12, 4), np.int8),) for _ in range(3)]
    write_graph_project(tmp_path, "mps2_an386", graph, images, program=program)
    target = build_firmware(tmp_path, "gcc", target=target_of(emulator))
    firmware = Firmware(load_project(tmp_path / "firmware"), target)
    run = run_vectors(firmware, emulator, load_vectors(tmp_path))
    assert run.outputs_equal
    assert run.arena_bytes == program.plan.arena_bytes < 24 * 24 * 6
    assert firmware.build.worst_stack_bytes is not None
    instructions, by_op = run.measurement.instructions, run.measurement.instructions_by_op
    if instructions is not None and by_op is not None and emulator == "unicorn":
        assert sum(by_op) == instructions


def test_strips_take_parts_of_rows(tmp_path: Path) -> None:
    graph = native_graph(load_network(PERSON).graph)[0]
    plan = plan_cascades(graph, lower_ops(graph), CascadeOptions(by_rows=True, max_extra_macs=0.1))
    program = lower_graph(graph, cascades=plan)
    assert not any(one.are_whole for one in input_rows(program).values())
    _, run = run_network(tmp_path, PERSON, program, 4)
    assert run.outputs_equal


def test_columns_that_strips_keep_are_the_right_ones(tmp_path: Path) -> None:
    net = Network((24, 48), 3)
    x = net.conv(net.x, 8, (3, 3), (2, 2))
    for _ in range(2):
        x = net.add(x, net.conv(net.depthwise(net.conv(x, 32)), 8))
    graph = net.graph(net.mean(net.conv(x, 64)))
    steps = lower_ops(graph, twins=Twins.DSP)
    plan = plan_cascades(graph, steps, CascadeOptions(by_rows=True, max_extra_macs=0.2))
    kept = [form for part in cascade_parts(plan) for form in part.forms if "left by strip" in form.store]
    assert len(kept) > 4
    random = np.random.default_rng(1)
    images = [(random.integers(-128, 128, (1, 24, 48, 3), np.int8),) for _ in range(3)]
    program = lower_graph(graph, twins=Twins.DSP, cascades=plan)
    write_graph_project(tmp_path, "mps2_an386", graph, images, program=program)
    target = build_firmware(tmp_path, "gcc", target=target_of("unicorn"))
    run = run_vectors(Firmware(load_project(tmp_path / "firmware"), target), "unicorn", load_vectors(tmp_path))
    assert run.outputs_equal
    assert run.arena_bytes == plan.arena_bytes
    scratch = {form.scratch_offset_bytes for part in cascade_parts(plan) for form in part.forms if form.scratch_bytes}
    assert len(scratch) > 1


def cascade_parts(plan: CascadePlan) -> list[Cascade]:
    return [part for part in plan.parts if isinstance(part, Cascade)]


@pytest.mark.parametrize("name", [RESNET, KWS, PERSON])
def test_instructions_grow_by_little(tmp_path: Path, name: str) -> None:
    """And each op knows its share, as of a plan of whole tensors."""
    graph = native_graph(load_network(name).graph)[0]
    _, whole = run_network(tmp_path / "whole", name, None, 1)
    firmware, cascades = run_network(tmp_path / "cascades", name, planned(graph, by_rows=False), 1)
    _, by_rows = run_network(tmp_path / "rows", name, planned(graph, by_rows=True), 1)
    assert whole.measurement.instructions is not None and whole.measurement.instructions_by_op is not None
    for run in (cascades, by_rows):
        total, by_op = run.measurement.instructions, run.measurement.instructions_by_op
        assert total is not None and by_op is not None
        assert total <= whole.measurement.instructions * (1 + GROWTH)
        assert sum(by_op) == total and len(by_op) == len(graph.ops)
        low, high = SHARE[name]
        for before, after in zip(whole.measurement.instructions_by_op, by_op, strict=True):
            assert before * low - 100 <= after <= before * high + 15_000, (name, before, after)
    code = {one.name: one.size_bytes for one in firmware.build.sizes.symbols}
    assert code["sapmcu_run_cascade"] <= EXECUTOR_BYTES


def test_random_ops_by_rows_equal_the_reference(tmp_path: Path) -> None:
    """The twins with DSP instructions."""
    singles = [one for family in FAMILIES.values() for strategy in family for one in examples(strategy, 4)]
    singles = [graph for graph in singles if not list(graph_violations(graph))]
    singles = [graph for graph in singles if all(step.lowered.forms for step in lower_ops(graph))]
    graph = joined(singles)
    program = lower_graph(graph, cascades=pulled_plan(graph))
    generator = np.random.default_rng(2)
    inputs, expected = {}, {}
    for number, single in enumerate(singles):
        given = inputs_of(single, generator, 0)
        inputs.update({f"{number}:{name}": one for name, one in zip(single.inputs, given, strict=True)})
        expected.update({f"{number}:{name}": one for name, one in (expected_values(single, given) or {}).items()})
    no_outputs = tuple(bytes(graph.tensors[name].size_bytes) for name in graph.outputs)
    vector = Vector(tuple(inputs[name].tobytes() for name in graph.inputs), no_outputs)
    write_files(tmp_path, emit_native_project(graph, b"", load_board("mps2_an386"), [vector], ORIGIN, program))
    firmware = Firmware(load_project(tmp_path / "firmware"), build_firmware(tmp_path, "gcc"))
    with start(firmware, "unicorn") as session:
        identity = session.device.identify()
        invoke(session.device, identity, vector)
        arena = session.device.read_arena(0, identity.arena_bytes)
        outputs = {name: expected[name] for name in graph.outputs if name in expected}
        assert_all_equal(graph, program, arena, outputs)
