# SPDX-License-Identifier: Apache-2.0
"""The decoder of a board finds what numpy finds, and a table that doesn't fit is refused."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from detectors import ANCHORS, expected_boxes, is_clear, outputs_only, random_outputs
from firmware_project import C_OPTIONS, ORIGIN, run, write_files

from sapmcu.emit.detector import BOX_UNIT, detector_tables, emit_detector
from sapmcu.errors import UserError
from sapmcu.ir.detection import DecoderOptions
from sapmcu.ir.graph import Array, DType, Graph, Quantization

BOX = np.dtype([("box", "<i2", 4), ("score", "<u2"), ("kind", "u1"), ("code", "i1")])
TOLERANCE = 8
"""Of a box's sides, in 1/16384 of the image: half a step of a table on anchors up to the image's size, and rounding."""
HOST = Path(__file__).with_name("detector_host.c")


@dataclass(frozen=True)
class Case:
    """A detector's outputs and options. codes, scores: scale and zero point."""

    classes: int
    codes: tuple[float, int]
    scores: tuple[float, int]
    options: DecoderOptions

    @property
    def graph(self) -> Graph:
        return outputs_only(self.classes, self.codes, self.scores)


CASES = {
    "usual": Case(10, (0.05, -3), (0.06, 20), DecoderOptions()),
    "one class, one box": Case(1, (0.03, 0), (0.1, 0), DecoderOptions(0.3, 0.5, 1)),
    "coarse codes, few boxes": Case(3, (0.2, 60), (0.02, -40), DecoderOptions(0.4, 0.2, 7)),
    "any overlap": Case(2, (0.05, 0), (0.05, 0), DecoderOptions(0.5, 1.0, 200)),
    "255 classes": Case(255, (0.05, 0), (0.09, 50), DecoderOptions(0.6, 0.3, 40)),
}


def built(directory: Path, case: Case) -> Path:
    write_files(directory, emit_detector(case.graph, ANCHORS, case.options, ORIGIN))
    options = (*C_OPTIONS, "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", f"-I{directory}")
    defines = (f"-DANCHORS={len(ANCHORS)}", f"-DCLASSES={case.classes}")
    run(["gcc", *options, *defines, *sorted(directory.glob("*.c")), HOST, "-o", directory / "decoder"])
    return directory / "decoder"


def decoded(program: Path, outputs: list[tuple[Array, Array]]) -> list[Array]:
    """The boxes that the program finds in each case."""
    data = b"".join(codes.tobytes() + scores.tobytes() for codes, scores in outputs)
    done = subprocess.run([program], input=data, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    found, rest = [], done.stdout
    for _ in outputs:
        count = int.from_bytes(rest[:4], "little")
        found.append(np.frombuffer(rest[4 : 4 + count * BOX.itemsize], BOX))
        rest = rest[4 + count * BOX.itemsize :]
    assert not rest
    return found


@pytest.mark.needs("gcc")
@pytest.mark.parametrize("name", CASES)
def test_c_finds_what_numpy_finds(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    outputs = [
        one
        for one in random_outputs(case.classes, len(ANCHORS), 300, seed=1)
        if is_clear(case.graph, *one, ANCHORS, case.options)
    ]
    assert len(outputs) > 10
    sizes = set()
    for found, (codes, scores) in zip(decoded(built(tmp_path, case), outputs), outputs, strict=True):
        expected = expected_boxes(case.graph, codes, scores, ANCHORS, case.options)
        sizes.add(len(expected))
        assert found["kind"].tolist() == expected[:, 4].astype(int).tolist()
        np.testing.assert_allclose(found["score"] / 65536, expected[:, 5], atol=2 / 65536)
        np.testing.assert_allclose(found["box"], expected[:, :4] * BOX_UNIT, atol=TOLERANCE)
    assert max(sizes) >= min(case.options.max_boxes, 3)


@pytest.mark.needs("gcc")
def test_extreme_codes_and_scores_stay_in_the_image(tmp_path: Path) -> None:
    """Under UBSan: every product and sum holds; boxes are empty or end at the border."""
    case = Case(2, (4.0, 0), (30.0, 0), DecoderOptions(0.9, 0.5, 80))
    ends = np.array([-128, 127], np.int8)
    outputs = [
        (np.resize(ends[[a, b, c, d]], (len(ANCHORS), 4)), np.full((len(ANCHORS), 2), 127, np.int8))
        for a, b, c, d in np.ndindex(2, 2, 2, 2)
    ]
    for found in decoded(built(tmp_path, case), outputs):
        assert len(found) > 0
        assert (found["box"] >= 0).all() and (found["box"] <= BOX_UNIT).all()
        assert (found["box"][:, 2:] >= found["box"][:, :2]).all()
        assert (found["score"] == 65535).all()


@pytest.mark.needs("gcc")
def test_no_code_reaches_the_least_score(tmp_path: Path) -> None:
    case = Case(2, (0.05, 0), (0.001, 0), DecoderOptions(0.9, 0.5, 80))
    assert detector_tables(case.graph, ANCHORS, case.options).min_code == 128
    codes = np.zeros((len(ANCHORS), 4), np.int8)
    (found,) = decoded(built(tmp_path, case), [(codes, np.full((len(ANCHORS), 2), 127, np.int8))])
    assert len(found) == 0


def test_the_same_detector_gives_the_same_bytes() -> None:
    graph = CASES["usual"].graph
    once, again = (emit_detector(graph, ANCHORS, DecoderOptions(), ORIGIN) for _ in range(2))
    assert once == again
    assert sorted(once) == ["detect.h", "sapmcu_detect.c", "sapmcu_net_detector.c", "sapmcu_net_detector.h"]


def changed(graph: Graph, **codes: object) -> Graph:
    """The graph with another tensor of codes."""
    return replace(graph, tensors={**graph.tensors, "codes": replace(graph.tensors["codes"], **codes)})


USUAL = CASES["usual"].graph
MISFITS = {
    "one output": (replace(USUAL, outputs=("codes",)), ANCHORS, DecoderOptions(), "net is no detector"),
    "float codes": (
        changed(USUAL, dtype=DType.FLOAT32, quantization=None),
        *(ANCHORS, DecoderOptions(), "net is no detector: its outputs are float32"),
    ),
    "codes of five": (changed(USUAL, shape=(1, 36, 5)), ANCHORS, DecoderOptions(), "not box codes"),
    "wrong order": (replace(USUAL, outputs=("scores", "codes")), ANCHORS, DecoderOptions(), "not box codes"),
    "fewer anchors": (USUAL, ANCHORS[1:], DecoderOptions(), "it has 36 anchors, but the table of anchors is"),
    "huge anchors": (USUAL, ANCHORS * 4, DecoderOptions(), "sizes above 0 and below 2"),
    "nan": (USUAL, ANCHORS * np.float32("nan"), DecoderOptions(), "sizes above 0 and below 2"),
    "score": (USUAL, ANCHORS, DecoderOptions(min_score=1.5), "the least score 1.5 is not between 0 and 1"),
    "overlap": (USUAL, ANCHORS, DecoderOptions(max_iou=0), "the largest overlap 0 is not above 0"),
    "boxes": (USUAL, ANCHORS, DecoderOptions(max_boxes=0), "0 boxes are not between 1 and 1000"),
    "classes": (outputs_only(256, (0.1, 0), (0.1, 0)), ANCHORS, DecoderOptions(), "it has 256 classes"),
}


@pytest.mark.parametrize("name", MISFITS)
def test_what_does_not_fit_is_refused(name: str) -> None:
    graph, anchors, options, message = MISFITS[name]
    with pytest.raises(UserError, match="net") as error:
        emit_detector(graph, anchors, options, ORIGIN)
    assert message in error.value.message
    assert error.value.hint


def test_tables_by_hand() -> None:
    graph = outputs_only(1, (0.5, 2), (0.25, -8))
    tables = detector_tables(graph, ANCHORS, DecoderOptions(min_score=0.5))
    assert tables.move[128 + 2] == 0
    assert tables.move[128 + 22] == 4096
    assert tables.grow[128 + 2] == 4096
    assert tables.grow[128 + 12] == round(4096 * np.e)
    assert tables.score[128 - 8] == 32768
    assert tables.min_code == -8
    assert graph.tensors["codes"].quantization == Quantization((0.5,), (2,))
