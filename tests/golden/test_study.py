# SPDX-License-Identifier: Apache-2.0
"""The study in models/study/ has every run of its grids, and the README's tables of it say what its results say."""

from __future__ import annotations

import json
import re
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import pytest
from reference_models import ROOT

from sapmcu.train.grid import grid_runs
from sapmcu.train.recipe import load_recipe

STUDY = ROOT / "models" / "study"
RECIPES = sorted(STUDY.glob("*.toml"))
README = (ROOT / "README.md").read_text(encoding="utf-8")
KINDS = {
    "SAP": "sap",
    "average": "average",
    "BlurPool": "blur",
    "SoftPool": "soft",
    "Gaussian": "gaussian",
    "max": "max",
    "LIP": "lip",
    "strided convolution": "strided_conv",
}
"""What the README calls them."""
POOLINGS = re.compile(rf"^\| ({'|'.join(KINDS)}) \| (\d\d\.\d\d ± .+) \|$", re.MULTILINE)
GRIDS = re.compile(r"^\| .+\[`(\S+)`\]\(models/study/\S+\) \| (.+) \|$", re.MULTILINE)


def results(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((STUDY / name / "results.json").read_text(encoding="utf-8"))
    return found


def summaries(name: str) -> dict[tuple[str, str], dict[str, Any]]:
    """By pooling and strides; the early strides come first."""
    return {(one["pooling"], one["strides"]): one for one in results(name)["summary"]}


def score(summary: dict[str, Any]) -> str:
    return "{mean:.2f} ± {deviation:.2f}".format(
        **{key: 100 * value for key, value in summary["int8_test_accuracy"].items()}
    )


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_run_of_the_grid_is_there_and_its_summary_is_theirs(path: Path) -> None:
    found = results(path.stem)
    assert sorted(row["name"] for row in found["rows"]) == sorted(
        run.variant.name for run in grid_runs(load_recipe(path))
    )
    for (pooling, strides), summary in summaries(path.stem).items():
        rows = [row for row in found["rows"] if (row["pooling"], row["strides"]) == (pooling, strides)]
        scores = [row["int8_test_accuracy"] for row in rows]
        assert len({row["seed"] for row in rows}) == len(rows) >= 3
        assert summary["int8_test_accuracy"] == pytest.approx({"mean": mean(scores), "deviation": stdev(scores)})


def test_the_readme_has_every_pooling_on_scenes() -> None:
    table, found = dict(POOLINGS.findall(README)), summaries("scenes-mobilenet_v2")
    assert {KINDS[name] for name in table} == {pooling for pooling, _ in found}
    for name, cells in table.items():
        expected = list[str]()
        for one in (found[KINDS[name], strides] for strides in ("4112121", "1222121")):
            memory = (one["tflm_sram_bytes"], one["native_input_rows_sram_bytes"], one["macs"])
            expected += [score(one), *(f"{figure:,}" for figure in memory)]
        assert cells.split(" | ") == expected, name


def test_the_readme_has_the_best_other_pooling_of_every_grid() -> None:
    table = dict(GRIDS.findall(README))
    assert {*table} == {path.stem for path in RECIPES} - {"scenes-mobilenet_v2-sap"}  # which compares SAP's parts
    for name, cells in table.items():
        found = summaries(name)
        expected = list[str]()
        for strides in dict.fromkeys(strides for _, strides in found):
            others = [one for (pooling, at), one in found.items() if at == strides and pooling != "sap"]
            best = max(others, key=lambda one: one["int8_test_accuracy"]["mean"])
            (title,) = (title for title, kind in KINDS.items() if kind == best["pooling"])
            expected += [score(found["sap", strides]), f"{title} {score(best)}"]
        assert [cell for cell in cells.split(" | ") if cell.strip(" |")] == expected, name
