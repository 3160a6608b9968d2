# SPDX-License-Identifier: Apache-2.0
"""From a detector's file to boxes on an emulated board: convert, add the decoder, build, run."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from command import sapmcu
from detectors import SSDLITE_ANCHORS, expected_boxes, is_clear, ssdlite_graph
from firmware_project import WARNINGS, run, run_qemu

from sapmcu.boards.board import load_board
from sapmcu.build.firmware import build_firmware
from sapmcu.emit.tflite import write_tflite
from sapmcu.firmware_files import firmware_dir
from sapmcu.ir.detection import DecoderOptions
from sapmcu.ir.graph import Array
from sapmcu.reference import run_graph

BOARD = "mps2_an386"
MAIN = firmware_dir() / "apps" / "detector" / "main.c"
OPTIONS = DecoderOptions(min_score=0.6, max_iou=0.3, max_boxes=12)


@pytest.fixture
def project(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the two commands make of the detector."""
    (tmp_path / "ssdlite.tflite").write_bytes(write_tflite(ssdlite_graph()))
    np.save(tmp_path / "anchors.npy", SSDLITE_ANCHORS)
    out = tmp_path / "out"
    options = ("--min-score", OPTIONS.min_score, "--max-iou", OPTIONS.max_iou, "--max-boxes", OPTIONS.max_boxes)
    ran = sapmcu(capsys, monkeypatch, "convert", tmp_path / "ssdlite.tflite", "--board", BOARD, "-o", out)
    assert ran.code == 0, ran.err
    for _ in range(2):  # the second time it replaces what is there
        ran = sapmcu(capsys, monkeypatch, "detector", out, "--anchors", tmp_path / "anchors.npy", *options)
        assert ran.code == 0, ran.err
    assert str(out / "firmware" / "sapmcu_ssdlite_detector.c") in ran.out.splitlines()
    return out


def camera() -> Array:
    """What the application reads and quantizes."""
    real = (np.arange(8 * 8 * 3) * 37 % 256 / 255).astype(np.float32)
    q = np.floor(real / np.float32(0.00392157) + np.float32(0.5)) - 128
    return q.clip(-128, 127).astype(np.int8).reshape(1, 8, 8, 3)


def boxes() -> Array:
    """What numpy finds there."""
    graph = ssdlite_graph()
    values = run_graph(graph, [camera()])
    codes, scores = (values[name][0] for name in graph.outputs)
    assert is_clear(graph, codes, scores, SSDLITE_ANCHORS, OPTIONS)
    return expected_boxes(graph, codes, scores, SSDLITE_ANCHORS, OPTIONS)


@pytest.mark.needs("arm-none-eabi-gcc", "qemu-system-arm", "tflite_micro")
def test_the_application_prints_the_boxes_that_numpy_finds(project: Path) -> None:
    sources = json.loads((project / "firmware" / "build.json").read_text())["sources"]
    assert [sources.count(one) for one in ("sapmcu_detect.c", "sapmcu_ssdlite_detector.c")] == [1, 1]
    (project / "firmware" / "main.c").write_bytes(MAIN.read_bytes())
    code, printed = run_qemu(load_board(BOARD), build_firmware(project, "gcc").elf)
    assert code == 0
    lines, expected = printed.splitlines(), boxes()
    assert 2 <= len(expected) == len(lines)
    for line, box in zip(lines, expected, strict=True):
        assert line[:10] == f"class {int(box[4]):03}:"
        numbers = [line[11:14], *(line[start : start + 3] for start in (20, 24, 31, 35))]
        real = np.array([box[5], *box[:4]]) * 100
        assert (np.abs(np.array(numbers, int) + 0.5 - real) <= 0.55).all(), (line, real)


@pytest.mark.needs("arm-none-eabi-gcc", "unicorn", "tflite_micro")
def test_the_project_still_passes_its_test(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = sapmcu(capsys, monkeypatch, "test", project, "--toolchain", "gcc")
    assert ran.code == 0, ran.err


@pytest.mark.needs("g++", "tflite_micro")
def test_the_application_is_cpp_too(project: Path) -> None:
    includes = (f"-I{project / 'firmware'}", f"-I{project / 'firmware' / 'include'}")
    run(["g++", "-std=c++11", *WARNINGS, *includes, "-fsyntax-only", "-x", "c++", MAIN])


@pytest.mark.needs("arm-none-eabi-gcc")
@pytest.mark.parametrize("core", ["cortex-m0plus", "cortex-m4"])
def test_the_decoder_needs_little_stack(core: str, tmp_path: Path) -> None:
    app = firmware_dir() / "apps" / "detector"
    options = ("-std=c11", *WARNINGS, "-Wmissing-prototypes", f"-mcpu={core}", "-mthumb", "-O2", "-fstack-usage")
    run(["arm-none-eabi-gcc", *options, "-c", app / "sapmcu_detect.c", "-o", tmp_path / "detect.o"])
    used = [line.split("\t") for line in (tmp_path / "detect.su").read_text().splitlines()]
    assert all(kind == "static" and int(count) <= 200 for _, count, kind in used), used


@pytest.mark.needs("tflite_micro")
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no array", "can't be read as a .npy"),
        (None, "can't be read as a .npy"),
        (np.zeros((3, 4), int), "doesn't hold one array of floats"),
        (SSDLITE_ANCHORS[:5], "ssdlite: it has 32 anchors, but the table of anchors is [5, 4]"),
    ],
)
def test_wrong_anchors_get_a_sentence_and_change_nothing(
    content: bytes | Array | None,
    message: str,
    project: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = tmp_path / "mine.npy"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        np.save(path, content)
    before = {one: one.read_bytes() for one in project.rglob("*") if one.is_file()}
    ran = sapmcu(capsys, monkeypatch, "detector", project, "--anchors", path)
    assert ran.code == 1
    assert message in ran.err and "hint: " in ran.err and "Traceback" not in ran.err
    assert {one: one.read_bytes() for one in project.rglob("*") if one.is_file()} == before
