# SPDX-License-Identifier: Apache-2.0
"""What each network costs on a board: no more than tests/budgets.toml says, nor than the native engine may."""

from __future__ import annotations

import os
import subprocess
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest
from networks import NETWORKS, has_room, load_network, network_firmware

from sapmcu.boards.board import load_board
from sapmcu.boards.placement import largest_arena_bytes
from sapmcu.build.toolchain import GCC
from sapmcu.filter_choice import choose_filters
from sapmcu.ir.build import Build
from sapmcu.ir.memory import Optimize
from sapmcu.native_sram import NativeWish, plan_native
from sapmcu.pipeline import native_graph
from sapmcu.run.session import run_vectors

pytestmark = pytest.mark.needs("arm-none-eabi-gcc", "unicorn", "qemu-system-arm", "tflite_micro")
BUDGETS = Path(__file__).resolve().parents[1] / "budgets.toml"
GROWTH = 0.01
KWS = "mlperf_kws_ref_model"
M4F = "nucleo_f446re"
M0PLUS = "rpi_pico"
M55 = "mps3_an547"
WHOLE, BY_ROWS, INPUT_ROWS = "whole ops", "by rows", "input by rows"
PERSON, RESNET = "tflm_person_detect", "mlperf_ic_resnet_quant"
SPEECH = "tflm_micro_speech_quantized"
NO_WISH, FOR_SPEED = "", "speed"
ROWS = (
    *((name, M4F, WHOLE, NO_WISH) for name in NETWORKS if has_room(name, M4F)),
    *((KWS, board, WHOLE, NO_WISH) for board in ("nucleo_g0b1re", "nucleo_h743zi2")),
    *((name, board, WHOLE, NO_WISH) for board in (M0PLUS, M55) for name in (PERSON, RESNET, KWS)),
    *((name, M4F, plan, NO_WISH) for name in (PERSON, RESNET, KWS, SPEECH) for plan in (BY_ROWS, INPUT_ROWS)),
    *((name, M4F, plan, FOR_SPEED) for name in (PERSON, RESNET, KWS, SPEECH) for plan in (WHOLE, BY_ROWS)),
)
"""(name of the network, board, plan, --prefer)"""
HEADER = """\
# SPDX-License-Identifier: Apache-2.0
# What one inference of the native engine costs in unicorn; all figures are exact, for this compiler at -O2,
# but estimated_cycles, which docs/cycles.md explains.
# A figure that grows over 1 % fails tests/emulated/test_budgets.py until it is edited here, in the same commit.
# SAPMCU_UPDATE_BUDGETS=1 python -m pytest tests/emulated/test_budgets.py rewrites the file; read the diff.
"""


Row = tuple[str, str, str, str]


@dataclass(frozen=True)
class Figures:
    """code_bytes: all of the image but the model's constants; with the device protocol. static_bytes: no arena.

    estimated_cycles: None for a core without documented timings.
    """

    code_bytes: int
    model_bytes: int
    arena_bytes: int
    stack_bytes: int
    static_bytes: int
    instructions: int
    estimated_cycles: int | None


MAX = {"code_bytes": 16_384, "stack_bytes": 1_024, "static_bytes": 72}
PORT = {"stream_in": 4, "stream_out": 4, "state": 20, "sapmcu_fault_note": 40}
"""The only static data beside the arena: handles of the port to semihosting, how the board has started, what a fault
leaves; none of the model or its kernels."""
SYSTICK = {"periods": 4}
PROGRESS_BYTES = 8
"""Where a firmware whose input comes by rows stands."""
MAX_OF = {
    (RESNET, WHOLE): {"instructions": 11_600_000, "arena_bytes": 49_152, "code_bytes": 8_000},
    (KWS, WHOLE): {"instructions": 2_700_000, "arena_bytes": 16_000, "code_bytes": 9_000},
    (SPEECH, WHOLE): {"instructions": 550_000},
    (PERSON, WHOLE): {"instructions": 7_500_000, "arena_bytes": 55_296, "code_bytes": 9_000},
    (RESNET, BY_ROWS): {"arena_bytes": 15_900},
    (KWS, BY_ROWS): {"arena_bytes": 5_000},
    (PERSON, BY_ROWS): {"arena_bytes": 13_900},
    (RESNET, INPUT_ROWS): {"arena_bytes": 13_100},
    (KWS, INPUT_ROWS): {"arena_bytes": 4_600},
    (PERSON, INPUT_ROWS): {"arena_bytes": 13_100},
}
"""On a Cortex-M4F."""
MAX_FOR_SPEED = {
    (RESNET, WHOLE): {"instructions": 6_800_000, "estimated_cycles": 36_362_953 // 3},
    (KWS, WHOLE): {"instructions": 2_350_000},
    (PERSON, WHOLE): {"instructions": 6_600_000},
    (SPEECH, WHOLE): {"instructions": 500_000},
    (RESNET, BY_ROWS): {"arena_bytes": 11_456},
}
"""With --prefer speed. Source of the cycles: TFLM with CMSIS-NN on the same core. By rows as small as without."""
MAX_INSTRUCTIONS = {
    (PERSON, M55): 6_510_000,
    (RESNET, M55): 4_910_000,
    (KWS, M55): 1_810_000,
    (RESNET, M0PLUS): 169_500_000 // 4,
    (KWS, M0PLUS): 72_000_000 // 4,
}
"""On other cores. Source: TFLM there, with CMSIS-NN's kernels for MVE; a quarter of its reference kernels on M0+."""
MOST_BY_ROWS = 0.05
MOST_BY_ROWS_OF = {(KWS, FOR_SPEED): 0.1, (RESNET, FOR_SPEED): 0.1}
"""Of instructions over those of whole ops, at the same MACs: a cascade widens a depthwise convolution's rows three
times, a whole image's once. With --prefer speed that is a larger part, and in the least SRAM tiles of two rows have no
room."""


def load_budgets() -> tuple[str, Mapping[Row, Mapping[str, int]]]:
    """(compiler, figures of each row)"""
    table = tomllib.loads(BUDGETS.read_text(encoding="ascii"))
    key = ("model", "board", "engine", "plan", "prefer", "toolchain")
    assert all((row["engine"], row["toolchain"]) == ("native", "gcc") for row in table["budget"])
    rows = {
        (row["model"], row["board"], row["plan"], row.get("prefer", NO_WISH)): {
            name: value for name, value in row.items() if name not in key
        }
        for row in table["budget"]
    }
    return table["compiler"], rows


def write_budget(key: Row, figures: Mapping[str, int]) -> None:
    """Replace one row; rows are in the order of ROWS."""
    rows = {**(load_budgets()[1] if BUDGETS.exists() else {}), key: figures}
    lines = [f'{HEADER}compiler = "{installed_compiler()}"']
    for row in (row for row in ROWS if row in rows):
        model, place, plan, prefer = row
        lines += ["", "[[budget]]", f'model = "{model}"', f'board = "{place}"', 'engine = "native"']
        lines += [
            f'plan = "{plan}"',
            *([f'prefer = "{prefer}"'] if prefer else []),
            'toolchain = "gcc"',
            *(f"{name} = {value:_}" for name, value in rows[row].items()),
        ]
    BUDGETS.write_text("\n".join(lines) + "\n", encoding="ascii")


def installed_compiler() -> str:
    done = subprocess.run([GCC, "-dumpfullversion"], capture_output=True, text=True, check=True)
    return f"{GCC} {done.stdout.strip()}"


def measure(directory: Path, row: Row) -> tuple[Build, Figures]:
    name, board, plan, prefer = row
    chosen = load_board(board)
    network = load_network(name, Optimize.AUTO if plan == WHOLE and chosen.twins.takes_fours else Optimize.SRAM)
    graph = native_graph(network.graph)[0]
    program, filters = None, choose_filters(graph, chosen) if prefer else ()
    if prefer or plan != WHOLE:
        optimize = Optimize.NONE if plan == WHOLE else Optimize.SRAM
        room, by_rows = largest_arena_bytes(chosen), plan == INPUT_ROWS
        program, _ = plan_native(graph, NativeWish(optimize, None, room, by_rows, twins=chosen.twins, filters=filters))
    emulator = "qemu" if board == M55 else "unicorn"
    firmware = network_firmware(directory, network, board, emulator, "gcc", program)
    run = run_vectors(firmware, emulator, network.vectors[:1])
    assert run.outputs_equal and run.measurement.instructions is not None
    return firmware.build, Figures(
        run.code_bytes,
        run.model_bytes,
        run.arena_bytes,
        run.stack_bytes,
        run.static_bytes,
        run.measurement.instructions,
        run.measurement.estimated_cycles,
    )


@pytest.mark.parametrize("row", ROWS, ids=" ".join)
def test_costs_keep_to_bounds_and_budget(tmp_path: Path, row: Row) -> None:
    name, board, plan, prefer = row
    build, measured = measure(tmp_path, row)
    figures = {key: value for key, value in asdict(measured).items() if value is not None}
    max_of = MAX_OF if board == M4F and not prefer else MAX_FOR_SPEED if prefer else {}
    limits = {**MAX, **max_of.get((name, plan), {})}
    limits |= {"instructions": MAX_INSTRUCTIONS[name, board]} if (name, board) in MAX_INSTRUCTIONS else {}
    limits["static_bytes"] += PROGRESS_BYTES if plan == INPUT_ROWS else 0
    assert {key: figures[key] for key in limits if figures[key] > limits[key]} == {}, f"{name} on {board}: {limits}"
    static = {one.name: one.size_bytes for one in build.sizes.symbols if one.section in (".data", ".bss")}
    port = PORT | ({} if load_board(board).core_facts.has_cycle_counter else SYSTICK)
    assert static == port if plan != INPUT_ROWS else port.items() <= static.items()
    if os.environ.get("SAPMCU_UPDATE_BUDGETS"):
        write_budget(row, figures)
    compiler, budgets = load_budgets()
    if compiler != installed_compiler():
        other = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        other(f"{BUDGETS.name} has the figures of {compiler}; here is {installed_compiler()}")
    place = ", ".join(filter(None, (f"{name} on {board}, native", plan, prefer, "gcc")))
    problems, notes = compare(place, figures, budgets[row])
    print(*notes, sep="\n")
    most = 1 + MOST_BY_ROWS_OF.get((name, prefer), MOST_BY_ROWS)
    assert figures["instructions"] <= most * budgets[name, board, WHOLE, prefer]["instructions"]
    assert not problems, "\n".join([*problems, f"if that is meant, edit {BUDGETS.name} in the same commit"])


def compare(row: str, figures: Mapping[str, int], budget: Mapping[str, int]) -> tuple[list[str], list[str]]:
    """(what grew over 1 %, what shrank so)"""
    assert figures.keys() == budget.keys()
    grown, shrunk = [], []
    for key, value in figures.items():
        text = f"{row}: {key} is {value:,}, the budget is {budget[key]:,}"
        if value > budget[key] * (1 + GROWTH):
            grown.append(text)
        elif value < budget[key] * (1 - GROWTH):
            shrunk.append(f"{text}: lower it")
    return grown, shrunk


def test_growth_over_one_percent_is_a_problem_and_shrinkage_a_note() -> None:
    budget = {"code_bytes": 1000, "stack_bytes": 1000, "arena_bytes": 1000}
    grown, shrunk = compare("row", {"code_bytes": 1011, "stack_bytes": 989, "arena_bytes": 1010}, budget)
    assert grown == ["row: code_bytes is 1,011, the budget is 1,000"]
    assert shrunk == ["row: stack_bytes is 989, the budget is 1,000: lower it"]


def test_budgets_have_all_rows_and_no_other() -> None:
    assert tuple(load_budgets()[1]) == ROWS
