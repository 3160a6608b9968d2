# SPDX-License-Identifier: Apache-2.0
"""Reading a project's test vectors: what is damaged is named."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from small_graphs import residual
from strategies import varied_inputs

from sapmcu.emit.vectors import emit_testdata
from sapmcu.errors import UserError
from sapmcu.ir.vectors import Vector
from sapmcu.reference import run_graph
from sapmcu.vectors import load_vectors


def vectors() -> list[Vector]:
    graph = residual()
    inputs = varied_inputs(graph, np.random.default_rng(1))
    values = [run_graph(graph, one) for one in inputs]
    return [
        Vector(
            tuple(one[name].tobytes() for name in graph.inputs), tuple(one[name].tobytes() for name in graph.outputs)
        )
        for one in values
    ]


@pytest.fixture
def testdata(tmp_path: Path) -> Path:
    for name, data in emit_testdata(residual(), vectors()).items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
    return tmp_path / "testdata"


def test_what_was_written_is_read(testdata: Path) -> None:
    assert list(load_vectors(testdata.parent)) == vectors()


def test_a_directory_without_vectors_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"testdata/vectors\.json can't be read: No such file"):
        load_vectors(tmp_path)


WHOLE = json.loads(emit_testdata(residual(), vectors())["testdata/vectors.json"])
DAMAGES = {
    "{}": "it lacks `inputs`",
    "[]": "list indices must be",
    "": "Expecting value",
    json.dumps({**WHOLE, "vectors": 0}): "`vectors` is 0",
    json.dumps({**WHOLE, "vectors": "8"}): "`vectors` is '8'",
    json.dumps({**WHOLE, "inputs": [{"name": "x"}]}): "it lacks `file`",
    json.dumps({**WHOLE, "inputs": [{**WHOLE["inputs"][0], "type": "int3"}]}): "'int3' is not a valid DType",
}


@pytest.mark.parametrize("text", DAMAGES)
def test_a_damaged_description_is_named_with_what_it_lacks(testdata: Path, text: str) -> None:
    (testdata / "vectors.json").write_text(text)
    with pytest.raises(UserError, match=r"vectors\.json is damaged: ") as caught:
        load_vectors(testdata.parent)
    assert DAMAGES[text] in caught.value.message and caught.value.hint == "convert the model again"


def test_a_file_that_is_too_short_or_missing_is_named(testdata: Path) -> None:
    path = testdata / "0002_input_0.bin"
    size = path.stat().st_size
    path.write_bytes(b"")
    with pytest.raises(UserError, match=f"0002_input_0.bin has 0 bytes, not the {size} of "):
        load_vectors(testdata.parent)
    path.unlink()
    with pytest.raises(UserError, match=r"0002_input_0\.bin can't be read: No such file"):
        load_vectors(testdata.parent)
