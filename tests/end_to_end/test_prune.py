# SPDX-License-Identifier: Apache-2.0
"""`sapmcu prune` as a user types it: files of Keras 2 and 3 in, a smaller file out; mistakes are one sentence."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from command import Ran, sapmcu
from keras_models import keras_models
from reference_models import ROOT, reference_model

from sapmcu.frontends.source import load_source
from sapmcu.quantize.accuracy import run_litert

pytestmark = pytest.mark.needs("tensorflow", "tf_keras")

ZOO_MODEL = ROOT / "models/fashion_mnist/dscnn.h5"
Run = Callable[..., Ran]


@pytest.fixture
def prune(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Run `sapmcu prune ... -o new.keras` in a directory of its own; a failure writes nothing and says why."""

    def ran(*arguments: object, code: int = 0) -> Ran:
        work = tmp_path / "work"
        work.mkdir(exist_ok=True)
        out = () if "-o" in arguments else ("-o", work / "new.keras")
        result = sapmcu(capsys, monkeypatch, "prune", *arguments, *out)
        assert result.code == code, result.err
        if code == 1:
            lines = result.err.splitlines()
            assert sum(line.startswith("error: ") for line in lines) == 1
            assert sum(line.startswith("hint: ") for line in lines) == 1
        assert [path.name for path in work.iterdir()] == ([] if code else ["new.keras"])
        return result

    return ran


def test_a_keras_2_network_shrinks_to_a_limit(prune: Run) -> None:
    ran = prune(reference_model("mlperf_ic_resnet.h5"), "--sram", 8_000, "--json")
    report = json.loads(ran.out)
    assert set(report) == {
        "schema", "model", "goal", "channels", "groups", "whole", "before", "after", "tuning", "warnings", "out",
    }  # fmt: skip
    assert report["goal"]["plan"] == "rows"
    assert report["before"]["rows_arena_bytes"] > 8_000 >= report["after"]["rows_arena_bytes"]
    assert report["after"]["arena_bytes"] < report["before"]["arena_bytes"]
    assert report["after"]["macs"] < report["before"]["macs"] == 12_501_632
    assert set(report["groups"][0]) == {"layers", "criterion", "channels_before", "channels_after"}
    assert "train it further" in ran.err
    assert "train it further" in report["warnings"][0]


def test_the_file_computes_on(prune: Run, tmp_path: Path) -> None:
    ran = prune(ZOO_MODEL, "--ratio", 0.5, "--criterion", "l1", "--multiple", 8)
    assert "dscnn.h5: 104 of 208 channels stay" in ran.out
    assert f"wrote{tmp_path}" in "".join(ran.out.split())  # a long path goes to the next line
    source = load_source(tmp_path / "work/new.keras")
    assert source.inputs[0].name == "image"
    assert all(
        source.graph.tensors[op.inputs[1]].shape[0] % 8 == 0 for op in source.graph.ops[:-2] if "pointwise" in op.name
    )


@pytest.mark.parametrize("name", ["k2.h5", "k2.keras", "k3.h5", "k3.keras"])
def test_all_of_kerass_files_can_be_pruned(prune: Run, tmp_path: Path, name: str) -> None:
    """Nothing is removed here, so the outputs must be those of the file."""
    prune(keras_models() / name, "--ratio", 0)
    source = load_source(tmp_path / "work/new.keras")
    inputs = np.load(keras_models() / "inputs.npy")
    got = [one for (one,) in run_litert(source.tflite, [[sample[None]] for sample in inputs])]
    np.testing.assert_allclose(np.concatenate(got), np.load(keras_models() / f"{name[:2]}.npy"), atol=1e-5)


@pytest.mark.parametrize(
    ("model", "options", "says"),
    [
        ("none.h5", ("--ratio", 0.5), "none.h5 does not exist"),
        (ZOO_MODEL, ("--ratio", 1.5), "the ratio 1.5 is not in the range"),
        (
            ZOO_MODEL,
            ("--sram", 500, "--plan", "whole"),
            "dscnn.h5 can't be pruned to 500 bytes of SRAM; the least reachable is 3,920",
        ),
        (ZOO_MODEL, ("--ratio", 0.5, "--multiple", 0), "the multiple 0 is below 1"),
        (ZOO_MODEL, ("--ratio", 0.5, "--keep", "steam"), "dscnn.h5 has no layer steam"),
        (ZOO_MODEL.with_suffix(".tflite"), ("--ratio", 0.5), "is no Keras model (it is tflite)"),
        (ZOO_MODEL, ("--ratio", 0.5, "-o", "new.pt"), "new.pt doesn't end in .keras or .h5"),
        (ZOO_MODEL, ("--ratio", 0.5, "-o", "nowhere/new.keras"), "there is no writable directory for it"),
        (ZOO_MODEL, ("--ratio", 0.5, "-o", ZOO_MODEL), "dscnn.h5 exists"),
    ],
)
def test_mistakes_are_named(prune: Run, model: object, options: tuple[object, ...], says: str) -> None:
    assert says in prune(model, *options, code=1).err


@pytest.mark.parametrize("name", ["lambda3.keras", "only.weights.h5", "own.keras"])
def test_files_that_cannot_be_rewritten_are_named(prune: Run, name: str) -> None:
    assert name in prune(keras_models() / name, "--ratio", 0.5, code=1).err


@pytest.mark.parametrize("options", [(), ("--ratio", 0.5, "--sram", 1000)])
def test_one_goal_is_needed(prune: Run, options: tuple[object, ...]) -> None:
    assert "either --ratio or --sram" in prune(ZOO_MODEL, *options, code=2).err
