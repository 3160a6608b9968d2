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
found.isWide = document.documentElement.scrollWidth > innerWidth;
document.body.replaceChildren(Object.assign(document.createElement("pre"), { textContent: JSON.stringify(found) }));
</script>
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Of an int8 file, which needs no TensorFlow."""
    out = tmp_path_factory.mktemp("html") / "project"
    convert(ConvertOptions(ZOO / "dscnn.tflite", "stm32h7", out), lambda text: None)
    return (out / "report.html").read_text(encoding="utf-8")


def test_page_needs_nothing_else(page: str) -> None:
    assert not re.search(r"(?:src|href)=|@import|url\(|https?://", page)


def test_page_shows_every_tensor_and_op(page: str) -> None:
    assert page.count('<svg class="map"') == 2  # TFLM, native
    tips = re.findall(r"<title>(.*?): ([\d,]+) bytes at ", page)
    assert len(tips) == 2 * 17  # input and 16 results
    assert page.count("<tr class=") >= 16
    assert "18,816" in page


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
    assert not found["isWide"]
    assert "error" not in found
