# SPDX-License-Identifier: Apache-2.0
"""Whatever a user gets wrong: one sentence, a hint, the right exit code, nothing written, no traceback."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from command import Ran, sapmcu
from reference_models import ROOT, reference_model

from sapmcu.ir.graph import Array

Run = Callable[..., Ran]
ZOO_MODEL = ROOT / "models/fashion_mnist/dscnn.h5"
HELLO = "tflm_hello_world_int8.tflite"
PERSON = "tflm_person_detect.tflite"


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Run a command in an empty directory, and check what holds of every failure."""

    def ran(*arguments: object, code: int = 1) -> Ran:
        work = tmp_path / "work"
        work.mkdir(exist_ok=True)
        monkeypatch.chdir(work)
        result = sapmcu(capsys, monkeypatch, *arguments)
        assert result.code == code, result.err
        assert "Traceback" not in result.err
        lines = result.err.splitlines()
        if code in (1, 3):
            assert sum(line.startswith("error: ") for line in lines) == 1
            assert sum(line.startswith("hint: ") for line in lines) == 1
        assert list(work.iterdir()) == [], "something was written"
        return result

    return ran


def test_no_such_file(run: Run) -> None:
    assert "none.tflite" in run("convert", "none.tflite", "--board", "stm32h7").err


def test_no_board_option_is_a_usage_error(run: Run) -> None:
    assert "--board" in run("convert", "m.tflite", code=2).err


def test_unknown_option(run: Run) -> None:
    assert "--bord" in run("convert", "m.tflite", "--bord", "stm32h7", code=2).err


def test_unknown_board_has_near_matches(run: Run) -> None:
    ran = run("convert", reference_model(HELLO), "--board", "stm32h8")
    assert "there is no board 'stm32h8'" in ran.err
    assert "stm32h7" in ran.err


def test_a_board_too_small_names_numbers_peak_and_boards(run: Run) -> None:
    ran = run("convert", reference_model(PERSON), "--board", "bbc_microbit")
    assert "tflm_person_detect needs 80,016 bytes of SRAM; bbc_microbit has" in ran.err
    assert "flash; bbc_microbit has 262,144" in ran.err
    assert "peak at op 2 CONV_2D: 16,128 + 36,864" in ran.err
    assert "hint: --board " in ran.err


def test_memory_shows_the_report_before_it_says_too_small(run: Run) -> None:
    ran = run("memory", reference_model(PERSON), "--board", "bbc_microbit")
    assert "TOO LITTLE" in ran.out
    assert "needs 82,320 bytes of SRAM" in ran.err


@pytest.mark.parametrize("suffix", [".tflite", ".h5", ".keras", ".onnx"])
@pytest.mark.parametrize("content", [b"", b"not a model at all, only text " * 10], ids=["empty", "text"])
def test_a_file_that_is_no_model(run: Run, tmp_path: Path, suffix: str, content: bytes) -> None:
    path = tmp_path / f"model{suffix}"
    path.write_bytes(content)
    assert f"model{suffix}" in run("convert", path, "--board", "stm32h7").err


@pytest.mark.parametrize("name", [HELLO, "mlperf_ic_resnet.h5", "onnx2c_mnist.onnx"])
def test_a_truncated_file(run: Run, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    data = reference_model(name).read_bytes()
    path.write_bytes(data[: len(data) // 2])
    assert name in run("convert", path, "--board", "stm32h7").err


def test_a_file_of_another_kind(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    path.write_bytes(b"PK\x03\x04")
    assert "torch.onnx.export" in run("convert", path, "--board", "stm32h7").err


def test_a_directory_that_is_no_saved_model(run: Run, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    run("convert", tmp_path / "model", "--board", "stm32h7")


@pytest.mark.parametrize(
    ("samples", "says"),
    [
        (np.zeros((5, 32, 32, 3), np.float32), "one sample has the shape"),
        (np.full((5, 28, 28, 1), np.nan, np.float32), "NaN or infinity"),
        (np.zeros((0, 28, 28, 1), np.float32), "samples"),
        (np.full((5, 28, 28, 1), 0.5, np.float32), "all values for image are 0.5"),
        (np.linspace(0, 1e30, 3920, dtype=np.float32).reshape(5, 28, 28, 1), "lie in 0..1e+30"),
        (np.zeros((5, 28, 28, 1), np.uint8), "--normalize"),
        (np.array(["a", "b"]), "type"),
        (np.zeros((5, 28, 28, 1), object), "can't be read"),
    ],
    ids=["shape", "nan", "empty", "constant", "range", "pixels", "text", "objects"],
)
def test_samples_that_do_not_fit(run: Run, tmp_path: Path, samples: Array, says: str) -> None:
    path = tmp_path / "x.npy"
    np.save(path, samples, allow_pickle=True)
    assert says in run("convert", ZOO_MODEL, "--board", "stm32h7", "--samples", path).err


def test_labels_beyond_the_classes(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "xy.npz"
    np.savez(path, x=np.random.default_rng(0).random((5, 28, 28, 1), np.float32), y=np.array([0, 1, 2, 3, 10]))
    ran = run("convert", ZOO_MODEL, "--board", "stm32h7", "--samples", path)
    assert "y holds the class 10; the model has 10, from 0" in ran.err


def test_samples_that_are_not_there(run: Run) -> None:
    assert (
        "no such file, directory or data set"
        in run("convert", ZOO_MODEL, "--board", "stm32h7", "--samples", "imagenet").err
    )


def test_a_wrong_normalization(run: Run) -> None:
    run("convert", ZOO_MODEL, "--board", "stm32h7", "--normalize", "zero to one")


def test_an_existing_directory_is_not_replaced(run: Run, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/mine").write_text("precious")
    ran = run("convert", reference_model(HELLO), "--board", "stm32h7", "-o", tmp_path / "out", "--force")
    assert "not an output of sapmcu" in ran.err
    assert (tmp_path / "out/mine").read_text() == "precious"


def test_an_output_that_can_not_be_made(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    run("convert", reference_model(HELLO), "--board", "stm32h7", "-o", tmp_path / "file/out")


def test_a_read_only_place(run: Run) -> None:
    """/proc refuses new directories to root, too."""
    run("convert", reference_model(HELLO), "--board", "stm32h7", "-o", "/proc/out")


def test_a_board_file_with_mistakes_lists_them(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('title = "mine"\ncolour = "red"\n')
    ran = run("boards", path)
    assert "mine.toml" in ran.err
    assert "colour" in ran.err


def test_a_bug_says_so(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from sapmcu import pipeline

    monkeypatch.setattr(pipeline, "convert", lambda *_, **__: 1 // 0)
    monkeypatch.setattr("traceback.print_exc", lambda: None)
    assert "this is a bug in sapmcu" in run("convert", "m.tflite", "--board", "stm32h7", code=70).err
