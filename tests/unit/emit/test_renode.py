# SPDX-License-Identifier: Apache-2.0
"""What is written for Renode: its grammar, and every name against Renode's published sources (renode_facts.toml)."""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
import yaml
from firmware_project import ORIGIN
from reference_models import ROOT
from renode_syntax import TAG, Entry, PlatformSyntaxError, parse_platform, script_commands, tokens

from sapmcu.boards.board import Board, all_boards, load_board
from sapmcu.boards.clock import ClockChoice
from sapmcu.boards.core import CORES
from sapmcu.boards.steps import Action, RegisterStep
from sapmcu.boards.uart import FAMILIES
from sapmcu.emit.renode import emit_renode
from sapmcu.emit.renode.platform import CPU_TYPES, UART_MODELS, emit_platform, register_waits
from sapmcu.ir.build import Engine

FACTS: dict[str, Any] = tomllib.loads((ROOT / "tests/renode_facts.toml").read_text(encoding="utf-8"))
BOARDS = [
    replace(board, choice=choice)
    for board in all_boards()
    if emit_renode(board, "m", Engine.NATIVE, ORIGIN)
    for choice in (ClockChoice if board.clock.fast is not None else (ClockChoice.RESET,))
]
WITHOUT = {"nrf5340dk"}
"""Boards whose UART doesn't work in Renode."""
OWN_KEYWORDS = ("Free Port", "Monitor Path", "Vectors Should Be Equal")

by_board = pytest.mark.parametrize("board", BOARDS, ids=lambda board: f"{board.name}-{board.choice}")


def files(board: Board) -> dict[str, str]:
    return {path: data.decode() for path, data in emit_renode(board, "dscnn", Engine.NATIVE, ORIGIN).items()}


def platform(board: Board) -> dict[str, Entry]:
    return parse_platform(files(board)[f"renode/{board.name}.repl"])


def test_every_board_but_those_known_has_files() -> None:
    assert {board.name for board in all_boards()} - {board.name for board in BOARDS} == WITHOUT
    assert set(files(BOARDS[0])) == {
        *(f"renode/{BOARDS[0].name}.{suffix}" for suffix in ("repl", "resc", "robot")),
        "renode/sapmcu_vectors.py",
    }


def test_facts_have_sources() -> None:
    repositories = set(FACTS["sources"])
    places = [*(one["path"] for one in FACTS["types"].values()), FACTS["cpu_types"]["path"], FACTS["options"]["path"]]
    places += [*FACTS["commands"].values(), *FACTS["keywords"].values(), FACTS["workflow"]["path"]]
    assert all(place.split(": ", 1)[0] in repositories for place in places)
    assert all(re.search(r"commit [0-9a-f]{40}$", source) for source in FACTS["sources"].values())


def test_tables_have_all_cores_and_families() -> None:
    assert set(CPU_TYPES) == set(CORES)
    assert set(UART_MODELS) == set(FAMILIES) - {"nrf_uarte"}
    assert set(CPU_TYPES.values()) <= set(FACTS["cpu_types"]["names"])


@by_board
def test_a_platform_names_only_types_and_parameters_that_renode_has(board: Board) -> None:
    for entry in platform(board).values():
        if entry.type:
            facts = FACTS["types"][entry.type]
            assert set(entry.attributes) <= set(facts["parameters"]), entry
            assert set(facts.get("required", ())) <= set(entry.attributes), entry
            assert facts["sized"] != isinstance(entry.point, tuple), entry
            assert {one for one, _, _ in entry.interrupts} <= set(facts.get("interrupts", ())), entry
            assert entry.register == "sysbus"
        else:
            assert entry.name == "sysbus" and all(TAG.fullmatch(one) for one in entry.init)


@by_board
def test_a_platform_is_the_board(board: Board) -> None:
    entries = platform(board)
    memory = {
        (entry.name, entry.point, entry.attributes["size"])
        for entry in entries.values()
        if entry.type == "Memory.MappedMemory"
    }
    assert memory == {(region.name, region.base, region.size_bytes) for region in board.memory}
    assert entries["cpu"].attributes["cpuType"] == board.core.replace("plus", "+")
    assert board.uart is not None and board.uart.port is not None
    uart = entries[board.uart.peripheral.lower()]
    assert uart.type == UART_MODELS[board.uart.port.family].type
    assert board.uart.base in (uart.point, uart.point[0] if isinstance(uart.point, tuple) else None)
    is_fast = board.choice is ClockChoice.FAST and board.clock.fast is not None
    clock_hz = board.clock.fast.uart_hz if is_fast and board.clock.fast is not None else board.uart.port.clock_hz
    assert uart.attributes.get("frequency", clock_hz) == clock_hz
    assert uart.attributes.get("lowPowerMode", False) == (board.uart.port.family == "stm32_lpuart")


@by_board
def test_no_two_things_of_a_platform_overlap(board: Board) -> None:
    entries = platform(board)
    places = [
        (entry.point, entry.point + int(str(entry.attributes.get("size", 4))))
        for entry in entries.values()
        if isinstance(entry.point, int)
    ]
    places += [(entry.point[0], sum(entry.point)) for entry in entries.values() if isinstance(entry.point, tuple)]
    tags = [TAG.fullmatch(one) for one in entries["sysbus"].init] if "sysbus" in entries else []
    for tag in tags:
        assert tag is not None
        first, last = (int(one, 0) for one in tag[1].strip("<>").split(", "))
        assert last == first + 3
        places.append((first, last + 1))
    ordered = sorted(places)
    assert all(end <= begin for (_, end), (begin, _) in pairwise(ordered)), ordered


@by_board
def test_what_startup_code_waits_for_can_be_read(board: Board) -> None:
    """One of the values that a register reads as ends each wait."""
    waits = {one.address: one.values for one in register_waits(board)}
    assert board.uart is not None and board.uart.port is not None
    steps = [*board.start, *board.uart.port.setup, *(step for region in board.memory for step in region.setup or ())]
    if board.choice is ClockChoice.FAST and board.clock.fast is not None:
        steps += board.clock.fast.setup
    for step in steps:
        if step.action is Action.WAIT:
            assert any(value & step.mask == step.value for value in waits[step.register]), step


def test_a_register_that_must_change_goes_through_its_states() -> None:
    board = load_board("nucleo_f446re")
    assert board.uart is not None and board.uart.port is not None
    ready = 1 << 25
    steps = tuple(
        RegisterStep(Action.WAIT, "RCC_CR", 0x4002_3800, ready, value, "PLLRDY") for value in (0, ready, ready, 0)
    )
    port = replace(board.uart.port, setup=(*steps, *board.uart.port.setup))
    changed = replace(board, uart=replace(board.uart, port=port))
    (wait,) = register_waits(changed)
    assert wait.values == (0, ready, 0)
    entry = parse_platform(emit_platform(changed, ORIGIN).decode())["rcc_cr"]
    assert (entry.type, entry.point) == ("Python.PythonPeripheral", 0x4002_3800)
    script = compile(str(entry.attributes["script"]), "script", "exec")

    class Request:
        IsInit, IsRead, Value = True, False, 0

    scope: dict[str, Any] = {"request": Request}
    exec(script, scope)
    Request.IsInit, Request.IsRead = False, True
    read = []
    for _ in range(6):
        exec(script, scope)
        read.append(Request.Value)
    assert read == [0, ready, 0] * 2


@by_board
def test_a_script_has_only_commands_that_renode_has(board: Board) -> None:
    entries = platform(board)
    for command in script_commands(files(board)[f"renode/{board.name}.resc"]):
        for line in command.split("\n") if command.startswith("macro ") else [command]:
            words = [text for _, text in tokens(line.strip())] if line.strip('"').strip() else []
            if not words or words[0].startswith("$"):
                continue
            assert words[0] in FACTS["commands"] or " ".join(words[:2]) in FACTS["commands"], line
            if words[0] == "connector":
                assert words[2].removeprefix("sysbus.") in entries


@by_board
def test_the_vector_table_is_where_the_linker_puts_it(board: Board) -> None:
    code = board.region(board.defaults.code).base + board.defaults.code_offset_bytes
    assert f"cpu VectorTableOffset {code:#010x}" in files(board)[f"renode/{board.name}.resc"]


@by_board
def test_a_suite_has_only_keywords_that_are_known(board: Board) -> None:
    text = files(board)[f"renode/{board.name}.robot"]
    assert [line for line in text.split("\n") if line.startswith("***")] == [
        f"*** {one} ***" for one in ("Settings", "Variables", "Test Cases")
    ]
    assert "Resource          ${RENODEKEYWORDS}" in text
    steps = [line.strip() for line in text.split("*** Test Cases ***")[1].split("\n") if line.startswith("    ")]
    for step in steps:
        words = [one for one in re.split(r" {2,}", step) if not re.fullmatch(r"\$\{\w+\}=", one)]
        assert words[0] in FACTS["keywords"] or words[0] in OWN_KEYWORDS, step
        if words[0] == "Execute Command" and not words[1].startswith("$"):
            assert words[1].split()[0] in FACTS["commands"], step


def test_the_workflow_uses_renodes_action_as_it_is() -> None:
    workflow = yaml.safe_load((ROOT / "docs/renode-tests.yml").read_text(encoding="utf-8"))
    steps = workflow["jobs"]["simulated"]["steps"]
    (step,) = (one for one in steps if "renode-test-action" in one.get("uses", ""))
    assert step["uses"] == f"antmicro/renode-test-action@{FACTS['workflow']['version']}"
    assert set(step["with"]) <= set(FACTS["workflow"]["inputs"])
    commands = [one["run"] for one in steps if "run" in one]
    assert any(one.startswith("sapmcu convert") and "-o firmware-project" in one for one in commands)
    assert step["with"]["tests-to-run"] == "firmware-project/renode/*.robot"


@pytest.mark.parametrize(
    "wrong",
    [
        "uart: UART.PL011",
        "   size: 3",
        "a: Memory.MappedMemory @ sysbus 0x0\n  size: 1",
        "a: Memory.MappedMemory @ sysbus zero",
        "a: UART.PL011 @ sysbus 0x0\na: UART.PL011 @ sysbus 0x1",
        "cpu: CPU.CortexM @ sysbus\n    nvic: nvic",
        "cpu: CPU.CortexM @ sysbus\n    -> nvic@0",
        "b:\n    size: 0x3",
        "a: UART.STM32_UART @ sysbus <0x10, +0x0>",
        "a: UART.PL011 @ sysbus 0x0\n    x: 1\n    x: 2",
        "a: UART.PL011 @ sysbus 0x0\n        x: 1",
    ],
)
def test_the_checker_of_platforms_refuses_what_is_wrong(wrong: str) -> None:
    with pytest.raises(PlatformSyntaxError):
        parse_platform(wrong)


@pytest.mark.parametrize("wrong", ["sysbus LoadELF {x}", 'name "open', "a # late comment"])
def test_the_checker_of_scripts_refuses_what_is_wrong(wrong: str) -> None:
    with pytest.raises(PlatformSyntaxError):
        tokens(wrong)
