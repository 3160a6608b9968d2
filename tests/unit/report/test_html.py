# SPDX-License-Identifier: Apache-2.0
"""report.html: what is drawn, that it needs nothing else, and that it works in a browser."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from reference_models import ROOT

from sapmcu.ir.memory_map import Box, Content, MemoryMap
from sapmcu.pipeline import ConvertOptions, convert
from sapmcu.report.html.fullest_steps import MAX_STEPS, fullest_steps
from sapmcu.report.html.map_svg import map_svg

ZOO = ROOT / "models/fashion_mnist"
CHECK = """
<script>
const found = {};
window.onerror = (text) => { found.error = text; };
const box = document.querySelector("rect[data-tip]");
box.dispatchEvent(new PointerEvent("pointermove", { bubbles: true, clientX: 5, clientY: 5 }));
found.tip = [document.getElementById("tip").hidden, document.getElementById("tip").textContent, box.dataset.tip];
document.body.dispatchEvent(new PointerEvent("pointermove", { bubbles: true }));
found.isTipGone = document.getElementById("tip").hidden;
const column = [...document.querySelectorAll("th")].find((one) => one.textContent === "live bytes");
const values = () => [...column.closest("table").tBodies[0].rows].map((row) => Number(row.cells[4].dataset.value));
column.querySelector("button").click();
found.falling = values();
column.querySelector("button").click();
found.rising = values();
const point = document.querySelector("circle[data-tip]");
point.dispatchEvent(new PointerEvent("pointermove", { bubbles: true, clientX: 5, clientY: 5 }));
found.point = document.getElementById("tip").textContent;
const fits = document.querySelector("table.fits");
const shares = () => [...fits.tBodies[0].rows].map((row) => Number(row.cells[3].dataset.value));
fits.querySelectorAll("th")[3].querySelector("button").click();
found.fallingShares = shares();
const figure = document.querySelector(".card b");
figure.textContent = "123,456,789";
found.isCut = figure.scrollWidth > figure.clientWidth;
found.isWide = document.documentElement.scrollWidth > innerWidth;
document.body.replaceChildren(Object.assign(document.createElement("pre"), { textContent: JSON.stringify(found) }));
</script>
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of an int8 file, which needs no TensorFlow."""
    out = tmp_path_factory.mktemp("html") / "project"
    convert(ConvertOptions(ZOO / "dscnn.tflite", "stm32h7", out, pareto=True), lambda text: None)
    return out


@pytest.fixture(scope="module")
def page(project: Path) -> str:
    return (project / "report.html").read_text(encoding="utf-8")


def test_page_needs_nothing_else(page: str) -> None:
    assert not re.search(r"(?:src|href)=|@import|url\(|https?://", page)


def test_page_shows_every_tensor_and_op(page: str) -> None:
    assert page.count('<svg class="map"') == 2  # TFLM, native
    tips = re.findall(r"<title>(.*?): [\d,]+ bytes at ", page)
    assert len([name for name in tips if not name.startswith("scratch of ")]) == 2 * 17  # input and 16 results
    assert page.count("<tr class=") >= 16
    assert "18,816" in page


def test_page_compares_engines_and_boards_as_the_json_does(project: Path, page: str) -> None:
    memory = json.loads((project / "report.json").read_text(encoding="utf-8"))["memory"]
    engines = memory["engines"]
    plans = {(one["arena_bytes"], one["extra_macs"]) for one in (*engines, *memory["pareto"])}
    points = re.findall(r"<circle .*?<title>(.*?): ([\d,]+) bytes, (.*?) more MACs</title>", page)
    assert {int(size.replace(",", "")) for _, size, _ in points} == {size for size, _ in plans}
    assert {name for name, _, _ in points} == {one["name"] for one in engines}
    assert any(one["is_by_rows"] and one["extra_macs"] for one in memory["pareto"])
    assert [one["name"] for one in engines][-3:] == ["native, op after op", "native, by rows", "native, input by rows"]
    assert engines[-1]["saved_bytes"] == engines[-2]["arena_bytes"] - engines[-1]["arena_bytes"]
    matrix = page[page.index('<table class="sortable fits">') :]
    fitting, lacking = matrix.count('<span class="good">'), matrix.count('<span class="bad">')
    assert fitting == sum(len(one["boards"]) for one in engines)
    assert fitting + lacking == len(engines) * len(memory["boards"])
    assert lacking > 0


def test_page_has_the_kernels_and_prices_of_the_json(project: Path, page: str) -> None:
    ops = json.loads((project / "report.json").read_text(encoding="utf-8"))["native_ops"]
    assert len(ops) == 16 and all(one["instructions"] for one in ops)
    assert any(one["instructions"] < (one["generic_instructions"] or 0) for one in ops)  # packed filters
    assert ops[0]["instructions_per_mac"] == ops[0]["instructions"] / ops[0]["macs"]
    part = page[page.index("<h2>Native engine, op by op</h2>") :]
    assert f"Priced at {sum(one['instructions'] for one in ops):,} instructions" in part
    assert f'<td class="number" data-value="{ops[0]["instructions"]}">' in part


def test_names_cannot_break_the_page() -> None:
    box = Box('<script>alert("x")</script>', Content.ACTIVATION, 0, 0, 0, 8)
    svg = map_svg(MemoryMap("a<b", 8, ("op 0 ADD",), (box,)))
    assert "<script>" not in svg
    assert "&lt;script&gt;" in svg


def test_bytes_that_two_tensors_share_live_once() -> None:
    one = Box("x", Content.INPUT, 0, 1, 0, 8)
    plan = MemoryMap("plan", 16, ("a", "b", "c"), (one, replace(one, name="y", first=1, last=2, offset_bytes=4)))
    assert plan.live_bytes == (8, 12, 8)
    assert plan.peak == 1


def rows_of_two_rings(steps: int) -> MemoryMap:
    """Rows of x and of y in turn, each in a ring of two; one step has a third of x."""
    boxes = [Box("xy"[at % 2], Content.ACTIVATION, at, at + 3, at % 4 * 10, 10) for at in range(steps - 3)]
    boxes.append(Box("x", Content.ACTIVATION, steps // 3, steps // 3, 40, 10))
    return MemoryMap("by rows", 50, tuple(f"op {at % 2} ADD, row {at // 2}" for at in range(steps)), tuple(boxes))


def test_many_steps_are_shown_by_the_fullest_ones() -> None:
    plan = rows_of_two_rings(10_000)
    shown = fullest_steps(plan)
    assert len(shown.steps) == MAX_STEPS
    assert len(shown.boxes) < 20
    assert (shown.live_bytes[shown.peak], shown.steps[shown.peak]) == (50, plan.steps[plan.peak])
    assert max(len(fullest_steps(plan, most).boxes) for most in (7, 50)) < 20
    assert len(map_svg(plan)) < 20_000


def test_each_column_is_what_lies_there_at_its_step() -> None:
    plan = rows_of_two_rings(1_000)
    shown, count = fullest_steps(plan), 0
    for column, name in enumerate(shown.steps):
        step = plan.steps.index(name)
        bytes_of = [
            {(box.name, at) for box in one.boxes if box.first <= when <= box.last for at in bytes_in(box)}
            for one, when in ((plan, step), (shown, column))
        ]
        assert bytes_of[0] == bytes_of[1]
        count += len(bytes_of[0])
    assert count > 30 * MAX_STEPS
    assert fullest_steps(rows_of_two_rings(MAX_STEPS)) == rows_of_two_rings(MAX_STEPS)


def bytes_in(box: Box) -> range:
    return range(box.offset_bytes, box.offset_bytes + box.size_bytes)


def test_strips_of_one_tensor_have_one_colour() -> None:
    names = ("t strip 0", "t left by strip 0", "t strip 12", "u")
    boxes = [Box(name, Content.ACTIVATION, at, at, 0, 8) for at, name in enumerate(names)]
    colours = re.findall(r'<rect class="(c\d) ', map_svg(MemoryMap("strips", 8, names, tuple(boxes))))
    assert colours == ["c0", "c0", "c0", "c1"]


@pytest.mark.needs("chromium")
@pytest.mark.parametrize("width", [1200, 500])
def test_page_works_in_a_browser(page: str, tmp_path: Path, width: int) -> None:
    """Tips over boxes, tables sorted by a click, nothing wider than the window, no error."""
    browser = shutil.which("chromium")
    assert browser is not None
    path = tmp_path / "page.html"
    path.write_text(page.replace("</body>", f"{CHECK}</body>"), encoding="utf-8")
    options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    command = [browser, *options, f"--window-size={width},900", "--enable-logging=stderr", "--dump-dom", path.as_uri()]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert "CONSOLE" not in ran.stderr
    match = re.search(r"<pre>(.*)</pre>", ran.stdout)
    assert match is not None, ran.stdout[-500:]
    found = json.loads(match.group(1))
    is_hidden, shown, expected = found["tip"]
    assert not is_hidden
    assert shown == expected
    assert found["isTipGone"]
    assert found["falling"] == sorted(found["falling"], reverse=True)
    assert found["rising"] == sorted(found["rising"])
    assert re.fullmatch(r"TFLM, cmsis-nn: [\d,]+ bytes, no more MACs", found["point"])
    assert found["fallingShares"] == sorted(found["fallingShares"], reverse=True)
    assert found["fallingShares"][0] > 1 > found["fallingShares"][-1]
    assert not found["isWide"]
    assert not found["isCut"]
    assert "error" not in found
