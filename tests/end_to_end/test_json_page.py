# SPDX-License-Identifier: Apache-2.0
"""docs/json.md: what it lists is what --json prints."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

import pytest
from command import sapmcu
from reference_models import ROOT, reference_model

from sapmcu.cli import cli
from sapmcu.ir.bench import Bench, BenchRow
from sapmcu.ir.comparison import Comparison, ResultRow
from sapmcu.ir.pooling import PoolingSite, PoolingSites, Replaced
from sapmcu.report.bench import bench_json
from sapmcu.report.comparison import Summary, comparison_json
from sapmcu.train.card import Card

PAGE = (ROOT / "docs/json.md").read_text(encoding="utf-8")
PRUNING = json.loads((ROOT / "tests/golden/reports/pruning.json").read_bytes())
NAMES = {"convert": "report.json"}
"""Of sections that aren't called as their command is."""


def rows(section: str) -> list[list[str]]:
    """The two cells of each row."""
    text = PAGE.split(f"## {section}\n")[1].split("\n## ")[0]
    return [line.strip("| ").split(" | ", 1) for line in text.splitlines() if line.startswith("| `")]


def listed(section: str) -> set[str]:
    """The keys of the object."""
    names = (name for first, *_ in rows(section) for name in re.findall(r"`([\w\[\]]+)`", first))
    return {name.removesuffix("[]") for name in names} - {"schema"}


def names_of(kind: type) -> set[str]:
    return {one.name for one in fields(kind)}


def test_each_command_that_prints_json_has_a_section() -> None:
    with_json = [name for name, one in cli.commands.items() if any(param.name == "as_json" for param in one.params)]
    assert len(with_json) > 10
    assert [name for name in with_json if f"## {NAMES.get(name, name)}\n" not in PAGE] == []


@pytest.mark.needs("unicorn", "arm-none-eabi-gcc")
def test_json_has_the_keys_that_its_page_lists(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    model, project = reference_model("tflm_hello_world_int8.tflite"), tmp_path / "project"

    def printed(*arguments: object) -> set[str]:
        ran = sapmcu(capsys, monkeypatch, *arguments, "--json")
        assert ran.code == 0, ran.err
        return set(json.loads(ran.out)) - {"schema"}

    convert = ("convert", model, "--board", "nucleo_f446re", "-o", project)
    found = {
        "report.json": printed(*convert),
        "memory": printed("memory", model),
        "boards": printed("boards", "nucleo_f446re"),
        "build": printed("build", project),
        "run": printed("run", project),
        "test": printed("test", project),
        "flash": printed("flash", project, "--dry-run"),
        "doctor": printed("doctor"),
    }
    assert {section: listed(section) for section in found} == found


KEYS: Mapping[str, set[str]] = {
    "bench": set(bench_json(Bench((), ()))),
    "pool": names_of(PoolingSites),
    "pool --at": names_of(Replaced),
    "train": names_of(Card),
    "compare": set(comparison_json(Comparison("", {}, 0, (), {}))),
    "prune": set(PRUNING) - {"schema"},
}
"""What takes long to make."""


@pytest.mark.parametrize("section", KEYS)
def test_the_page_lists_the_keys_of_what_takes_long(section: str) -> None:
    assert listed(section) == KEYS[section]


PARTS: Mapping[tuple[str, str], set[str]] = {
    ("bench", "rows[]"): names_of(BenchRow) | {"sram_bytes", "flash_bytes"},
    ("pool", "sites[]"): names_of(PoolingSite),
    ("compare", "rows[]"): names_of(ResultRow),
    ("compare", "summary[]"): names_of(Summary),
    ("prune", "goal"): set(PRUNING["goal"]),
    ("prune", "groups[]"): set(PRUNING["groups"][0]),
    ("prune", "before"): set(PRUNING["before"]),
    ("prune", "tuning"): set(PRUNING["tuning"]),
}


@pytest.mark.parametrize("part", PARTS, ids=" ".join)
def test_the_page_lists_what_lies_in_a_part(part: tuple[str, str]) -> None:
    section, key = part
    (what,) = [second for first, second in rows(section) if f"`{key}`" in first]
    assert PARTS[part] - set(re.findall(r"`(\w+)`", what)) == set()
